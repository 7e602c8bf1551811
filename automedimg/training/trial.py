"""Train one trial: from its spec to a scored, saved model."""

from __future__ import annotations

import csv
import gc
import io
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from automedimg.contracts import (
    Backbone,
    BuiltBackbone,
    Decision,
    Head,
    Metric,
    MetricSpec,
    TrialSpec,
)
from automedimg.data import files
from automedimg.evaluation.scores import validation_scores
from automedimg.registry import Catalog
from automedimg.training.backend import make_deterministic
from automedimg.training.batches import Batches, predict_rows, softmax
from automedimg.training.features import cached_features
from automedimg.training.fit import Fit, Objective, Talk, fit
from automedimg.training.losses import make_loss
from automedimg.training.network import Network, freeze_all_but
from automedimg.training.sampling import epoch_size
from automedimg.training.trial_data import Side, TrialData, class_weights, save_predictions

WARM_UP_EPOCHS = 5
"""Epochs that the head of a fine-tuned network trains on cached features first."""


MIN_STEPS = 150
"""Steps that a network from scratch may go without improvement: on few images, many epochs."""


class TrialTalk(Talk, Protocol):
    """A trial's line to the orchestrator, its end included."""

    def scored(self, value: float, log_loss: float) -> Decision:
        """Report the trial's score and wait for whether to keep the model."""


class _Silent:
    """The line of a warm-up, to which nobody listens but for being cancelled."""

    def __init__(self, talk: Talk) -> None:
        self.cancelled = talk.cancelled

    def epoch(self, row: Mapping[str, Any]) -> Decision:
        del row
        return "continue"


class Trial:
    """One trial at work. Use `run` once.

    Args:
        spec: What to train.
        data: The images.
        catalog: Where components and metrics come from.
    """

    def __init__(self, spec: TrialSpec, data: TrialData, catalog: Catalog) -> None:
        self._spec, self._data, self._catalog = spec, data, catalog
        self._train, self._validation = data.side("train"), data.side("validation")
        self._maker: Backbone = catalog.backbones.make(spec.backbone)
        self._built: BuiltBackbone | None = None
        self._head: keras.Model | None = None
        limit = spec.time_limit_s
        # The last epoch must still be scored, and the model be saved, within the limit.
        self._deadline = None if limit is None else time.monotonic() + 0.9 * limit

    def run(self, talk: TrialTalk) -> dict[str, Any]:
        """Train, score, and save what the orchestrator wants kept.

        Returns:
            The fields of a `TrialResult`, JSON-ready.
        Raises:
            TrialFailureError: the loss or the score is not finite.
        """
        start = time.monotonic()
        make_deterministic(self._spec.seed)
        network, outcome = self._fit(talk)
        scores = validation_scores(self._metrics(), self._validation.labels, outcome.y_prob)
        pruned = outcome.ended == "pruned"
        folder = Path(self._spec.folder)
        files.write_text(folder / "history.csv", _as_csv(outcome.history))
        with files.replacing(folder / "predictions.npz") as temporary:
            save_predictions(temporary, self._validation, outcome.y_prob)
        log_loss = outcome.history[outcome.best_epoch - 1]["val_log_loss"]
        if not pruned and talk.scored(outcome.value, log_loss) == "keep":
            self._save(network or self._network(), folder / "model.keras")
        return {
            "state": "pruned" if pruned else "complete",
            "value": outcome.value,
            "reason": "" if outcome.ended == "epochs" else outcome.ended,
            "epochs": len(outcome.history),
            "best_epoch": outcome.best_epoch,
            "seconds": round(time.monotonic() - start, 3),
            "validation": scores,
            "log_loss": log_loss,
            "gradcam_layer": self._built.gradcam_layer if self._built else "",
        }

    def _fit(self, talk: Talk) -> tuple[Network | None, Fit]:
        if self._spec.train == "frozen":
            if self._spec.weights is None:
                self._backbone()  # first of all, so that the seed gives it the same weights again
            features = self._features()
            # Whether the features were there already must not show: start the seed's draws anew.
            make_deterministic(self._spec.seed)
            self._head = self._make_head(features.shape[1])
            return None, self._fit_on(self._head, features, self._spec, talk)
        network = self._network()
        if self._spec.train == "finetune":
            self._warm_up(network, talk)
            freeze_all_but(network.backbone.model, self._spec.fit["unfreeze"])
        model = network.for_training(self._spec.fit["augmentation"], self._spec.seed)
        spec = replace(self._spec, patience=self._patience())
        return network, self._fit_on(model, self._data.pixels, spec, talk)

    def _patience(self) -> int:
        if self._spec.train != "scratch":
            return self._spec.patience
        rows = epoch_size(self._train.labels, self._spec.fit.get("sampling", "none"))
        steps = -(-rows // int(self._spec.fit["batch_size"]))
        return max(self._spec.patience, math.ceil(MIN_STEPS / steps))

    def _warm_up(self, network: Network, talk: Talk) -> None:
        """Train the head alone first: a random head's gradients would wreck the features.

        Source: Kumar et al. (2022), Fine-Tuning can Distort Pretrained Features, ICLR.
        """
        features = self._features()
        fixed = {**self._spec.fit, "learning_rate": 1e-3, "optimizer": "adam", "batch_size": 32}
        brief = replace(self._spec, fit=fixed, epochs=WARM_UP_EPOCHS, patience=WARM_UP_EPOCHS)
        self._fit_on(network.head, features, brief, _Silent(talk))

    def _fit_on(
        self, model: keras.Model, source: npt.NDArray[Any], spec: TrialSpec, talk: Talk
    ) -> Fit:
        chosen = spec.fit
        model.compile(
            optimizer=make_optimizer(chosen),
            loss=make_loss(chosen),
            jit_compile=False,
        )
        # Where classes are sampled to equal numbers, there is no class weight to choose.
        scheme = chosen.get("class_weight", "none")
        weights = class_weights(self._train.labels, self._data.num_classes, scheme)
        batches = Batches(
            source,
            self._train.rows,
            self._train.labels,
            weights,
            chosen["batch_size"],
            spec.seed,
            chosen.get("sampling", "none"),
        )
        metric = self._metric_spec()
        objective = Objective(
            metric.factory(),
            metric.direction == "maximize",
            self._validation.labels,
            lambda: softmax(predict_rows(model, source, self._validation.rows)),
        )
        return fit(model, batches, objective, spec, talk, self._deadline)

    def _features(self) -> npt.NDArray[np.float32]:
        return cached_features(self._spec, self._data, self._maker, self._backbone)

    def _backbone(self) -> BuiltBackbone:
        if self._built is None:
            weights = Path(self._spec.weights) if self._spec.weights else None
            self._built = self._maker.build(
                self._data.input_shape, self._spec.backbone_values, weights
            )
        return self._built

    def _make_head(self, num_features: int) -> keras.Model:
        head: Head = self._catalog.heads.make(self._spec.head)
        return head.build(num_features, self._data.num_classes, self._spec.head_values)

    def _network(self) -> Network:
        """The whole network; around the head that was trained already, if one was."""
        built = self._backbone()
        if self._head is None:
            self._head = self._make_head(built.model.output_shape[-1])
        return Network(built, self._head, self._spec.train)

    def _save(self, network: Network, path: Path) -> None:
        with files.replacing(path) as temporary:
            network.classifier().save(temporary)

    def _metric_spec(self) -> MetricSpec:
        return self._catalog.metrics.get(self._data.context.metric)

    def _metrics(self) -> dict[str, Metric]:
        return self._catalog.metrics.make_all()


def make_optimizer(chosen: Mapping[str, Any]) -> Any:
    """Make the optimizer that a trial chose; weight decay is decoupled from the gradient.

    Source: Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, ICLR.
    """
    kinds = {
        "adam": keras.optimizers.Adam,
        "sgd": lambda **rest: keras.optimizers.SGD(momentum=0.9, nesterov=True, **rest),
        "rmsprop": keras.optimizers.RMSprop,
    }
    return kinds[chosen["optimizer"]](
        learning_rate=chosen["learning_rate"], weight_decay=chosen["weight_decay"]
    )


def score_model(model_path: Path, side: Side, data: TrialData, out: Path) -> None:
    """Apply a saved classifier to one side of the split and write its predictions."""
    model = keras.models.load_model(model_path, safe_mode=True, compile=False)
    y_prob = predict_rows(model, data.pixels, side.rows).astype(np.float64)
    with files.replacing(out) as temporary:
        save_predictions(temporary, side, y_prob)


def forget() -> None:
    """Free what the last trial left behind in Keras."""
    keras.backend.clear_session()
    gc.collect()


def _as_csv(rows: list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
