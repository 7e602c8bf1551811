"""What is in a data set, and how it is divided; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automedimg.api.given import Listener, as_path
from automedimg.contracts import Notice
from automedimg.registry import Catalog, load_catalog

if TYPE_CHECKING:
    from PIL import Image

    from automedimg.data.dividing import SplitRequest
    from automedimg.data.prepare import PreparedData
    from automedimg.data.resolving import Found, TaskRequest


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
    how = SplitRequest(protocol, seed, as_path(splits), as_path(external_test))
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
    how = SplitRequest(protocol, seed, None, as_path(external_test))
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


def _asked(
    task: str | None,
    data: str | Path | None,
    sample: bool,
    options: Mapping[str, str] | None,
    external_test: str | Path | None,
) -> TaskRequest:
    from automedimg.data.resolving import TaskRequest

    return TaskRequest(task, as_path(data), sample, dict(options or {}), as_path(external_test))


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
