"""A trial as plain data: what is asked of a worker and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from automedimg.contracts.backbones import TrainMode

TrialState = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class RunContext:
    """What every job of a run shares. All of it survives JSON.

    Args:
        pixels: By name of the preprocessing, the memory-mapped pixel cache: (N, H, W, C), uint8 or,
            where white is at 65535, uint16.
        rows: An npz with ``row``, ``label``, ``split``, ``group`` of each usable image: its row in
            `pixels`, its class index, its split (0 train, 1 validation, 2 test), and the number of
            the group that isn't torn apart, if groups are known.
        features: The folder of the feature cache.
        data_fingerprint: Hash of the images' content, labels and split.
        classes: Labels in output order.
        metric: The metric that selects, by name.
        seed: The search's seed.
        log: File that workers append their own output to.
    """

    pixels: Mapping[str, str]
    rows: str
    features: str
    data_fingerprint: str
    classes: tuple[str, ...]
    metric: str
    seed: int
    log: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunContext:
        """Rebuild it from what `to_json` returned."""
        return cls(**{**data, "classes": tuple(data["classes"])})


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One choice of components and values, to be trained and scored.

    Args:
        number: Its number in the study.
        seed: For weights, data order, dropout and augmentation.
        backbone: Name of the backbone.
        head: Name of the head.
        train: How the backbone is trained.
        backbone_values: Values of the backbone's active parameters.
        head_values: Values of the head's active parameters.
        fit: ``preprocessing``, ``learning_rate``, ``schedule``, ``batch_size``, ``optimizer``,
            ``weight_decay``, ``loss``, ``sampling``, ``changes``, and, where they are active,
            ``plateau_patience``, ``momentum``, ``nesterov``, ``focal_gamma``, ``class_weight``,
            ``views``, ``augmentation`` in [0, 1] and ``unfreeze`` in (0, 1].
        weights: Path of the weight file; None initialises at random.
        epochs: Most epochs to train.
        patience: Epochs without improvement after which training ends.
        folder: Where its history, predictions and model go.
        time_limit_s: Seconds after which it stops at the epoch it has; None is unlimited.
        accumulate: Steps whose gradients are added up to one update: each step then takes
            ``batch_size / accumulate`` images, and less memory.
        checkpoint_s: Seconds between checkpoints in `folder`, which are written at the end of an
            epoch; from one of them a trial that was cut off goes on.
        score_train: Whether its history holds the accuracy on the training images, as it is while
            they train it.
        tensorboard: Whether it writes logs for TensorBoard.
        part_weights: Where several backbones stand side by side (``a+b``), the weight file of each
            that has one, by name; `weights` is None then.

    With a fitted head, `fit` has only ``preprocessing`` and ``views``, and there is one epoch.
    """

    number: int
    seed: int
    backbone: str
    head: str
    train: TrainMode
    backbone_values: Mapping[str, Any]
    head_values: Mapping[str, Any]
    fit: Mapping[str, Any]
    weights: str | None
    epochs: int
    patience: int
    folder: str
    time_limit_s: float | None = None
    accumulate: int = 1
    checkpoint_s: float = 10.0
    score_train: bool = False
    tensorboard: bool = False
    part_weights: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrialSpec:
        """Rebuild it from what `to_json` returned."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """A saved model to be applied to one split.

    Args:
        model: The ``.keras`` file.
        preprocessing: Of the images that it was trained on.
        split: ``train``, ``validation`` or ``test``.
        out: The npz to write: ``row``, ``y_true``, ``y_prob``.
    """

    model: str
    preprocessing: str
    split: Literal["train", "validation", "test"]
    out: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ScoreSpec:
        """Rebuild it from what `to_json` returned."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of a trial.

    Args:
        number: Its number in the study.
        state: ``complete``, ``pruned`` or ``failed``.
        params: What was chosen, by the names that a user would give to ``--fix``.
        value: The metric on the validation split at the chosen epoch; None for a failed trial.
        reason: Why it failed, or what ended it early.
        epochs: Epochs trained.
        best_epoch: The chosen epoch, counted from 1.
        seconds: Wall time of the trial.
        validation: Every metric on the validation split, at the chosen epoch.
        gradcam_layer: The backbone's layer that Grad-CAM reads; empty where no model was kept.
        extracted: Images that went through a frozen backbone for it: those whose features were not
            in the cache.
        extraction_s: Seconds of `seconds` that this took.
    """

    number: int
    state: TrialState
    params: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    reason: str = ""
    epochs: int = 0
    best_epoch: int = 0
    seconds: float = 0.0
    validation: Mapping[str, float] = field(default_factory=dict)
    gradcam_layer: str = ""
    extracted: int = field(default=0, compare=False)
    extraction_s: float = field(default=0.0, compare=False)
