"""Reading in processes: the same images as in threads, whatever becomes of the processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from data_images import deep_picture, encode, picture, whole
from PIL import Image

from automedimg.data import decode_pool, decode_wire, decoding
from automedimg.data.decode_pool import CRASHED
from automedimg.data.decoding import Formed, Item, Wanted, form_all
from automedimg.data.formed import File
from automedimg.data.preprocessing import ALL, Preprocessing

WANTED = Wanted(16, 3, ALL)
TINY = Wanted(4, 1, (Preprocessing(),))

WORKER = """
import os, signal, sys
from automedimg.data import decode_worker, formed
real = formed.form_file

def form_file(file, wanted):
    name = file[0].name
    if name.startswith("crash"):
        os.abort()
    if name.startswith("killed") and not os.path.exists(name + ".seen"):
        open(name + ".seen", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("odd"):
        os.write(1, b"nonsense")
    yield from real(file, wanted)

decode_worker.form_file = form_file
decode_worker.main()
"""
"""A worker that some names of files do harm to."""


def write_all(folder: Path) -> list[Item]:
    """Files of all kinds, some of several images, some that can't be read."""
    grey = Image.fromarray(picture(1))
    Image.fromarray(deep_picture(2)).save(folder / "deep.png")
    (folder / "grey.jpg").write_bytes(encode(grey, "JPEG", quality=80))
    (folder / "same.jpg").write_bytes(encode(grey.convert("RGB"), "JPEG", quality=80))
    rgb = np.stack([picture(3), picture(4), picture(5)], axis=-1)
    (folder / "colour.png").write_bytes(encode(Image.fromarray(rgb), "PNG"))
    (folder / "note.png").write_text("not a picture")
    pages = [Image.fromarray(picture(seed)) for seed in (6, 7)]
    pages[0].save(folder / "stack.tif", save_all=True, append_images=pages[1:])
    names = ["deep.png", "grey.jpg", "same.jpg", "colour.png", "note.png", "gone.png"]
    parts = [(folder / "stack.tif", part) for part in ("1", "0", "9")]
    return [*whole([folder / name for name in names]), *parts]


def told(images: Sequence[Formed | str]) -> list[object]:
    """All of some images, comparable."""
    return [
        one
        if isinstance(one, str)
        else (
            [(s.dtype, s.shape, s.tobytes()) for s in one.squares],
            one.thumbnail.tobytes(),
            one.facts,
            one.look,
            one.stored,
            one.digest,
        )
        for one in images
    ]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few files be enough for processes, of which there are two."""
    monkeypatch.setattr(decoding, "ENOUGH", 1)
    monkeypatch.setattr(decoding, "num_cores", lambda: 2)
    monkeypatch.setattr(decoding, "_FILES", 3)


@pytest.fixture
def fragile(processes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with the worker that can be harmed."""
    (tmp_path / "worker.py").write_text(WORKER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(decode_pool, "COMMAND", (sys.executable, "-P", tmp_path / "worker.py"))


def refuse(files: Sequence[File]) -> list[Formed | str]:
    raise AssertionError(f"read here: {files}")


def levels(paths: list[Path]) -> list[int | str]:
    return [
        one if isinstance(one, str) else int(one.squares[0].flat[0])
        for one in form_all(whole(paths), TINY)
    ]


def write_levels(folder: Path, names: Sequence[str]) -> list[Path]:
    """An even picture for each name; the n-th has the grey level n."""
    paths = [folder / name for name in names]
    for level, path in enumerate(paths):
        path.write_bytes(b"P5 4 4 255\n" + bytes([level]) * 16)
    return paths


def test_processes_read_what_threads_read(
    tmp_path: Path, processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = write_all(tmp_path)
    with decode_pool.DecodePool(WANTED, refuse) as pool:
        files = [(path, [part]) for path, part in items]
        direct = pool.read(files)
    in_order = list(form_all(items, WANTED))
    monkeypatch.setattr(decoding, "ENOUGH", 10**9)
    threads = list(form_all(items, WANTED))
    assert sum(isinstance(one, Formed) for one in threads) == 6
    assert told(threads) == told(in_order) == told(direct)


def test_few_files_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "_Process", refuse)
    monkeypatch.setattr(decoding, "num_cores", lambda: 2)
    assert levels(write_levels(tmp_path, ["a.pgm", "b.pgm"])) == [0, 1]


def test_one_core_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "ENOUGH", 1)
    monkeypatch.setattr(decode_pool, "_Process", refuse)
    monkeypatch.setattr(decoding, "num_cores", lambda: 1)
    assert levels(write_levels(tmp_path, ["a.pgm"])) == [0]


def test_a_file_that_crashes_the_decoder_is_set_aside_alone(tmp_path: Path, fragile: None) -> None:
    names = ["a.pgm", "b.pgm", "crash.pgm", "c.pgm", "crash2.pgm", "d.pgm", "e.pgm"]
    found = levels(write_levels(tmp_path, names))
    assert found == [0, 1, CRASHED, 3, CRASHED, 5, 6]


def test_a_process_that_is_killed_costs_nothing(tmp_path: Path, fragile: None) -> None:
    names = ["a.pgm", "killed.pgm", *(f"{n}.pgm" for n in range(20))]
    assert levels(write_levels(tmp_path, names)) == list(range(22))
    assert (tmp_path / "killed.pgm.seen").exists()


def test_a_process_that_talks_nonsense_costs_nothing(tmp_path: Path, fragile: None) -> None:
    names = ["a.pgm", "odd.pgm", *(f"{n}.pgm" for n in range(9))]
    assert levels(write_levels(tmp_path, names)) == list(range(11))


@pytest.mark.parametrize(
    "command",
    [(sys.executable, "-c", "import sys; sys.exit(3)"), ("/no/such/program",)],
    ids=["ends at once", "can't be started"],
)
def test_without_processes_threads_read(
    tmp_path: Path, processes: None, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(decode_pool, "COMMAND", command)
    assert levels(write_levels(tmp_path, [f"{n}.pgm" for n in range(9)])) == list(range(9))


def test_whoever_stops_listening_leaves_no_process(tmp_path: Path, processes: None) -> None:
    paths = write_levels(tmp_path, [f"{n}.pgm" for n in range(200)])
    others = _children()  # another test's, kept for the next one
    images = form_all(whole(paths), TINY)
    next(images)
    children = _children() - others
    assert len(children) >= 1
    images.close()  # type: ignore[attr-defined]
    assert not children & _children()


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """Nothing of the program that reads is imported by its processes."""
    write_levels(tmp_path, [f"{n}.pgm" for n in range(40)])
    script = tmp_path / "script.py"
    script.write_text(
        "print('begin')\n"
        "from pathlib import Path\n"
        "from automedimg.data import decoding\n"
        "decoding.ENOUGH, decoding.num_cores = 1, lambda: 2\n"
        "items = [(path, '') for path in sorted(Path('.').glob('*.pgm'))]\n"
        "print(len(list(decoding.form_all(items, decoding.Wanted(4, 1)))))\n"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["begin", "40"]


def test_a_worker_imports_nothing_heavy() -> None:
    code = (
        "import sys, automedimg.data.decode_worker\n"
        "print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    heavy = ["keras", "tensorflow", "sklearn", "scipy", "optuna", "h5py", "pydicom"]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *heavy],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_names_that_are_no_text_reach_the_worker() -> None:
    odd = Path(os.fsdecode(b"/d/\xff.png"))
    assert decode_wire.to_files(decode_wire.of_files([(odd, ["1"])])) == [(odd, ["1"])]


def test_what_is_wanted_reaches_the_worker() -> None:
    assert decode_wire.to_wanted(decode_wire.of_wanted(WANTED)) == WANTED


def _children() -> set[int]:
    import psutil

    return {child.pid for child in psutil.Process().children()}
