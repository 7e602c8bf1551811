"""What the loop needs to know beside the space, and the job that it makes of a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automedimg.contracts import MetricSpec, TrialSpec
from automedimg.search import models
from automedimg.search.proposing import derive_seed
from automedimg.search.request import SearchRequest
from automedimg.search.space import Choice, SearchSpace
from automedimg.search.stopping import Limits

FINETUNE_EPOCHS = 10
"""Most epochs of fine-tuning: pretrained features need few, and more only cost time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted of a search.

    Args:
        folder: The run directory.
        metric: The metric that selects.
        seed: The search's seed.
        limits: When to stop.
        epochs: Most epochs a trial.
        epoch_patience: Epochs without improvement that end a trial.
        trial_time_s: Most seconds a trial; None is unlimited.
        checkpoint_s: Seconds between two checkpoints of a trial.
        defaults: Configurations by ledger name that are tried first.
        score_train: Whether trials note their accuracy on the training images.
        tensorboard: Whether trials write logs for TensorBoard.
    """

    folder: Path
    metric: MetricSpec
    seed: int
    limits: Limits
    epochs: int
    epoch_patience: int
    trial_time_s: float | None
    checkpoint_s: float
    defaults: Sequence[Mapping[str, Any]]
    score_train: bool = False
    tensorboard: bool = False

    @classmethod
    def of(
        cls, request: SearchRequest, metric: MetricSpec, defaults: Sequence[Mapping[str, Any]]
    ) -> Plan:
        """Return what a request wants.

        Args:
            request: Checked.
            metric: The one that it names.
            defaults: Configurations by ledger name that are tried first.
        """
        return cls(
            folder=request.out,
            metric=metric,
            seed=request.seed,
            limits=request.limits,
            epochs=request.epochs,
            epoch_patience=request.epoch_patience,
            trial_time_s=request.trial_limit_s,
            checkpoint_s=request.checkpoint_s,
            defaults=defaults,
            score_train=request.score_train,
            tensorboard=request.tensorboard,
        )

    @property
    def maximize(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric.direction == "maximize"

    def job(
        self,
        number: int,
        choice: Choice,
        space: SearchSpace,
        *,
        epochs: int | None,
        limit_s: float | None,
        accumulate: int,
    ) -> TrialSpec:
        """Return what a worker needs to know to train a choice.

        Args:
            number: The trial's.
            choice: What was chosen.
            space: What it was chosen from.
            epochs: Most epochs that the strategy allows; None leaves it at the search's.
            limit_s: Seconds that it may take.
            accumulate: Steps whose gradients make one update.
        """
        weights, part_weights = None, {}
        if choice.train != "scratch":
            option = space.backbones[choice.backbone]
            weights = option.weights_for(choice.backbone_values)
            part_weights = option.part_weights(choice.backbone_values)
        most = min(self.epochs, epochs or self.epochs)
        return TrialSpec(
            number=number,
            seed=derive_seed(self.seed, number),
            backbone=choice.backbone,
            head=choice.head,
            train=choice.train,
            backbone_values=choice.backbone_values,
            head_values=choice.head_values,
            fit=choice.fit,
            weights=None if weights is None else str(weights),
            epochs=min(most, FINETUNE_EPOCHS) if choice.train == "finetune" else most,
            patience=self.epoch_patience,
            folder=str(models.trial_folder(self.folder, number)),
            time_limit_s=limit_s,
            accumulate=accumulate,
            checkpoint_s=self.checkpoint_s,
            score_train=self.score_train,
            tensorboard=self.tensorboard,
            part_weights=part_weights,
        )
