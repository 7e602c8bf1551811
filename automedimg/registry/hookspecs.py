"""Every hook of automedimg, on one page.

A plugin is a module (or any object) that an installed package names in the entry-point group
``automedimg``. Its functions carry the name of a hook and the `hookimpl` marker::

    # my_package/plugin.py
    from automedimg.contracts import BackboneSpec, hookimpl, lazy

    @hookimpl
    def automedimg_backbones():
        yield BackboneSpec("tiny", "Two convolutions", lazy("my_package.networks:Tiny"))

    # pyproject.toml
    [project.entry-points.automedimg]
    my_package = "my_package.plugin"

Hooks take no arguments and return specs: small frozen descriptions with a factory that is called
only when the component is used. Keep the plugin's module light: it is imported whenever anything
is listed, so import Keras only behind a factory.
"""

from collections.abc import Iterable

import pluggy

from automedimg.contracts import (
    BackboneSpec,
    DatasetSpec,
    Event,
    ExecutorSpec,
    HeadSpec,
    MetricSpec,
    StrategySpec,
)

hookspec = pluggy.HookspecMarker("automedimg")


@hookspec
def automedimg_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Offer data sets, each a task of its name.

    Example::

        @hookimpl
        def automedimg_datasets():
            yield DatasetSpec(
                "my-task", "Chest films", lazy("my_package.films:Films"),
                classes=("normal", "pneumonia"), source=Source("Me (2026)"),
            )
    """


@hookspec
def automedimg_backbones() -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
    """Offer networks that turn images into features.

    Example::

        @hookimpl
        def automedimg_backbones():
            yield BackboneSpec("tiny", "Two convolutions", lazy("my_package.networks:Tiny"))
    """


@hookspec
def automedimg_heads() -> Iterable[HeadSpec]:  # type: ignore[empty-body]
    """Offer classifiers on features.

    Example::

        @hookimpl
        def automedimg_heads():
            yield HeadSpec("cosine", "Cosine classifier", lazy("my_package.heads:Cosine"))
    """


@hookspec
def automedimg_strategies() -> Iterable[StrategySpec]:  # type: ignore[empty-body]
    """Offer search strategies: an Optuna sampler and pruner each.

    Example::

        @hookimpl
        def automedimg_strategies():
            yield StrategySpec("cmaes", "CMA-ES", lazy("my_package.strategies:CmaEs"))
    """


@hookspec
def automedimg_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Offer metrics on labels and probabilities.

    Example::

        @hookimpl
        def automedimg_metrics():
            yield MetricSpec("kappa", "Cohen's kappa", lazy_attribute("my_package.metrics:kappa"))
    """


@hookspec
def automedimg_executors() -> Iterable[ExecutorSpec]:  # type: ignore[empty-body]
    """Offer places where trials run.

    Example::

        @hookimpl
        def automedimg_executors():
            yield ExecutorSpec("slurm", "SLURM jobs", make_slurm_executor)
    """


@hookspec
def automedimg_event(event: Event) -> None:
    """Hear what happens during a search. A listener can't change a result.

    What it raises is logged once and the listener is not called again in this search.

    Example::

        @hookimpl
        def automedimg_event(event):
            if isinstance(event, TrialFinished):
                print(event.result.number, event.result.value)
    """
