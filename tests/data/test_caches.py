"""Entries of the caches: sealed, locked, listed, verified, cleared, limited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automedimg.data import cache_clearing, cache_locks, cache_uses, caches
from automedimg.errors import ConfigurationError

HEX = "0123456789abcdef01234567"
DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit of the user's, and nothing that an earlier test touched."""
    monkeypatch.delenv("AUTOMEDIMG_CACHE_LIMIT", raising=False)
    monkeypatch.setattr(cache_uses, "_mine", {})


def put(cache: Path, kind: str, name: str, size: int = 100, age_s: float = 0.0) -> Path:
    """An entry, sealed, whose array has so many elements."""
    path = cache / kind / name
    array = path if path.suffix else path / "images.npy"
    array.parent.mkdir(parents=True, exist_ok=True)
    np.save(array, np.arange(size, dtype=np.float32).reshape(2, -1))
    caches.seal(path, {"what": f"{kind} of a test"})
    for each in (path, array):
        os.utime(each, (time.time() - age_s,) * 2)
    return path


def fill(cache: Path) -> None:
    """One entry of each kind."""
    put(cache, "pixels", HEX)
    put(cache, "scans", HEX)
    put(cache, "copies", "k-3-all-v1.npy")
    put(cache, "features", "net-0123abcd.npy")
    (cache / "audits").mkdir()
    (cache / "audits" / f"{HEX}.json").write_text(json.dumps({"level": "none", "verdict": "ok"}))
    for folder in ("samples/br35h-0.1-0", "datasets/br35h"):
        (cache / folder).mkdir(parents=True)
        (cache / folder / "image.png").write_bytes(b"image")
    (cache / "notes.txt").write_text("mine")


def names(cache: Path) -> set[str]:
    return {f"{entry.kind}/{entry.name}" for entry in caches.list_entries(cache)}


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that has said that it is ready, and sleeps; it is killed in the end."""
    script = (
        "import sys, time; from pathlib import Path\nfrom automedimg.data import caches\n"
        f"path = Path(sys.argv[1])\n{code}"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline().strip() == "ready"
        try:
            yield running
        finally:
            running.kill()


TOUCHES = "caches.touch(path); print('ready', flush=True); time.sleep(60)"
COMPUTES = """
with caches.computing(path):
    print('ready', flush=True); time.sleep(60)
"""
TEARS = """
with caches.writing(path, {}) as temporary:
    temporary.write_bytes(b'half'); print('ready', flush=True); time.sleep(60)
"""
LEAVES_UNSEALED = """
import numpy as np
from automedimg.data import cache_seals
def late(*arguments):
    print('ready', flush=True); time.sleep(60)
cache_seals._write = late
with caches.writing(path, {}) as temporary:
    np.save(temporary, np.ones_like(np.load(path)))
"""


# Seals


def test_an_entry_is_whole_once_it_is_sealed(tmp_path: Path) -> None:
    path = tmp_path / "x-0123abcd.npy"
    assert not caches.is_whole(path)
    np.save(path, np.ones((3, 2)))
    assert not caches.is_whole(path)
    caches.seal(path, {"what": "ones"})
    assert caches.is_whole(path)
    known = caches.read_seal(path)
    assert known is not None
    assert known["about"] == {"what": "ones"}
    facts = known["files"]["x-0123abcd.npy"]
    assert (facts["shape"], facts["dtype"], facts["bytes"]) == ([3, 2], "<f8", 128 + 48)


@pytest.mark.parametrize("place", [0, 5, 64, 127, 128, 400])
def test_a_flipped_bit_of_a_small_file_is_seen_at_opening(tmp_path: Path, place: int) -> None:
    path = put(tmp_path, "features", "x-0123abcd.npy")
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    assert not caches.is_whole(path)


@pytest.mark.parametrize("place", ["header", "content"])
def test_a_flipped_bit_of_a_large_file(tmp_path: Path, place: str) -> None:
    """In the header it is seen at opening, in the content when everything is verified."""
    path = put(tmp_path, "features", "x-0123abcd.npy", size=1_000_000)
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"500000") if place == "header" else 2_000_000)
        file.write(b"9")
    assert caches.is_whole(path) == (place == "content")
    assert "checksum" in caches.fault(path, deep=True) or place == "header"


@pytest.mark.parametrize(
    "array", [np.zeros((50, 2), np.float32), np.zeros((2, 50), np.int32), np.zeros((2, 49))]
)
def test_another_shape_or_type_is_seen(tmp_path: Path, array: Any) -> None:
    path = put(tmp_path, "features", "x-0123abcd.npy")
    np.save(path, array)
    assert not caches.is_whole(path)


@pytest.mark.parametrize(
    "seal",
    [
        *("", "{", "[]", "null", "{}", "\udcff", "[" * 100_000),
        *(
            '{"format": 1}',
            '{"format": 1, "files": {}}',
            '{"format": 2, "files": {"x-0123abcd.npy": {}}}',
        ),
        *(
            f'{{"format": 1, "files": {{"x-0123abcd.npy": {facts}}}}}'
            for facts in ("null", "[]", "{}")
        ),
        '{"format": 1, "files": {"x-0123abcd.npy": {"bytes": 528}}}',
    ],
)
def test_a_damaged_seal_is_as_good_as_none(tmp_path: Path, seal: str) -> None:
    path = put(tmp_path, "features", "x-0123abcd.npy")
    (tmp_path / "features" / "x-0123abcd.npy.json").write_bytes(
        seal.encode(errors="surrogateescape")
    )
    assert not caches.is_whole(path)
    assert caches.fault(path, deep=True)


def test_a_folder_is_sealed_with_all_that_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "pixels" / HEX
    folder.mkdir(parents=True)
    (folder / "table.json").write_text("{}")
    np.save(folder / "images.npy", np.ones(3))
    caches.seal(folder, {})
    assert caches.is_whole(folder)
    (folder / "table.json").write_text("[]")
    assert "table.json has another checksum" in caches.fault(folder, deep=False)
    (folder / "table.json").unlink()
    assert not caches.is_whole(folder)


@pytest.mark.parametrize("code", [TEARS, LEAVES_UNSEALED])
def test_a_kill_while_writing_leaves_no_entry_that_looks_whole(tmp_path: Path, code: str) -> None:
    """In the middle of the file, and between the file and its seal."""
    path = put(tmp_path, "features", "x-0123abcd.npy", size=1_000_000)
    with process(code, path):
        assert caches.is_whole(path) == (code == TEARS)  # torn: the old one is untouched
    assert caches.is_whole(path) == (code == TEARS)


def test_a_full_disk_leaves_the_old_entry(tmp_path: Path) -> None:
    path = put(tmp_path, "features", "x-0123abcd.npy")
    code = (
        "import resource, sys; from pathlib import Path; import numpy as np\n"
        "from automedimg.data import caches\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "with caches.writing(Path(sys.argv[1]), {}) as temporary:\n"
        "    np.save(temporary, np.ones(1000))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert "OSError" in done.stderr
    assert caches.is_whole(path)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "x-0123abcd.npy",
        "x-0123abcd.npy.json",
    ]


# Locks


def test_one_computes_and_the_other_waits(tmp_path: Path) -> None:
    path = tmp_path / "features" / "x-0123abcd.npy"
    signs: list[float] = []
    with process(COMPUTES, path) as running:
        killer = threading.Timer(2.5, running.kill)
        killer.start()
        began = time.monotonic()
        with caches.computing(path, lambda: signs.append(time.monotonic())) as held:
            # The system took the lock back from the killed process.
            assert held
            assert 2 < time.monotonic() - began < 20
    assert len(signs) >= 2
    assert all(later - sooner >= 0.9 for sooner, later in pairwise(signs))


def test_a_wait_ends(tmp_path: Path) -> None:
    path = tmp_path / "features" / "x-0123abcd.npy"
    with process(COMPUTES, path):
        with caches.computing(path, timeout_s=0.3) as held:
            assert not held
        with pytest.raises(KeyError), caches.computing(path, {}.popitem):
            raise AssertionError("not reached: what `alive` raises ends the wait")


def test_entries_are_locked_one_by_one_and_free_again_after_an_error(tmp_path: Path) -> None:
    one, other = tmp_path / "features" / "x-0123abcd.npy", tmp_path / "features" / "y-0123abcd.npy"
    with pytest.raises(KeyError), caches.computing(one), caches.computing(other, timeout_s=0):
        raise KeyError
    with caches.computing(one, timeout_s=0) as held:
        assert held


def test_where_no_lock_can_be_made_one_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".locks").write_text("a file where the folder belongs")
    with caches.computing(tmp_path / "features" / "x-0123abcd.npy") as held:
        assert not held

    def refuse(*arguments: Any, **settings: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(cache_locks.filelock.FileLock, "acquire", refuse)
    with caches.computing(tmp_path / "sub" / "features" / "x-0123abcd.npy") as held:
        assert not held


# Lists


def test_entries_are_listed_by_kind(tmp_path: Path) -> None:
    assert caches.list_entries(tmp_path / "nowhere") == []
    fill(tmp_path)
    found = {entry.kind: entry for entry in caches.list_entries(tmp_path)}
    assert list(found) == [kind for kind in caches.KINDS if kind != "leftovers"]
    assert found["features"].what == "features of a test"
    array = tmp_path / "features" / "net-0123abcd.npy"
    both = array.stat().st_size + array.with_name("net-0123abcd.npy.json").stat().st_size
    assert found["features"].num_bytes == both
    assert found["samples"].what == "synthetic images of br35h"
    assert found["datasets"].num_bytes == 5
    assert abs(found["pixels"].last_used - time.time()) < 60
    assert not any(entry.in_use for entry in found.values())
    json.dumps([entry.to_json() for entry in found.values()])


def test_what_is_not_automedimgs_is_other_and_never_removed(tmp_path: Path) -> None:
    """As if somebody named their pictures' folder as the folder of the caches."""
    for name in (
        "pixels/holiday/a.jpg",
        "features/list.csv",
        "audits/2024.json",
        "mine/x-0123abcd.npy",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    assert {entry.kind for entry in caches.list_entries(tmp_path)} == {"other"}
    assert caches.clear(tmp_path).removed == ()
    with pytest.raises(ConfigurationError, match="`other` is no kind that can be cleared"):
        caches.clear(tmp_path, ["other"])
    assert len(list(tmp_path.rglob("*.*"))) == 4


def test_half_written_files_and_lone_seals_are_leftovers(tmp_path: Path) -> None:
    put(tmp_path, "features", "x-0123abcd.npy")
    (tmp_path / "features" / "gone-0123abcd.npy.json").write_text("{}")
    (tmp_path / "features" / ".x-0123abcd-abc123.npy").write_text("half")
    (tmp_path / "pixels" / f".{HEX}-abc").mkdir(parents=True)
    found = {e.name for e in caches.list_entries(tmp_path) if e.kind == "leftovers"}
    assert found == {"gone-0123abcd.npy.json", ".x-0123abcd-abc123.npy", f".{HEX}-abc"}
    assert caches.clear(tmp_path, ["leftovers"]).removed == ()  # they may be being written
    for path in tmp_path.rglob("*"):
        os.utime(path, (time.time() - 700,) * 2)
    assert len(caches.clear(tmp_path, ["leftovers"]).removed) == 3
    assert names(tmp_path) == {"features/x-0123abcd.npy"}


# Uses


def test_touching_notes_the_time(tmp_path: Path) -> None:
    path = put(tmp_path, "features", "x-0123abcd.npy", age_s=5 * DAY_S)
    (before,) = caches.list_entries(tmp_path)
    assert abs(before.last_used - (time.time() - 5 * DAY_S)) < 60
    caches.touch(path)
    (after,) = caches.list_entries(tmp_path)
    assert abs(after.last_used - time.time()) < 60
    assert after.in_use
    assert caches.is_whole(path)


def test_what_another_process_uses_stays_until_it_is_killed(tmp_path: Path) -> None:
    path = put(tmp_path, "features", "x-0123abcd.npy", age_s=DAY_S)
    put(tmp_path, "features", "y-0123abcd.npy", age_s=DAY_S)
    with process(TOUCHES, path):
        done = caches.clear(tmp_path)
        assert [entry.name for entry in done.removed] == ["y-0123abcd.npy"]
        assert [entry.name for entry in done.kept] == ["x-0123abcd.npy"]
        assert caches.keep_within(tmp_path, 0).removed == ()
        path.write_bytes(b"torn")
        (checked,) = caches.verify(tmp_path, repair=True)
        assert checked.fault
        assert not checked.removed
        assert path.exists()
    assert [entry.name for entry in caches.clear(tmp_path).removed] == ["x-0123abcd.npy"]
    assert list((tmp_path / ".users").glob("*.json")) == []


def test_what_is_being_written_is_used(tmp_path: Path) -> None:
    path = tmp_path / "features" / "x-0123abcd.npy"
    path.parent.mkdir()
    with process("caches.touch(path)\n" + TEARS, path):
        (torn,) = path.parent.glob(".x-*")
        os.utime(torn, (time.time() - DAY_S,) * 2)
        assert caches.clear(tmp_path, ["leftovers"]).removed == ()
    assert len(caches.clear(tmp_path, ["leftovers"]).removed) == 1


def test_a_use_ends_when_it_is_closed_or_forgotten(tmp_path: Path) -> None:
    path = put(tmp_path, "pixels", HEX)
    for end in ("close", "forget"):
        use: caches.Use | None = caches.Use(tmp_path, [path])
        assert cache_uses.in_use(tmp_path) == {path}
        if use is not None and end == "close":
            use.close()
        use = None
        assert cache_uses.in_use(tmp_path) == set()


def test_users_whose_lock_is_not_seen_are_believed_for_a_day(tmp_path: Path) -> None:
    """On another machine, where a network disk shows its files and not its locks."""
    path = put(tmp_path, "pixels", HEX)
    (tmp_path / ".users").mkdir()
    other = tmp_path / ".users" / "elsewhere.1.abc.json"
    other.write_text(json.dumps([f"pixels/{HEX}"]))
    assert cache_uses.in_use(tmp_path) == {path}
    os.utime(other, (time.time() - 2 * DAY_S,) * 2)
    assert cache_uses.in_use(tmp_path) == set()
    assert not other.exists()


def test_a_list_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".users").mkdir()
    written = tmp_path / ".users" / f".{cache_uses._machine()}.1.abc-temporary.json"
    written.write_text("[")
    assert cache_uses.in_use(tmp_path) == set()
    assert list((tmp_path / ".users").iterdir()) == [written]


@pytest.mark.parametrize("content", ["", "{}", "[1]", "null"])
def test_a_damaged_list_of_uses_harms_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / ".users").mkdir()
    (tmp_path / ".users" / "elsewhere.1.abc.json").write_text(content)
    assert cache_uses.in_use(tmp_path) == set()


# Verifying


def test_sound_caches_are_sound(tmp_path: Path) -> None:
    fill(tmp_path)
    checked = caches.verify(tmp_path)
    assert [one.entry.kind for one in checked] == list(caches.CACHED)
    assert [one.fault for one in checked] == [""] * 5


@pytest.mark.parametrize("kind", caches.CACHED)
@pytest.mark.parametrize("damage", ["cut", "zeros", "empty", "garbage"])
def test_damage_is_found_and_removed_on_demand(tmp_path: Path, kind: str, damage: str) -> None:
    fill(tmp_path)
    (entry,) = (entry for entry in caches.list_entries(tmp_path) if entry.kind == kind)
    path = entry.path / "images.npy" if entry.path.is_dir() else entry.path
    content = path.read_bytes()
    cut = {"cut": content[: len(content) // 2], "zeros": bytes(len(content)), "empty": b""}
    path.write_bytes(cut.get(damage, content[:10] + b"{(" + content[12:]))
    found = [one for one in caches.verify(tmp_path) if one.fault]
    assert [(one.entry.kind, one.removed) for one in found] == [(kind, False)]
    assert path.exists()
    found = [one for one in caches.verify(tmp_path, repair=True) if one.fault]
    assert [(one.entry.kind, one.removed) for one in found] == [(kind, True)]
    assert not entry.path.exists()
    assert not any(one.fault for one in caches.verify(tmp_path))
    assert len(names(tmp_path)) == 7


def test_an_entry_without_a_seal_is_damaged(tmp_path: Path) -> None:
    path = put(tmp_path, "features", "x-0123abcd.npy")
    (tmp_path / "features" / "x-0123abcd.npy.json").unlink()
    (checked,) = caches.verify(tmp_path, repair=True)
    assert "no seal" in checked.fault
    assert not path.exists()


# Clearing


def test_all_but_datasets_and_others_is_cleared(tmp_path: Path) -> None:
    fill(tmp_path)
    planned = caches.clear(tmp_path, dry=True)
    assert len(planned.removed) == 6
    assert len(names(tmp_path)) == 8
    assert len(caches.clear(tmp_path).removed) == 6
    assert names(tmp_path) == {"datasets/br35h", "other/notes.txt"}
    assert not [path for kind in caches.CACHED for path in (tmp_path / kind).iterdir()]
    assert len(caches.clear(tmp_path, ["datasets"]).removed) == 1
    assert names(tmp_path) == {"other/notes.txt"}


def test_kinds_and_ages_are_chosen(tmp_path: Path) -> None:
    put(tmp_path, "features", "old-0123abcd.npy", age_s=40 * DAY_S)
    put(tmp_path, "features", "new-0123abcd.npy", age_s=20 * DAY_S)
    put(tmp_path, "pixels", HEX, age_s=40 * DAY_S)
    caches.clear(tmp_path, ["features"], older_than_s=30 * DAY_S)
    assert names(tmp_path) == {"features/new-0123abcd.npy", f"pixels/{HEX}"}
    caches.clear(tmp_path, older_than_s=30 * DAY_S)
    assert names(tmp_path) == {"features/new-0123abcd.npy"}


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").write_bytes(b"mine")
    (tmp_path / "c" / "datasets").mkdir(parents=True)
    (tmp_path / "c" / "datasets" / "br35h").symlink_to(images)
    (entry,) = caches.list_entries(tmp_path / "c")
    assert entry.what == f"a link to {images}"
    caches.clear(tmp_path / "c", ["datasets"])
    assert names(tmp_path / "c") == set()
    assert (images / "a.png").exists()


def test_what_can_not_be_deleted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "pixels", HEX)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    done = caches.clear(tmp_path)
    assert [entry.name for entry in done.kept] == [HEX]
    assert done.removed == ()


def test_what_another_process_removed_first_is_gone_too(tmp_path: Path) -> None:
    fill(tmp_path)
    entries = caches.list_entries(tmp_path, caches.CACHED)
    for entry in entries:
        shutil.rmtree(entry.path) if entry.path.is_dir() else entry.path.unlink()
    assert len(cache_clearing.discard(tmp_path, entries).removed) == 5


# Limits


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    for age, name in enumerate(("a", "b", "c", "d")):
        put(tmp_path, "features", f"{name}-0123abcd.npy", size=1000, age_s=(10 - age) * DAY_S)
    put(tmp_path, "pixels", HEX, size=1000, age_s=8.5 * DAY_S)
    (tmp_path / "datasets" / "big").mkdir(parents=True)
    (tmp_path / "datasets" / "big" / "x").write_bytes(bytes(100_000))
    os.utime(tmp_path / "features" / "a-0123abcd.npy")  # used a moment ago
    assert caches.keep_within(tmp_path, None).removed == ()
    assert caches.keep_within(tmp_path, 10**6).removed == ()
    planned = caches.keep_within(tmp_path, 14_000, dry=True)
    assert len(names(tmp_path)) == 6
    done = caches.keep_within(tmp_path, 14_000)
    assert [entry.name for entry in done.removed] == ["b-0123abcd.npy", HEX]
    assert planned.removed == done.removed
    assert names(tmp_path) == {f"features/{n}-0123abcd.npy" for n in "acd"} | {"datasets/big"}
    caches.keep_within(tmp_path, 0)
    assert names(tmp_path) == {"datasets/big"}


def test_what_is_in_use_is_passed_over_for_the_next(tmp_path: Path) -> None:
    old = put(tmp_path, "features", "old-0123abcd.npy", size=1000, age_s=9 * DAY_S)
    put(tmp_path, "features", "mid-0123abcd.npy", size=1000, age_s=5 * DAY_S)
    put(tmp_path, "features", "new-0123abcd.npy", size=1000)
    use = caches.Use(tmp_path, [old])
    done = caches.keep_within(tmp_path, 10_000)
    assert [entry.name for entry in done.removed] == ["mid-0123abcd.npy"]
    assert done.kept == ()
    done = caches.keep_within(tmp_path, 0)
    assert [entry.name for entry in done.removed] == ["new-0123abcd.npy"]
    assert [entry.name for entry in done.kept] == ["old-0123abcd.npy"]
    use.close()


@pytest.mark.parametrize(
    ("text", "number"),
    [("20GB", 20 * 10**9), ("1.5 tb", 1_500_000_000_000), ("500M", 500_000_000), ("0", 0)],
)
def test_sizes_are_read(text: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert caches.parse_bytes(text) == number
    monkeypatch.setenv("AUTOMEDIMG_CACHE_LIMIT", text)
    assert caches.wanted_limit() == number


def test_no_limit_and_wrong_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert caches.wanted_limit() is None
    monkeypatch.setenv("AUTOMEDIMG_CACHE_LIMIT", "lots")
    with pytest.raises(ConfigurationError, match=r"CACHE_LIMIT is `lots`; expected a size"):
        caches.wanted_limit()
