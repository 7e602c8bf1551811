"""What stands in the folder of the caches: its entries, by kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from automedimg.data import cache_locks, cache_seals, cache_sizes, cache_uses

KINDS = {
    "pixels": "decoded images",
    "scans": "what each file says, and thumbnails",
    "copies": "pairs of near-copies",
    "audits": "what gives the labels away",
    "features": "outputs of backbones without training",
    "samples": "synthetic images",
    "datasets": "images that somebody put or downloaded there",
    "leftovers": "what a killed process left half written",
    "other": "not made by automedimg",
}
"""All kinds, each in words."""

CACHED = ("pixels", "scans", "copies", "audits", "features")
"""Kinds that the next search makes again from the images: a limit is on these."""

_HEX = re.compile(r"[0-9a-f]{24}")
_COPIES = re.compile(r".+-v\d+\.npy")
_FEATURES = re.compile(r".+-[0-9a-f]{8,}\.npy")
_SAMPLE = re.compile(r".+-.+-\d+")

_IS_ENTRY: dict[str, Callable[[Path], bool]] = {
    "pixels": lambda path: path.is_dir() and bool(_HEX.fullmatch(path.name)),
    "scans": lambda path: path.is_dir() and bool(_HEX.fullmatch(path.name)),
    "copies": lambda path: bool(_COPIES.fullmatch(path.name)),
    "audits": lambda path: path.suffix == ".json" and bool(_HEX.fullmatch(path.stem)),
    "features": lambda path: bool(_FEATURES.fullmatch(path.name)),
    "samples": lambda path: path.is_dir() and bool(_SAMPLE.fullmatch(path.name)),
    "datasets": lambda path: path.name[:1] != ".",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the folder of the caches.

    Args:
        kind: One of `KINDS`.
        path: A file or a folder.
        num_bytes: Its size, with its seal's.
        last_used: When it was opened last, in seconds since 1970. Of samples and datasets, which
            may be read by anything, the last time that the system knows of.
        what: What it is of, in words; empty if that is not known.
        in_use: Whether a process that lives uses it.
    """

    kind: str
    path: Path
    num_bytes: int
    last_used: float
    what: str
    in_use: bool

    @property
    def name(self) -> str:
        """Its name in its folder."""
        return self.path.name

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON types."""
        used = datetime.fromtimestamp(self.last_used, UTC).isoformat(timespec="seconds")
        return {
            "kind": self.kind,
            "name": self.name,
            "path": str(self.path),
            "bytes": self.num_bytes,
            "last_used": used,
            "in_use": self.in_use,
            "what": self.what,
        }


def list_entries(cache: Path, kinds: Iterable[str] = tuple(KINDS)) -> list[Entry]:
    """The entries of some kinds, by kind, the last used first.

    Args:
        cache: The folder of the caches; it need not exist.
        kinds: Some of `KINDS`.
    """
    wanted, used = set(kinds), cache_uses.in_use(cache)
    found = [
        _describe(kind, path, is_used(path, used)) for kind, path in _paths(cache) if kind in wanted
    ]
    order = list(KINDS)
    return sorted(found, key=lambda entry: (order.index(entry.kind), -entry.last_used, entry.name))


def is_used(path: Path, used: Container[Path]) -> bool:
    """Whether an entry, or a half-written one, is among those that are used.

    Args:
        path: The entry.
        used: From `cache_uses.in_use`.
    """
    return path in used or any(origin in used for origin in _origins(path))


def _paths(cache: Path) -> Iterator[tuple[str, Path]]:
    for folder in _inside(cache):
        if folder.name in (cache_locks.FOLDER, cache_uses.FOLDER):
            continue
        if folder.name not in _IS_ENTRY or not folder.is_dir():
            yield "other", folder
            continue
        for path in _inside(folder):
            kind = _kind(folder.name, path)
            if kind:
                yield kind, path


def _kind(folder: str, path: Path) -> str:
    """What a path is; empty for the seal of a file that is there."""
    if _IS_ENTRY[folder](path) and not path.name.startswith("."):
        return folder
    if path.suffix == ".json" and path.stem.endswith(".npy"):
        return "" if path.with_suffix("").exists() else "leftovers"
    return "leftovers" if path.name.startswith(".") and "-" in path.name else "other"


def _origins(path: Path) -> list[Path]:
    """The entries that a leftover may have been going to be; see `files.replacing`."""
    stem = path.stem if path.suffix in (".npy", ".json", ".progress") else path.name
    name = stem.removeprefix(".").rpartition("-")[0]
    if not (name and path.name.startswith(".")):
        return []
    return [path.with_name(name + suffix) for suffix in ("", ".npy", ".json")]


def _describe(kind: str, path: Path, in_use: bool) -> Entry:
    num_bytes, newest = cache_sizes.measure(path)
    if kind in ("copies", "features"):
        num_bytes += cache_sizes.measure(cache_seals.seal_path(path))[0]
    last_used = cache_sizes.own_time(path) if kind in CACHED else newest
    return Entry(kind, path, num_bytes, last_used, _in_words(kind, path), in_use)


def _in_words(kind: str, path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}"
    if kind == "samples":
        return f"synthetic images of {path.name.rsplit('-', 2)[0]}"
    if kind in CACHED and (seal := cache_seals.read_seal(path)) is not None:
        about = seal.get("about")
        return str(about.get("what", "")) if isinstance(about, dict) else ""
    return ""


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
