"""A protocol: what a paper did, as plain data. `docs/papers.md` describes its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Side = Literal["train", "validation", "test"]

SPLIT_PROTOCOLS = ("random", "patients", "grouped")
"""Ways to split: image by image; by patients; by patients and copies, which does not leak."""

SECTIONS = (
    *("parameters", "data", "scores", "per_class", "epochs", "curves", "confusion", "roc"),
    *("grid", "folds", "tests", "ensembles", "gradcam", "training"),
)
"""What a page may show, in the order in which it shows it; `training` adds scores on the training
side to the tables, for one more pass of its images."""


SCORES = ("accuracy", "auc", "sensitivity", "specificity")
"""Metrics that the tables show unless a file names others."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a model is searched for, where the paper searched.

    Args:
        strategy: What proposes trials.
        trials: Finished trials in all.
        stop: A rule such as ``same:3``.
        patience: Trials without improvement that end it.
        time_s: Seconds for each such search.
    """

    strategy: str = "tpe"
    trials: int | None = None
    stop: str | None = None
    patience: int | None = None
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a run; None leaves one to whatever stands below it.

    Args:
        backbone, head, train, weights, image_size, channels, epochs, epoch_patience, metric,
            preprocessing, seed: As for `automedimg.search`.
        options: Of the task.
        fix: Values of parameters, by name.
        search: None trains one model with what is fixed, and defaults for the rest.
    """

    backbone: str | None = None
    head: str | None = None
    train: str | None = None
    weights: str | None = None
    image_size: int | None = None
    channels: int | None = None
    epochs: int | None = None
    epoch_patience: int | None = None
    metric: str | None = None
    preprocessing: str | None = None
    seed: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    fix: Mapping[str, Any] = field(default_factory=dict)
    search: Search | None = None

    def over(self, below: Settings) -> Settings:
        """These settings, completed by others that they go before."""
        given = {
            each.name: value
            for each in fields(self)
            if (value := getattr(self, each.name)) is not None
        }
        given["options"] = {**below.options, **self.options}
        given["fix"] = {**below.fix, **self.fix}
        return replace(below, **given)


@dataclass(frozen=True, slots=True)
class Model:
    """One of the paper's models.

    Args:
        name: In folders and tables.
        label: What the paper calls it.
        settings: Its own.
        parameters, trainable_parameters: As the paper's table has them; None where it is silent.
    """

    name: str
    label: str
    settings: Settings
    parameters: int | None = None
    trainable_parameters: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One value of an axis: what it changes."""

    name: str
    label: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Axis:
    """Something that was varied: each model is run once for each combination of the axes' steps.

    Args:
        name: Of the axis.
        label: What a table's head calls it.
        steps: Its values.
        models: Names of the models that it is for; empty for all.
        cumulative: Whether a step keeps the changes of those before it: a ladder.
    """

    name: str
    label: str
    steps: tuple[Step, ...]
    models: tuple[str, ...] = ()
    cumulative: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """How the images are split.

    Args:
        protocols: Some of `SPLIT_PROTOCOLS`, the paper's own first.
        test: Share of the test side, in (0, 1).
        validation: Share of the validation side, in (0, 1); None with folds.
        folds: Folds of all that is not test, each once the validation side; None for a single one.
    """

    protocols: tuple[str, ...]
    test: float
    validation: float | None = None
    folds: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that the paper publishes.

    Args:
        model: Name of a model or an ensemble, or two of them with `` - `` between them for a test.
        score: Name of a metric, ``prediction_s``, or ``t``, ``p`` of a comparison.
        value: As published; a share, not per cent.
        side: Of the split.
        where: Page or table.
        variant: Names of the steps, with commas between them; empty for a model without any.
        statistic: What it is of the folds.
    """

    model: str
    score: str
    value: float
    side: Side = "test"
    where: str = ""
    variant: str = ""
    statistic: Literal["mean", "variance"] = "mean"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models to be compared by tests, on a score."""

    first: str
    second: str
    score: str = "accuracy"


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The mean of the probabilities of some models."""

    name: str
    label: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the paper is silent or contradicts itself: what was taken, and why."""

    about: str
    taken: str
    why: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """A paper's protocol.

    Args:
        name: Of its file, without the suffix.
        title, summary: Of the paper, in a few words; of what it does, in a line.
        task: The data set.
        citation, url: Of the paper.
        claim: What it concludes, in a sentence.
        settings: Of all runs.
        split: How the images are split.
        models: What it trained.
        axes: What it varied.
        ensembles, comparisons: Of its models.
        figures: What it published.
        readings: What was taken where it is unclear.
        show: Sections of the page, of `SECTIONS`.
        sample: Goes before everything where the images are synthetic: small and quick.
        sample_folds: Folds there; None keeps the number.
        scores: Metrics that the tables show, in order.
        tensorboard: Whether each trial writes logs for TensorBoard.
        text: The file's own text: two runs are of one protocol if it is the same.
    """

    name: str
    title: str
    summary: str
    task: str
    citation: str
    url: str
    claim: str
    settings: Settings
    split: Split
    models: tuple[Model, ...]
    axes: tuple[Axis, ...] = ()
    ensembles: tuple[Ensemble, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    figures: tuple[Figure, ...] = ()
    readings: tuple[Reading, ...] = ()
    show: tuple[str, ...] = SECTIONS[:-1]
    sample: Settings = field(default_factory=Settings)
    sample_folds: int | None = None
    scores: tuple[str, ...] = SCORES
    tensorboard: bool = False
    text: str = ""

    def model(self, name: str) -> Model:
        """The model of that name; it is there, as the parser saw to."""
        return next(model for model in self.models if model.name == name)
