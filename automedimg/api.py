"""What scripts call, and all that the command line calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from automedimg.caching import cache_clear, cache_entries, cache_limit, cache_verify
from automedimg.contracts import Event, Executor, Notice
from automedimg.errors import AutomedimgError
from automedimg.registry import Catalog, load_catalog
from automedimg.run import Run

if TYPE_CHECKING:
    from automedimg.data.dividing import SplitRequest
    from automedimg.data.prepare import PreparedData
    from automedimg.data.resolving import Found, TaskRequest
    from automedimg.search.request import SearchRequest
    from automedimg.training.inference import Prediction

Listener = Callable[[Event], None]


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
        data=_path(data),
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
        splits=_path(splits),
        external_test=_path(external_test),
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
        weights_dir=_path(weights_dir),
        cache_dir=_path(cache_dir),
        download=download,
    )
    return _search(request, listener, catalog)


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
    return _search(request, listener, catalog)


def _search(
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


def open_run(folder: str | Path) -> Run:
    """Open the run directory of an earlier search.

    Raises:
        RunError: it is none.
    """
    return Run(folder)


def predict(run: str | Path, images: Iterable[str | Path]) -> list[Prediction]:
    """Classify image files with the best model of a run.

    Raises:
        RunError: `run` is not a run directory, or has no model yet.
    """
    return Run(run).predict(images)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a model looks in one image.

    Args:
        prediction: What it sees.
        picture: The drawing; None if the image can't be read.
    """

    prediction: Prediction
    picture: Path | None


def explain(
    run: str | Path, images: Iterable[str | Path], *, out: str | Path | None = None
) -> Iterator[Explanation]:
    """Draw which parts of each image speak for the class that the best model of a run sees in it.

    Args:
        run: A run directory.
        images: Image files.
        out: Folder of the pictures; None is ``explain`` in the run directory.
    Raises:
        RunError: `run` is not a run directory, has no model yet, or it can't be explained.
    """
    from automedimg.data.files import make_folder
    from automedimg.training.inference import Classifier

    opened = Run(run)
    classifier = Classifier(opened.folder / "best")
    from automedimg.explain.gradcam import GradCam, overlay

    cams = GradCam(classifier.model, classifier.about["gradcam_layer"])
    folder = make_folder(Path(out) if out else opened.folder / "explain")
    for number, prediction in enumerate(classifier.predict(images)):
        image, _ = classifier.read(Path(prediction.path))
        if prediction.probabilities is None or image is None:
            yield Explanation(prediction, None)
            continue
        cam = cams.explain(image, classifier.classes.index(prediction.label))
        drawn = overlay(image, cam)
        both = Image.new("RGB", (2 * drawn.width, drawn.height))
        plain = overlay(image, np.zeros_like(cam))
        both.paste(plain, (0, 0))
        both.paste(drawn, (drawn.width, 0))
        picture = folder / f"{number:04d}-{Path(prediction.path).stem}.png"
        both.save(picture)
        yield Explanation(prediction, picture)


def report(run: str | Path) -> Path:
    """Write the HTML report of a run, and its model card; return the report's path.

    Raises:
        RunError: `run` is not a run directory.
    """
    from automedimg.report import write_report
    from automedimg.report.card import write_card

    opened = Run(run)
    if opened.result is not None:
        write_card(opened.folder / "best" / "card.md", opened.config, opened.result)
    return write_report(opened.folder, opened.trials)


def audit(
    task: str | None = None,
    data: str | Path | None = None,
    *,
    sample: bool = False,
    options: Mapping[str, str] | None = None,
    protocol: str | None = None,
    splits: str | Path | None = None,
    external_test: str | Path | None = None,
    seed: int = 0,
    html: str | Path | None = None,
    cache_dir: str | Path | None = None,
    listener: Listener | None = None,
    catalog: Catalog | None = None,
) -> dict[str, Any]:
    """Say what is in a data set, and what a split of it leaks, without training anything.

    Args:
        task, data, sample, options, protocol, splits, external_test, seed, cache_dir, listener,
            catalog: as for `search`.
        html: File to write the audit to as a page, with the pictures that it found alike.
    Returns:
        What ``audit.json`` of a run holds; ``automedimg audit --json`` prints it.
    Raises:
        AutomedimgError: the images can't be used, or a setting is wrong.
    """
    from automedimg.data.dividing import SplitRequest
    from automedimg.evaluation.auditing import complete_audit

    asked = _asked(task, data, sample, options, external_test)
    how = SplitRequest(protocol, seed, _path(splits), _path(external_test))
    emit = listener or (lambda _: None)
    found, prepared, cache = _prepare(asked, how, cache_dir, emit, catalog or load_catalog())
    told = complete_audit(prepared, found.spec, found.recognised, cache, emit)
    if html is not None:
        from automedimg.report.audit_page import write_audit

        withheld = prepared.flagged()

        def show(name: str) -> Image.Image | None:
            return None if name in withheld else found.listing.picture(name)

        write_audit(Path(html), told, show)
    return told


def split(
    task: str | None = None,
    data: str | Path | None = None,
    *,
    out: str | Path,
    folds: int | None = None,
    inner_folds: int | None = None,
    sample: bool = False,
    options: Mapping[str, str] | None = None,
    protocol: str | None = None,
    external_test: str | Path | None = None,
    seed: int = 0,
    cache_dir: str | Path | None = None,
    listener: Listener | None = None,
    catalog: Catalog | None = None,
) -> list[Path]:
    """Write a split of a data set, or those of a cross-validation, as CSV files for `search`.

    Args:
        out: Folder of the files: ``splits.csv``; with folds ``splits-1.csv`` and so on, each fold
            once the test split; with inner folds ``splits-1-1.csv`` and so on, each inner fold
            once the validation split.
        folds: Folds that tear no group apart; None makes one split.
        inner_folds: Folds of the images outside the test fold, for nested cross-validation.
        task, data, sample, options, protocol, external_test, seed, cache_dir, listener, catalog:
            as for `search`.
    Raises:
        AutomedimgError: the images can't be used, or a class can't be spread.
    """
    from automedimg.data import files
    from automedimg.data.dividing import SplitRequest, divide_in_folds

    asked = _asked(task, data, sample, options, external_test)
    how = SplitRequest(protocol, seed, None, _path(external_test))
    emit = listener or (lambda _: None)
    found, prepared, _ = _prepare(asked, how, cache_dir, emit, catalog or load_catalog())
    named = {"": prepared.splits}
    if folds is not None:
        named = divide_in_folds(
            how, found.spec, prepared.labels, prepared.groups, folds, inner_folds
        )
    folder = files.make_folder(Path(out))
    paths = []
    for name, sides in named.items():
        paths.append(folder / f"splits{name}.csv")
        files.write_text(paths[-1], prepared.splits_csv(sides))
    return paths


def paper(
    paper: str,
    data: str | Path | None = None,
    *,
    sample: bool = False,
    out: str | Path | None = None,
    only: Iterable[str] = (),
    protocols: Iterable[str] = (),
    epochs: int | None = None,
    image_size: int | None = None,
    trials: int | None = None,
    weights: str | None = None,
    instead: Mapping[str, str] | None = None,
    weights_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    download: bool = True,
    workers: int | None = None,
    devices: Iterable[str] | None = None,
    worker_memory_bytes: int | None = None,
    listener: Listener | None = None,
    catalog: Catalog | None = None,
) -> dict[str, Any]:
    """Run a paper's protocol: its models under its split and under a leak-free one.

    Every run is an ordinary run directory. What has finished is not run again, so the same call
    goes on where an earlier one was stopped.

    Args:
        paper: Name of a protocol that ships with automedimg, or the path of a file.
        data, sample, weights_dir, cache_dir, download, workers, devices, worker_memory_bytes: as
            for `search`.
        out: Folder of everything; None makes ``runs/paper-<name>``, with ``-sample`` at its end
            for synthetic images.
        only: Models to run, or single settings of them as a dry run names them; empty takes all.
        protocols: Ways to split; empty takes the protocol's own.
        epochs: Most epochs; those of all models are scaled, so that the largest number is this.
        image_size: Largest image; all are scaled likewise.
        trials: Most trials of what is searched.
        weights: Goes before what the protocol says; ``none`` is random ones.
        instead: Backbones that stand in for others, by the name of the one in the protocol.
        listener, catalog: as for `search`.
    Returns:
        What ``results.json`` in the folder holds; ``paper.html`` beside it shows it.
    Raises:
        AutomedimgError: the protocol, the images or a setting can't be used; or it was stopped.
    """
    from automedimg.papers.files import load_protocol
    from automedimg.papers.finishing import Finisher
    from automedimg.papers.plan import make_plan
    from automedimg.papers.request import PaperRequest
    from automedimg.papers.runner import Runner

    protocol = load_protocol(paper)
    end = "-sample" if sample else ""
    request = PaperRequest(
        paper=paper,
        out=Path(out) if out else Path("runs") / f"paper-{protocol.name}{end}",
        data=_path(data),
        sample=sample,
        only=tuple(only),
        protocols=tuple(protocols),
        epochs=epochs,
        image_size=image_size,
        trials=trials,
        weights=weights,
        instead=dict(instead or {}),
        weights_dir=_path(weights_dir),
        cache_dir=_path(cache_dir),
        download=download,
        workers=workers,
        devices=None if devices is None else tuple(devices),
        worker_memory_bytes=worker_memory_bytes,
    )
    catalog = catalog or load_catalog()
    plan = make_plan(protocol, request)
    emit = _once(listener or (lambda _: None))
    runner = Runner(
        plan,
        request,
        catalog,
        lambda asked, executor: _search(asked, emit, catalog, executor),
        emit,
    )
    try:
        runner.run()
        return Finisher(plan, runner, catalog, emit).finish()
    finally:
        runner.material.close()


def paper_plan(
    paper: str,
    *,
    sample: bool = False,
    only: Iterable[str] = (),
    protocols: Iterable[str] = (),
    epochs: int | None = None,
    image_size: int | None = None,
    trials: int | None = None,
    weights: str | None = None,
    instead: Mapping[str, str] | None = None,
    weights_dir: str | Path | None = None,
    catalog: Catalog | None = None,
) -> dict[str, Any]:
    """Say what `paper` would do: models with their parameters, settings and runs.

    Args:
        paper, sample, only, protocols, epochs, image_size, trials, weights, instead, weights_dir,
            catalog: as for `paper`.
    Raises:
        AutomedimgError: the protocol or a setting can't be used.
    """
    from automedimg.papers.files import load_protocol
    from automedimg.papers.listing import Outliner
    from automedimg.papers.plan import make_plan
    from automedimg.papers.request import PaperRequest

    request = PaperRequest(
        paper=paper,
        out=Path(),
        sample=sample,
        only=tuple(only),
        protocols=tuple(protocols),
        epochs=epochs,
        image_size=image_size,
        trials=trials,
        weights=weights,
        instead=dict(instead or {}),
    )
    plan = make_plan(load_protocol(paper), request)
    return Outliner(plan, catalog or load_catalog(), _path(weights_dir)).outline()


def _once(listener: Listener) -> Listener:
    """Pass events on, and a notice only the first time: many searches would repeat it."""
    heard: set[str] = set()

    def emit(event: Event) -> None:
        if isinstance(event, Notice):
            if event.text in heard:
                return
            heard.add(event.text)
        listener(event)

    return emit


def _asked(
    task: str | None,
    data: str | Path | None,
    sample: bool,
    options: Mapping[str, str] | None,
    external_test: str | Path | None,
) -> TaskRequest:
    from automedimg.data.resolving import TaskRequest

    return TaskRequest(task, _path(data), sample, dict(options or {}), _path(external_test))


def _prepare(
    asked: TaskRequest,
    how: SplitRequest,
    cache_dir: str | Path | None,
    listener: Listener,
    catalog: Catalog,
) -> tuple[Found, PreparedData, Path]:
    """Find, read, group and split images without making pixels of them."""
    from automedimg.data import files, places
    from automedimg.data.decoding import Wanted
    from automedimg.data.prepare import prepare
    from automedimg.data.resolving import resolve

    asked.check(catalog)
    cache = files.make_folder(places.cache_folder(cache_dir))
    found = resolve(asked, catalog, cache)
    if found.recognised:
        listener(Notice(found.recognised))
    wanted = Wanted(found.spec.image_size, found.spec.channels)
    data = prepare(found.spec, found.listing, cache, wanted=wanted, how=how, listener=listener)
    return found, data, cache


def _path(given: str | Path | None) -> Path | None:
    return Path(given) if given else None


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


__all__ = [
    "AutomedimgError",
    "Run",
    "audit",
    "cache_clear",
    "cache_entries",
    "cache_limit",
    "cache_verify",
    "explain",
    "open_run",
    "paper",
    "paper_plan",
    "predict",
    "report",
    "resume",
    "search",
    "split",
]
