"""The metrics that ship with automedimg, from AUC to expected calibration error."""

from collections.abc import Iterator

from automedimg.contracts import MetricSpec, Source, hookimpl, lazy_attribute

_DISCRIMINATION = "automedimg_metrics.discrimination"
_DECISIONS = "automedimg_metrics.decisions"
_PROBABILITIES = "automedimg_metrics.probabilities"


@hookimpl
def automedimg_metrics() -> Iterator[MetricSpec]:
    """Offer the metrics, grouped by what of a prediction they read."""
    yield from _ranking_metrics()
    yield from _decision_metrics()
    yield from _probability_metrics()


def _ranking_metrics() -> Iterator[MetricSpec]:
    yield MetricSpec(
        "auc",
        "Area under the ROC curve; mean of one-vs-rest for more than two classes",
        lazy_attribute(f"{_DISCRIMINATION}:auc"),
        label="AUC",
        source=Source("Hanley & McNeil (1982), Radiology 143:29-36"),
    )
    yield MetricSpec(
        "average_precision",
        "Area under the precision-recall steps; mean of one-vs-rest for more than two classes",
        lazy_attribute(f"{_DISCRIMINATION}:average_precision"),
        label="Average precision",
        source=Source("Davis & Goadrich (2006), ICML"),
    )


def _decision_metrics() -> Iterator[MetricSpec]:
    # Name, label, summary, origin; for two classes all but the first two are of the second class.
    rows = (
        ("accuracy", "Accuracy", "Share of images whose most probable class is right", ""),
        (
            "balanced_accuracy",
            "Balanced accuracy",
            "Mean over the classes of the share found",
            "Brodersen et al. (2010), ICPR",
        ),
        (
            "sensitivity",
            "Sensitivity",
            "Share of the positives that are found",
            "Yerushalmy (1947)",
        ),
        ("specificity", "Specificity", "Share of the negatives left alone", "Yerushalmy (1947)"),
        ("precision", "Precision", "Share of the positive calls that are right", ""),
        ("f1", "F1", "Harmonic mean of precision and sensitivity", "van Rijsbergen (1979)"),
    )
    for name, label, summary, citation in rows:
        source = Source(citation) if citation else None
        factory = lazy_attribute(f"{_DECISIONS}:{name}")
        yield MetricSpec(name, summary, factory, label=label, source=source)
    yield MetricSpec(
        "mcc",
        "Matthews correlation of called and true class",
        lazy_attribute(f"{_DECISIONS}:mcc"),
        label="MCC",
        low=-1.0,
        source=Source("Matthews (1975); Gorodkin (2004) for more than two classes"),
    )


def _probability_metrics() -> Iterator[MetricSpec]:
    yield MetricSpec(
        "log_loss",
        "Mean negative logarithm of the true class's probability",
        lazy_attribute(f"{_PROBABILITIES}:log_loss"),
        direction="minimize",
        label="Log loss",
        high=None,
        source=Source("Good (1952), J. R. Stat. Soc. B 14:107-114"),
    )
    yield MetricSpec(
        "brier",
        "Mean squared error of the probabilities; up to 1 for two classes, up to 2 for more",
        lazy_attribute(f"{_PROBABILITIES}:brier"),
        direction="minimize",
        label="Brier score",
        high=2.0,
        source=Source("Brier (1950), Mon. Weather Rev. 78:1-3"),
    )
    yield MetricSpec(
        "ece",
        "Expected calibration error: 15 equal bins of the top class's probability",
        lazy_attribute(f"{_PROBABILITIES}:ece"),
        direction="minimize",
        label="ECE",
        source=Source("Guo et al. (2017), ICML"),
    )
