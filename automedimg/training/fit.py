"""The fit loop: train, score every epoch, keep the best, stop when told or when it is time."""

from __future__ import annotations

import keras

from automedimg.contracts import TrialSpec
from automedimg.training.batches import Batches
from automedimg.training.event_log import EventLog
from automedimg.training.keeper import Keeper
from automedimg.training.outcome import Fit, Objective, TrialFailureError
from automedimg.training.talk import Talk
from automedimg.training.watch import Watch

__all__ = ["TrialFailureError", "fit"]


def fit(
    model: keras.Model,
    batches: Batches,
    objective: Objective,
    spec: TrialSpec,
    talk: Talk,
    deadline: float | None,
    keeper: Keeper | None = None,
    log: EventLog | None = None,
) -> Fit:
    """Train a compiled model and leave it with the weights of its best epoch.

    Args:
        model: Ends in logits.
        batches: What it trains on.
        objective: What is measured after each epoch.
        spec: Its epochs and patience count.
        talk: Hears of every epoch.
        deadline: When to stop at the latest, on the monotonic clock.
        keeper: Writes checkpoints. Where it found one, the model is as that left it, and training
            goes on from there; if that was the end, there is none.
        log: Of TensorBoard; None writes none.
    Raises:
        TrialFailureError: the loss or the score is not finite.
    """
    watch = Watch(batches, objective, spec, talk, deadline, keeper, log)
    watch.set_model(model)
    if keeper is not None and keeper.found is not None:
        watch.resume(keeper.found)
    done = len(watch.fit.history)
    if log is not None:
        log.begin(watch.fit.history)
    if done < spec.epochs and watch.fit.ended == "epochs":
        model.fit(
            batches,
            initial_epoch=done,
            epochs=spec.epochs,
            verbose=0,
            callbacks=[watch],
            shuffle=False,
        )
    watch.restore()
    return watch.fit
