"""Find pretrained weights on this machine, or download them where that is possible."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import socket
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from automedimg.contracts import Weights
from automedimg.data import files

CONNECT_TIMEOUT_S = 3.0

RANDOM = "none"
"""The weight source that is none: networks begin at random, the frozen ones too."""


class WeightStore:
    """Looks weight files up, and downloads at most what is missing.

    Args:
        folders: Searched in order; downloads go to the last one.
        download: Whether to try the network at all.
    """

    def __init__(self, folders: Sequence[Path], *, download: bool = True) -> None:
        self._folders = tuple(folders)
        self._download = download
        self._reachable: dict[str, bool] = {}

    def find(self, weights: Weights) -> Path | None:
        """Return the file of these weights, or None where it can't be had."""
        for folder in self._folders:
            for name in weights.files:
                if (folder / name).is_file():
                    return folder / name
        if not (self._download and weights.url and self._can_reach(weights.url)):
            return None
        return self._fetch(weights)

    def _can_reach(self, url: str) -> bool:
        """Ask each host once, briefly: an offline machine must not wait for every file."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host not in self._reachable:
            try:
                socket.create_connection((host, parts.port or 443), CONNECT_TIMEOUT_S).close()
                self._reachable[host] = True
            except OSError:
                self._reachable[host] = False
        return self._reachable[host]

    def _fetch(self, weights: Weights) -> Path | None:
        target = self._folders[-1] / weights.files[-1]
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.replacing(target) as temporary:
                _download(weights.url, temporary)
                if not _is_as_published(temporary, weights):
                    raise OSError(f"{weights.url} came with a wrong checksum")
        except (OSError, http.client.HTTPException):
            return None
        return target


def sourced_weights(
    declared: Sequence[Weights],
    source: str | None,
    fix: Mapping[str, Any],
    store: WeightStore,
) -> tuple[tuple[Weights, Path], ...]:
    """The weights of a backbone that are to be used, with their files.

    Args:
        declared: What the backbone knows of.
        source: None for whatever is found; `RANDOM`; a name such as ``imagenet`` or that of a
            plugin's own; or the path of a file, taken for the first weights that fit `fix`.
        fix: Parameters that are not searched, by name.
        store: Where files are looked for.
    """
    if source == RANDOM:
        return ()
    if source is not None and (file := Path(source)).is_file():
        fitting = [
            weights
            for weights in declared
            if all(str(fix.get(n, v)) == str(v) for n, v in weights.values.items())
        ]
        return tuple((weights, file) for weights in fitting[:1])
    wanted = [weights for weights in declared if source in (None, weights.name)]
    found = [(weights, store.find(weights)) for weights in wanted]
    return tuple((weights, path) for weights, path in found if path is not None)


def _download(url: str, path: Path) -> None:
    if urlsplit(url).scheme != "https":
        raise OSError(f"weights are only downloaded by https, not from {url}")
    with urllib.request.urlopen(url, timeout=30) as remote, path.open("wb") as local:  # noqa: S310
        shutil.copyfileobj(remote, local)


def _is_as_published(path: Path, weights: Weights) -> bool:
    """Whether a file has the publisher's checksums, as far as there are any."""
    # MD5 guards against a broken download, not against an attacker; most publish nothing else.
    weak = weights.md5 and _digest(path, lambda: hashlib.md5(usedforsecurity=False))
    strong = weights.sha256 and _digest(path, hashlib.sha256)
    return weak == weights.md5 and strong == weights.sha256


def _digest(path: Path, make: Callable[[], Any]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, make).hexdigest()
