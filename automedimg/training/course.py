"""How a trial's network is trained: its head on cached features, fine-tuned, or from scratch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from automedimg.contracts import FittedHead, MetricSpec, TrialSpec
from automedimg.training.accumulation import num_steps
from automedimg.training.assembly import Assembly
from automedimg.training.backend import make_deterministic
from automedimg.training.batches import PREDICTED, Batches, predict_rows, softmax
from automedimg.training.beside import Rows
from automedimg.training.changes import ALL
from automedimg.training.cutting import find_cut
from automedimg.training.event_log import EventLog
from automedimg.training.fit import fit
from automedimg.training.fitting import fit_head, score_head
from automedimg.training.keeper import Keeper
from automedimg.training.lean import LeanHead, make_lean
from automedimg.training.losses import make_loss
from automedimg.training.network import Network, freeze_all_but
from automedimg.training.optimizers import make_optimizer
from automedimg.training.outcome import Fit, Objective
from automedimg.training.precision import FULL, jit_compile
from automedimg.training.sampling import epoch_size
from automedimg.training.talk import Silent, Talk
from automedimg.training.trial_data import TrialData, class_weights

WARM_UP_EPOCHS = 5
"""Epochs that the head of a fine-tuned network trains on cached features first."""

MIN_STEPS = 150
"""Updates that a network from scratch may go without improvement: on few images, many epochs."""


class Course:
    """Trains a trial's network, from its last checkpoint if there is one.

    Args:
        spec: What to train; its time limit counts from now.
        data: The images.
        metric: What selects the epoch.
        parts: Of the network.
        talk: Hears of every epoch.
    """

    def __init__(
        self, spec: TrialSpec, data: TrialData, metric: MetricSpec, parts: Assembly, talk: Talk
    ) -> None:
        self._spec, self._data, self._metric = spec, data, metric
        self._parts, self._talk = parts, talk
        self._train, self._validation = data.side("train"), data.side("validation")
        self._log = EventLog(Path(spec.folder), metric.name) if spec.tensorboard else None
        self._start = time.monotonic()
        limit = spec.time_limit_s
        # The last epoch must still be scored, and the model be saved, within the limit.
        self._deadline = None if limit is None else self._start + 0.9 * limit

    def elapsed(self) -> float:
        """Seconds since the trial began, those of earlier pieces up to the checkpoint included."""
        return time.monotonic() - self._start

    def run(self) -> Fit:
        """Train, and leave the network with the weights of its best epoch.

        Raises:
            TrialFailureError: the loss or the score is not finite.
        """
        if self._spec.train == "frozen":
            return self._fit_head()
        network = self._parts.network()
        if self._spec.train == "finetune":
            freeze_all_but(network.backbone.model, self._spec.fit["unfreeze"])
        model, source = self._trained_part(network)
        keeper = self._prepare(model)
        if self._spec.train == "finetune" and keeper.found is None:
            self._warm_up(network)
        spec = replace(self._spec, patience=self._patience())
        scored = self._scored(model)
        return self._fit_on(model, source, spec, self._talk, keeper, scored=scored)

    def _trained_part(self, network: Network) -> tuple[keras.Model, Rows]:
        """What is trained, and what it takes: where all below a cut stays as it is, what is above.

        Images that change each time pass the lower part anew.
        """
        chosen, parts = self._spec.fit, self._parts
        if self._spec.train == "finetune" and chosen["augmentation"] == 0 and parts.policy == FULL:
            cut = find_cut(network.backbone.model)
            activations = parts.activations(cut) if cut is not None else None
            if cut is not None and activations is not None:
                return network.above(cut), activations
        changes = chosen.get("changes", ALL)
        model = network.for_training(chosen["augmentation"], self._spec.seed, changes)
        return model, self._data.pixels

    def _scored(self, model: keras.Model) -> Callable[[], keras.Model]:
        """Returns what is scored after an epoch: the network as it would be saved now."""
        if self._parts.policy == FULL:
            return lambda: model
        twin = self._parts.saved().for_training(0.0, self._spec.seed)

        def refreshed() -> keras.Model:
            self._parts.saved()
            return twin

        return refreshed

    def _fit_head(self) -> Fit:
        self._parts.draw_weights()
        features = self._parts.features()
        views = self._parts.views(self._train.rows, int(self._spec.fit.get("views", 1)) - 1)
        # Whether the features were there already must not show: start the seed's draws anew.
        make_deterministic(self._spec.seed)
        if self._parts.fitted_head is not None:
            return self._fit_at_once(self._parts.fitted_head, features, views)
        head = self._parts.head(features.shape[1])
        lean = make_lean(head, self._spec)
        if lean is None:
            return self._fit_on(head, features, self._spec, self._talk, self._prepare(head), views)
        spec = replace(self._spec, accumulate=1)  # it is small: there is nothing to save
        fit = self._fit_on(lean, features, spec, self._talk, self._keep(lean), views)
        head.set_weights(lean.get_weights())
        return fit

    def _fit_at_once(self, head: FittedHead, features: Rows, views: Sequence[Rows]) -> Fit:
        start, spec, data = time.monotonic(), self._spec, self._data
        model = fit_head(
            head, features, views, self._train, data.num_classes, spec.head_values, spec.seed
        )
        self._parts.put_head(model)
        self._talk.alive()
        metric = self._metric.factory()
        sides = self._train, self._validation
        return score_head(model, features, *sides, metric, self._talk, start)

    def _prepare(self, model: keras.Model) -> Keeper:
        """Compile a model, and bring it to where a checkpoint left it."""
        _compile(model, self._spec, self._parts.policy)
        return self._keep(model)

    def _keep(self, model: keras.Model | LeanHead) -> Keeper:
        """Bring a model to where a checkpoint left it, if there is one."""
        keeper = Keeper(self._spec, self._data, model, self.elapsed)
        found = keeper.find()
        if found is not None:
            self._start -= found.trial_s
        self._talk.alive()
        return keeper

    def _warm_up(self, network: Network) -> None:
        """Train the head alone first: a random head's gradients would wreck the features.

        Source: Kumar et al. (2022), Fine-Tuning can Distort Pretrained Features, ICLR.
        """
        features = self._parts.features()
        fixed = {**self._spec.fit, "learning_rate": 1e-3, "optimizer": "adam", "batch_size": 32}
        fixed["schedule"] = "cosine"
        brief = replace(
            self._spec, fit=fixed, epochs=WARM_UP_EPOCHS, patience=WARM_UP_EPOCHS, accumulate=1
        )
        lean = make_lean(network.head, brief)
        if lean is None:
            _compile(network.head, brief)
            self._fit_on(network.head, features, brief, Silent(self._talk), None)
        else:
            self._fit_on(lean, features, brief, Silent(self._talk), None)
            network.head.set_weights(lean.get_weights())

    def _patience(self) -> int:
        if self._spec.train != "scratch":
            return self._spec.patience
        rows = epoch_size(self._train.labels, self._spec.fit.get("sampling", "none"))
        updates = -(-rows // int(self._spec.fit["batch_size"]))
        return max(self._spec.patience, math.ceil(MIN_STEPS / updates))

    def _fit_on(
        self,
        model: keras.Model | LeanHead,
        source: Rows,
        spec: TrialSpec,
        talk: Talk,
        keeper: Keeper | None,
        views: Sequence[Rows] = (),
        scored: Callable[[], keras.Model] | None = None,
    ) -> Fit:
        # Where classes are sampled to equal numbers, there is no class weight to choose.
        scheme = spec.fit.get("class_weight", "none")
        batches = Batches(
            source,
            self._train.rows,
            self._train.labels,
            class_weights(self._train.labels, self._data.num_classes, scheme),
            spec.fit["batch_size"],
            spec.seed,
            spec.fit.get("sampling", "none"),
            _steps(spec),
            views,
        )
        rows, at_once = self._validation.rows, max(1, PREDICTED // spec.accumulate)
        objective = Objective(
            self._metric.factory(),
            self._metric.direction == "maximize",
            self._validation.labels,
            lambda: softmax(
                predict_rows(scored() if scored else model, source, rows, at_once, talk.alive)
            ),
        )
        # A warm-up has no keeper, and nobody who would look at its curves.
        log = self._log if keeper is not None else None
        return fit(model, batches, objective, spec, talk, self._deadline, keeper, log)


def _compile(model: keras.Model, spec: TrialSpec, policy: str = FULL) -> None:
    optimizer = make_optimizer(spec.fit, _steps(spec))
    if policy == "mixed_float16":
        # Small gradients would vanish: the loss is scaled up before they are taken.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # Of logits; how probable a class is, does not matter to it.
    metrics = [keras.metrics.CategoricalAccuracy(name="accuracy")] if spec.score_train else None
    loss = make_loss(spec.fit)
    jit = jit_compile(keras.backend.backend())
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=jit)
    # Left to the first step, TensorFlow makes each slot within the trace, by a conditional of its
    # own: tracing takes twice as long, and keeps two thirds more memory for ever.
    optimizer.build(model.trainable_variables)


def _steps(spec: TrialSpec) -> int:
    return num_steps(spec.accumulate, int(spec.fit["batch_size"]))
