"""What the entry point names: the hooks. Nothing heavy is imported before it is used."""

from collections.abc import Iterator

from automedimg.contracts import (
    BackboneSpec,
    DatasetSpec,
    Event,
    MetricSpec,
    Source,
    StrategySpec,
    hookimpl,
    lazy,
    lazy_attribute,
)

from automedimg_example.listener import log_trial


@hookimpl
def automedimg_datasets() -> Iterator[DatasetSpec]:
    """Offer the task `shapes`."""
    yield DatasetSpec(
        name="shapes",
        summary="Disc or square, drawn by a program",
        factory=lazy("automedimg_example.shapes:Shapes"),
        classes=("disc", "square"),
        source=Source("The automedimg example plugin", licence="Apache-2.0"),
        modality="drawing",
        layout="a folder `disc/` and a folder `square/` of PNG files",
        image_size=32,
        channels=1,
    )


@hookimpl
def automedimg_backbones() -> Iterator[BackboneSpec]:
    """Offer the backbone `tiny`."""
    yield BackboneSpec(
        "tiny",
        "Two convolutions and a global maximum",
        lazy("automedimg_example.tiny:Tiny"),
        tags=("cnn",),
    )


@hookimpl
def automedimg_metrics() -> Iterator[MetricSpec]:
    """Offer the metric `kappa`."""
    yield MetricSpec(
        "kappa",
        "Cohen's kappa of called and true class",
        lazy_attribute("automedimg_example.kappa:kappa"),
        label="Kappa",
        low=-1.0,
        source=Source("Cohen (1960), Educ. Psychol. Meas. 20:37-46"),
    )


@hookimpl
def automedimg_strategies() -> Iterator[StrategySpec]:
    """Offer the strategy `halton`."""
    yield StrategySpec(
        "halton",
        "Quasi-Monte Carlo: Halton's sequence over the choices",
        lazy("automedimg_example.halton:Halton"),
        Source("Bergstra & Bengio (2012), JMLR 13:281-305"),
    )


@hookimpl
def automedimg_event(event: Event) -> None:
    """Append a line for each finished trial to the file that $AUTOMEDIMG_EXAMPLE_LOG names."""
    log_trial(event)
