"""Searches, begun and continued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automedimg.api.given import Listener, as_path
from automedimg.api.models import report
from automedimg.contracts import Event, Executor, Notice
from automedimg.registry import Catalog, load_catalog
from automedimg.run import Run

if TYPE_CHECKING:
    from automedimg.search.request import SearchRequest


def search(
    task: str | None = None,
    data: str | Path | None = None,
    *,
    sample: bool = False,
    options: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    trials: int | None = None,
    time_s: float | None = None,
    patience: int | None = None,
    target: float | None = None,
    stop: Iterable[str] = (),
    extend: bool = False,
    metric: str = "auc",
    strategy: str = "tpe",
    protocol: str | None = None,
    splits: str | Path | None = None,
    external_test: str | Path | None = None,
    preprocessing: Iterable[str] = ("stretch",),
    seed: int = 0,
    backbones: Iterable[str] = (),
    heads: Iterable[str] = (),
    fix: Mapping[str, Any] | None = None,
    vary: Iterable[str] = (),
    image_size: int | None = None,
    channels: int | None = None,
    epochs: int = 40,
    epoch_patience: int = 8,
    trial_time_s: float | None = None,
    executor: str = "local",
    address: str | None = None,
    workers: int | None = None,
    devices: Iterable[str] | None = None,
    workers_per_device: int = 1,
    worker_memory_bytes: int | None = None,
    hang_s: float = 300.0,
    checkpoint_s: float = 10.0,
    score_train: bool = False,
    tensorboard: bool = False,
    storage: str | None = None,
    weights: str | None = None,
    weights_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    download: bool = True,
    listener: Listener | None = None,
    catalog: Catalog | None = None,
) -> Run:
    """Find, train, judge and save the best classifier for a task.

    Calling it again with the `out` of an earlier search continues that search; `resume` does the
    same without its settings being repeated.

    Args:
        task: Name of a task; ``automedimg tasks`` lists them. None finds out from `data`.
        data: Folder of the images, or an npz file or table in it; None looks in
            ``$AUTOMEDIMG_DATA/<task>`` and the user's cache, then tries a download.
        sample: Use synthetic images instead.
        options: Of the task, by name; ``automedimg tasks NAME`` lists them.
        out: Run directory; None makes ``runs/<task>-<time>``.
        trials: Finished trials in all; 30 if nothing else limits the search.
        time_s: Seconds for everything, all sessions of a run together.
        patience: Trials without improvement that end the search.
        target: Value of the metric that ends the search.
        stop: A further rule: ``same:N`` or ``same:N,TOLERANCE`` ends the search when N trials in a
            row come to the same result, give or take the tolerance (0.001).
        extend: Whether an existing run may be continued with other limits.
        metric: What selects, on the validation split.
        strategy: What proposes trials: a name, or ``module:Class`` of a sampler of Optuna's kind.
        protocol: ``grouped`` keeps patients and copies on one side of the split; ``published``
            is the publisher's split; ``upright`` is blind to turned copies, and ``random`` to
            all, as many papers are: these leak. None takes the publisher's split where there is
            one, else ``grouped``.
        splits: A CSV file with the columns path and split, as ``splits.csv`` of a run has them.
        external_test: Another folder of the same layout, whose images are the test split.
        preprocessing: What to choose from: ``stretch``, or some of ``crop``, ``pad`` and
            ``standard`` with ``+`` between them; ``all`` for each combination.
        seed: Of the split, the proposals and the training.
        backbones: Names to choose from; empty takes those whose spec says `default`, ``all``
            takes every one.
        heads: The same of heads.
        fix: Parameters that are not searched, by name.
        vary: Parameters of training that are searched only if they are named here: some of
            ``schedule``, ``plateau_patience``, ``momentum``, ``nesterov``, ``changes``.
        image_size: Side in pixels that images are resized to; None takes the task's.
        channels: 1 makes images grey, 3 colour; None takes the task's.
        epochs: Most epochs a trial.
        epoch_patience: Epochs without improvement that end a trial.
        trial_time_s: Most seconds a trial; None takes a fifth of `time_s`, but a minute at least.
        executor: Where trials run.
        address: Of a cluster, for executors that use one.
        workers: Trials at once; None is one a GPU, or one on the CPU.
        devices: GPUs to use, as ``CUDA_VISIBLE_DEVICES`` takes them; None takes all that are
            visible, nothing takes the CPU.
        workers_per_device: Trials at once on each GPU.
        worker_memory_bytes: Memory past which a trial is ended; None is a share of 90 %.
        hang_s: Seconds without a sign of life after which a trial is ended.
        checkpoint_s: Seconds between two checkpoints of a trial, which are written at epochs' ends.
        score_train: Whether to score the best model on the training split, too, and to note each
            trial's training accuracy by epoch.
        tensorboard: Whether each trial writes logs for TensorBoard into its folder.
        storage: URL of a server that keeps the ledger, e.g. ``postgresql://user@host/db``; None
            keeps it in the run directory. Processes with the same `out` and `storage` join.
        weights: Which pretrained weights: ``imagenet`` or another name that a backbone declares,
            the path of a file, or ``none`` for random ones, frozen networks included. None takes
            what is found.
        weights_dir: Folder of pretrained weight files.
        cache_dir: Folder of the caches; None takes ``$AUTOMEDIMG_CACHE`` or the user's cache.
        download: Whether weights may be downloaded.
        listener: Hears every event.
        catalog: Components to choose from; None loads what is installed. Workers load what is
            installed in any case: what a trial uses must be.
    Returns:
        The run; its `test_scores` hold the verdict.
    Raises:
        AutomedimgError: something is wrong that you can do something about.
    """
    from automedimg.search.request import SearchRequest

    request = SearchRequest(
        out=Path(out) if out else _default_out(task, data),
        task=task,
        data=as_path(data),
        sample=sample,
        options=dict(options or {}),
        trials=trials,
        time_s=time_s,
        patience=patience,
        target=target,
        stop=tuple(stop),
        extend=extend,
        metric=metric,
        strategy=strategy,
        protocol=protocol,
        splits=as_path(splits),
        external_test=as_path(external_test),
        preprocessings=tuple(preprocessing),
        seed=seed,
        backbones=tuple(backbones),
        heads=tuple(heads),
        fix=dict(fix or {}),
        vary=tuple(vary),
        image_size=image_size,
        channels=channels,
        epochs=epochs,
        epoch_patience=epoch_patience,
        trial_time_s=trial_time_s,
        executor=executor,
        address=address,
        workers=workers,
        devices=None if devices is None else tuple(devices),
        workers_per_device=workers_per_device,
        worker_memory_bytes=worker_memory_bytes,
        hang_s=hang_s,
        checkpoint_s=checkpoint_s,
        score_train=score_train,
        tensorboard=tensorboard,
        storage=storage,
        weights=weights,
        weights_dir=as_path(weights_dir),
        cache_dir=as_path(cache_dir),
        download=download,
    )
    return run_search(request, listener, catalog)


def resume(
    run: str | Path,
    *,
    extend: bool = False,
    listener: Listener | None = None,
    catalog: Catalog | None = None,
    **changes: Any,
) -> Run:
    """Go on with the search in a run directory, with the settings that it began with.

    Finished trials stay finished; one that was running goes on from its last checkpoint. A search
    that has ended already gives its verdict again.

    Args:
        run: The run directory.
        extend: Whether `changes` may name other limits: `trials`, `time_s`, `patience`, `target`,
            `stop`, `trial_time_s`.
        listener, catalog: As for `search`.
        changes: Arguments of `search` that are to be different. Where and how trials run may
            change, and with `extend` the limits; the rest must be as it was.
    Raises:
        RunError: it is no run directory, or something differs that may not.
        ConfigurationError: an unknown setting.
        AutomedimgError: as for `search`.
    """
    from automedimg.search.request import resumed_request

    opened = Run(run)
    request = resumed_request(opened.config, opened.folder, {**changes, "extend": extend})
    return run_search(request, listener, catalog)


def run_search(
    request: SearchRequest,
    listener: Listener | None,
    catalog: Catalog | None,
    executor: Executor | None = None,
) -> Run:
    """Run a session, and write the report whatever comes of it."""
    from automedimg.search.session import Session

    catalog = catalog or load_catalog()
    request.check(catalog)
    session = Session(request, catalog, _emitter(catalog, listener), executor)
    try:
        session.run()
    except BaseException:
        if session.began:
            with suppress(Exception):  # what ended the search is what the caller must hear of
                report(request.out)
        raise
    report(request.out)
    return Run(request.out)


def _default_out(task: str | None, data: str | Path | None) -> Path:
    name = task or Path(data or "search").resolve().stem
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


def _emitter(catalog: Catalog, listener: Listener | None) -> Listener:
    """Tell the caller's listener and every plugin's; a plugin that raises is heard no more."""

    def emit(event: Event) -> None:
        if listener is not None:
            listener(event)
        for complaint in catalog.notify(event):
            if listener is not None:
                listener(Notice(f"a listener failed and was dropped: {complaint}"))

    return emit
