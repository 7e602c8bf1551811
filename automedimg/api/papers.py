"""Papers' protocols: what they would run, and running it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automedimg.api.given import Listener, as_path
from automedimg.api.searching import run_search
from automedimg.contracts import Event, Notice
from automedimg.registry import Catalog, load_catalog


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
        data=as_path(data),
        sample=sample,
        only=tuple(only),
        protocols=tuple(protocols),
        epochs=epochs,
        image_size=image_size,
        trials=trials,
        weights=weights,
        instead=dict(instead or {}),
        weights_dir=as_path(weights_dir),
        cache_dir=as_path(cache_dir),
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
        lambda asked, executor: run_search(asked, emit, catalog, executor),
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
    return Outliner(plan, catalog or load_catalog(), as_path(weights_dir)).outline()


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
