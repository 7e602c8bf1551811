"""From a folder of images to labelled, grouped, split rows of the pixel cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from automedimg.contracts import (
    DatasetSpec,
    Notice,
    Record,
    SetAside,
    StageAdvanced,
    StageStarted,
)
from automedimg.contracts.events import Event
from automedimg.data import audit, finding, notices, pixels, splits
from automedimg.data.decoding import Wanted
from automedimg.data.dividing import SplitRequest, divide
from automedimg.data.grouping import Copies, find_groups
from automedimg.data.listing import Listing
from automedimg.data.split_files import SplitRow, write_splits_csv
from automedimg.data.splits import IntArray, SplitArray
from automedimg.errors import DataError

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
        protocol: How they were split.
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
    protocol: str
    pixels: pixels.PixelCache
    fingerprint: str
    audit: dict[str, Any]

    def flagged(self) -> set[str]:
        """Names of the images whose pixels may show a person's name."""
        flags = self.pixels.scan.flags
        rows = self.rows.tolist() if flags else ()
        return {self.records[n].name for n, row in enumerate(rows) if row in flags}

    def splits_csv(self, sides: SplitArray | None = None) -> str:
        """A split as CSV text with the columns path, label, group, split.

        Args:
            sides: Another split of the same images; None is that of this data set.
        """
        chosen = self.splits if sides is None else sides
        return write_splits_csv(
            SplitRow(record.name, record.label, int(group), splits.SPLITS[side])
            for record, group, side in zip(self.records, self.groups, chosen, strict=True)
        )


def prepare(
    spec: DatasetSpec,
    listing: Listing,
    cache: Path,
    *,
    wanted: Wanted,
    how: SplitRequest,
    listener: Listener,
    when_read: Callable[[pixels.PixelCache], None] | None = None,
) -> PreparedData:
    """Read, group and split a data set.

    Args:
        spec: The task, specialised.
        listing: Its images.
        cache: The folder of the caches.
        wanted: Size, channels and preprocessings of the pixels.
        how: How to split.
        listener: Hears about the progress.
        when_read: Called once the images have been read, before they are grouped and split.
    Raises:
        DataError: nothing readable, one class only, or a class too small to be split.
    """
    decoded = _read_pixels(listing, cache, wanted, listener)
    scan, rows = decoded.scan, decoded.scan.readable()
    records = tuple(listing.records[row] for row in rows)
    _check_classes(spec, records, scan.reasons, listing.root)
    if when_read is not None:
        when_read(decoded)
    codes = {name: number for number, name in enumerate(spec.classes)}
    labels = np.asarray([codes[record.label] for record in records], dtype=np.int64)

    listener(StageStarted("looking for copies", len(scan)))
    digests = [scan.digests[row] for row in rows]
    # The thumbnail of an image that could not be read is blank.
    copies = Copies(
        decoded.thumbnails(),
        cache / "copies",
        decoded.key,
        rows=rows,
        progress=lambda done: listener(StageAdvanced(done)),
        note=lambda text: listener(Notice(text)),
    )
    grouping = find_groups(records, digests, copies)
    external = rows >= len(listing.records) - listing.num_external
    split, protocol = divide(how, spec, records, labels, digests, copies, grouping, external)
    set_aside = [
        *listing.set_aside,
        *(SetAside(listing.records[row].name, reason) for row, reason in scan.reasons.items()),
    ]
    report = audit.describe_data(records, set_aside, spec.classes, grouping)
    report |= audit.describe_files(records, scan, rows)
    report |= audit.describe_split(records, labels, grouping, split, spec.classes, protocol)
    synthetic = finding.is_synthetic(listing.root)
    notices.tell(spec, report, synthetic, listener)
    return PreparedData(
        root=listing.root,
        synthetic=synthetic,
        records=records,
        rows=rows,
        labels=labels,
        groups=grouping.groups,
        splits=split,
        protocol=protocol,
        pixels=decoded,
        fingerprint=_fingerprint(decoded.key, records, split),
        audit=report,
    )


def _read_pixels(
    listing: Listing, cache: Path, wanted: Wanted, listener: Listener
) -> pixels.PixelCache:
    number = len(listing.records)
    listener(StageStarted(f"reading {number} images in {listing.root}", number))
    return pixels.open_pixels(
        listing.items(),
        cache,
        wanted,
        progress=lambda done: listener(StageAdvanced(done)),
        note=lambda text: listener(Notice(text)),
    )


def _check_classes(spec: DatasetSpec, records: Sequence[Record], reasons: Any, root: Path) -> None:
    if not records:
        reason = next(iter(reasons.values()))
        raise DataError(
            f"none of the {len(reasons)} images in `{root}` can be read (first: {reason})"
        )
    present = {record.label for record in records}
    absent = [name for name in spec.classes if name not in present]
    if absent:
        raise DataError(
            f"`{root}` has no readable image of class `{absent[0]}`; "
            f"expected images of {', '.join(f'`{name}`' for name in spec.classes)}",
            "a classifier needs at least two classes; check that the folder is complete",
        )


def _fingerprint(key: str, records: Sequence[Record], split: SplitArray) -> str:
    digest = hashlib.sha256(key.encode())
    for record, side in zip(records, split, strict=True):
        digest.update(f"\n{record.name}\t{record.label}\t{int(side)}".encode())
    return digest.hexdigest()[:24]
