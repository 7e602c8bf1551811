"""From a folder of images to labelled, grouped, split rows of the pixel cache."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from automedimg.contracts import Dataset, DatasetSpec, Notice, Record, StageAdvanced, StageStarted
from automedimg.contracts.events import Event
from automedimg.data import audit, finding, pixels, splits
from automedimg.data.duplicates import find_copies
from automedimg.data.splits import IntArray, SplitArray
from automedimg.errors import DataError

Protocol = Literal["grouped", "upright", "random"]
"""How to split: leak-free; blind to mirrored copies; blind to groups altogether."""
Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class PreparedData:
    """Everything that a search knows of a data set.

    Args:
        root: The folder that paths are relative to.
        synthetic: Whether the images were generated.
        records: The readable images.
        rows: Row of each record in the pixel cache, int64 (N,).
        labels: Class index of each record, int64 (N,).
        groups: Group of each record, int64 (N,).
        splits: 0 train, 1 validation, 2 test, int8 (N,).
        pixels: The pixel cache.
        fingerprint: Hash of the images' content, labels and split.
        audit: What `automedimg.data.audit` says, JSON-ready.
    """

    root: Path
    synthetic: bool
    records: tuple[Record, ...]
    rows: IntArray
    labels: IntArray
    groups: IntArray
    splits: SplitArray
    pixels: pixels.PixelCache
    fingerprint: str
    audit: dict[str, Any]

    def splits_csv(self) -> str:
        """The split as CSV text with the columns path, label, group, split."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", "label", "group", "split"])
        for record, group, split in zip(self.records, self.groups, self.splits, strict=True):
            writer.writerow([record.path, record.label, int(group), splits.SPLITS[split]])
        return text.getvalue()


def prepare(
    spec: DatasetSpec,
    dataset: Dataset,
    root: Path,
    cache: Path,
    *,
    size: int,
    protocol: Protocol,
    seed: int,
    listener: Listener,
) -> PreparedData:
    """Read, group and split a data set.

    Args:
        spec: The task.
        dataset: What its factory returned.
        root: What `finding.find_data` returned.
        cache: The folder of the caches.
        size: Side of the square that images are resized to, in pixels.
        protocol: ``grouped`` tears no group apart; ``upright`` does so where copies are mirrored,
            and ``random`` wherever it likes: these two are for comparison.
        seed: Of the split.
        listener: Hears about the progress.
    Raises:
        DataError: nothing readable, one class only, or a class too small to be split.
    """
    if protocol not in get_args(Protocol):
        raise DataError(
            f"unknown protocol `{protocol}`; expected one of {', '.join(get_args(Protocol))}"
        )
    found, strange = _sane_names(tuple(dataset.records(root)))
    _check_labels(spec, found, root)
    decoded = _read_pixels(found, root, cache, size, spec.channels, listener)
    usable = [row for row, reason in enumerate(decoded.reasons) if not reason]
    records = tuple(found[row] for row in usable)
    _check_classes(spec, records, decoded, root)
    rows = np.asarray(usable, dtype=np.int64)
    labels = np.asarray([spec.classes.index(record.label) for record in records], dtype=np.int64)

    listener(StageStarted("looking for copies"))
    exact = audit.exact_pairs([decoded.digests[row] for row in usable])
    near = _only_new(find_copies(decoded.thumbnails()[rows]), exact, len(records))
    patients = audit.patient_pairs(records)
    groups = audit.make_groups(len(records), exact, near, patients)
    kept_together = groups
    if protocol == "upright":
        upright = find_copies(decoded.thumbnails()[rows], symmetries="none")
        kept_together = audit.make_groups(len(records), exact, upright, patients)
    split = _split(spec, labels, kept_together, protocol, seed)
    unreadable = strange + [
        (found[row].path, reason) for row, reason in enumerate(decoded.reasons) if reason
    ]
    report = audit.describe_data(records, unreadable, spec.classes, exact, near, groups)
    report |= audit.describe_split(labels, groups, split, spec.classes, protocol)
    synthetic = finding.is_synthetic(root)
    _notice(spec, report, synthetic, listener)
    return PreparedData(
        root=root,
        synthetic=synthetic,
        records=records,
        rows=rows,
        labels=labels,
        groups=groups,
        splits=split,
        pixels=decoded,
        fingerprint=_fingerprint(decoded.key, records, split),
        audit=report,
    )


def _sane_names(
    records: tuple[Record, ...],
) -> tuple[tuple[Record, ...], list[tuple[str, str]]]:
    """Records whose paths are text, and (path, reason) of the others.

    File systems allow names that no encoding explains; nothing that we write could hold them.
    """
    sane, strange = [], []
    for record in records:
        printable = record.path.encode("utf-8", "backslashreplace").decode()
        if printable == record.path:
            sane.append(record)
        else:
            strange.append((printable, "the file's name is not valid Unicode"))
    return tuple(sane), strange


def _read_pixels(
    records: Sequence[Record],
    root: Path,
    cache: Path,
    size: int,
    channels: int,
    listener: Listener,
) -> pixels.PixelCache:
    listener(StageStarted(f"reading {len(records)} images in {root}", len(records)))
    return pixels.open_pixels(
        [root / record.path for record in records],
        cache,
        size=size,
        channels=channels,
        progress=lambda done: listener(StageAdvanced(done)),
    )


def _split(
    spec: DatasetSpec, labels: IntArray, groups: IntArray, protocol: Protocol, seed: int
) -> SplitArray:
    test, validation = spec.test_fraction, spec.validation_fraction
    fractions = (1.0 - test - validation, validation, test)
    if protocol == "random":
        return splits.random_split(labels, fractions, seed, spec.classes)
    return splits.grouped_split(labels, groups, fractions, seed, spec.classes)


def _only_new(near: IntArray, exact: IntArray, num: int) -> IntArray:
    """Drop near-duplicate pairs that are exact duplicates."""
    same = audit.make_groups(num, exact)
    return np.asarray(near[same[near[:, 0]] != same[near[:, 1]]])


def _check_labels(spec: DatasetSpec, records: Sequence[Record], root: Path) -> None:
    if not records:
        raise DataError(
            f"no images in `{root}`; expected {spec.layout or 'images'}",
            "check `--data`, or try `--sample`",
        )
    strange = sorted({record.label for record in records} - set(spec.classes))
    if strange:
        raise DataError(
            f"task `{spec.name}` gave the label `{strange[0]}`; "
            f"expected one of {', '.join(spec.classes)}",
            "this is a mistake in the dataset plugin",
        )


def _check_classes(
    spec: DatasetSpec, records: Sequence[Record], decoded: pixels.PixelCache, root: Path
) -> None:
    if not records:
        reason = next(reason for reason in decoded.reasons if reason)
        raise DataError(
            f"none of the {len(decoded.reasons)} files in `{root}` can be read (first: {reason})"
        )
    present = {record.label for record in records}
    absent = [name for name in spec.classes if name not in present]
    if absent:
        raise DataError(
            f"`{root}` has no readable image of class `{absent[0]}`; "
            f"expected images of {', '.join(f'`{name}`' for name in spec.classes)}",
            "a classifier needs at least two classes; check that the folder is complete",
        )


def _notice(spec: DatasetSpec, report: dict[str, Any], synthetic: bool, listener: Listener) -> None:
    """Tell the user what they should know before they believe any number."""
    if report["unreadable"]:
        first = report["unreadable"][0]
        number = len(report["unreadable"])
        listener(Notice(f"{number} file(s) set aside, e.g. {first['path']}: {first['reason']}"))
    if report["label_conflicts"]:
        number = len(report["label_conflicts"])
        listener(Notice(f"{number} set(s) of copies carry different labels", important=True))
    leakage = report["leakage"]
    if leakage["leaking_images"]:
        listener(
            Notice(
                f"LEAK: {leakage['leaking_images']} of {leakage['test_images']} test images "
                f"({leakage['percent']:.1f} %) have a copy or the same patient in training or "
                "validation under this split",
                important=True,
            )
        )
    expected = sum(spec.expected_counts.values())
    if not synthetic and expected and report["images"] < 0.9 * expected:
        listener(Notice(f"{report['images']} images; the complete data set has {expected}"))


def _fingerprint(key: str, records: Sequence[Record], split: SplitArray) -> str:
    digest = hashlib.sha256(key.encode())
    for record, side in zip(records, split, strict=True):
        digest.update(f"\n{record.path}\t{record.label}\t{int(side)}".encode())
    return digest.hexdigest()[:24]
