"""Weight files: looked up first, downloaded only by https, whole and unharmed."""

from __future__ import annotations

import hashlib
import io
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from automedimg.contracts import Weights
from automedimg.search.weights import WeightStore

CONTENT = b"weights" * 100
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def weights(url: str = "https://host.example/net.h5", md5: str = MD5) -> Weights:
    return Weights("imagenet", {}, ("preferred.keras", "published.h5"), url, md5)


class Network:
    """Stands for the network; counts what is asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hosts: list[tuple[str, int]] = []
        self.urls: list[str] = []
        self.reachable = True
        self.answer: Callable[[], Any] = lambda: io.BytesIO(CONTENT)
        monkeypatch.setattr(socket, "create_connection", self._connect)
        monkeypatch.setattr(urllib.request, "urlopen", self._open)

    def _connect(self, address: tuple[str, int], *_: Any) -> io.BytesIO:
        self.hosts.append(address)
        if not self.reachable:
            raise TimeoutError("no route")
        return io.BytesIO()

    def _open(self, url: str, **_: Any) -> Any:
        self.urls.append(url)
        return self.answer()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


def put(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(CONTENT)
    return folder / name


def test_the_first_folder_wins_over_the_preferred_name(tmp_path: Path, network: Network) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    store = WeightStore([first, second])
    in_second = put(second, "preferred.keras")
    assert store.find(weights()) == in_second
    published = put(first, "published.h5")
    assert store.find(weights()) == published
    preferred = put(first, "preferred.keras")
    assert store.find(weights()) == preferred
    assert network.hosts == []


def test_a_folder_of_the_files_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "preferred.keras").mkdir()
    assert WeightStore([tmp_path], download=False).find(weights()) is None


@pytest.mark.parametrize("right", [True, False])
def test_a_sha256_is_checked_too(tmp_path: Path, network: Network, right: bool) -> None:
    digest = hashlib.sha256(CONTENT if right else b"other").hexdigest()
    asked = replace(weights(md5=""), sha256=digest)
    assert (WeightStore([tmp_path]).find(asked) is not None) == right
    assert len(list(tmp_path.iterdir())) == right


def test_what_is_missing_is_downloaded_once_to_the_last_folder(
    tmp_path: Path, network: Network
) -> None:
    store = WeightStore([tmp_path / "mine", tmp_path / "keras" / "models"])
    found = store.find(weights())
    assert found == tmp_path / "keras" / "models" / "published.h5"
    assert found.read_bytes() == CONTENT
    assert store.find(weights()) == found
    assert len(network.urls) == 1
    assert not (tmp_path / "mine").exists()


def test_an_unreachable_host_is_asked_once(tmp_path: Path, network: Network) -> None:
    network.reachable = False
    store = WeightStore([tmp_path])
    for number in range(3):
        assert store.find(weights(f"https://host.example/{number}.h5")) is None
    assert network.hosts == [("host.example", 443)]
    assert network.urls == []
    assert store.find(weights("https://other.example:8443/a.h5")) is None
    assert network.hosts[1:] == [("other.example", 8443)]


@pytest.mark.parametrize("url", ["https://host.example/net.h5", ""])
def test_offline_means_offline(tmp_path: Path, network: Network, url: str) -> None:
    assert WeightStore([tmp_path], download=not url).find(weights(url)) is None
    assert network.hosts == network.urls == []


@pytest.mark.parametrize("scheme", ["http", "ftp", "file"])
def test_only_https_is_downloaded(tmp_path: Path, network: Network, scheme: str) -> None:
    assert WeightStore([tmp_path]).find(weights(f"{scheme}://host.example/net.h5")) is None
    assert network.urls == []
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_checksum_leaves_nothing(tmp_path: Path, network: Network) -> None:
    store = WeightStore([tmp_path])
    assert store.find(weights(md5="0" * 32)) is None
    assert list(tmp_path.iterdir()) == []
    assert WeightStore([tmp_path], download=False).find(weights()) is None


def test_a_wrong_checksum_is_not_used_at_once(tmp_path: Path, network: Network) -> None:
    assert WeightStore([tmp_path]).find(weights(md5="0" * 32)) is None


def test_without_a_published_checksum_the_file_is_taken(tmp_path: Path, network: Network) -> None:
    assert WeightStore([tmp_path]).find(weights(md5="")) == tmp_path / "published.h5"


def test_a_download_that_breaks_off_leaves_nothing(tmp_path: Path, network: Network) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise ConnectionResetError("gone")

    network.answer = Broken
    assert WeightStore([tmp_path]).find(weights()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_written_means_no_weights(
    tmp_path: Path, network: Network
) -> None:
    (tmp_path / "file").touch()
    assert WeightStore([tmp_path / "file" / "below"]).find(weights()) is None
