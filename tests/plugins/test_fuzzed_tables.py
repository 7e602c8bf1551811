"""Damaged tables of labels are read, or refused with a reason: never a crash, never a hang."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from automedimg.data.split_files import read_splits_csv
from automedimg.errors import DataError
from automedimg_tasks.tables import read_table

NUM = 400
LABELS, SIDES = ("no, not", "yes"), ("test", "train", "train")
GOOD = "path,label,patient,split\n" + "".join(
    f'img/{row:03d}.png,"{LABELS[row % 2]}",p{row // 4},{SIDES[row % 3]}\n' for row in range(40)
)
NAMES = [f"img/{row:03d}.png" for row in range(40)]
NASTY = (b"\x00", b'"', b"\xff\xfe", b"\r", b";;;;", b"\t", b",", b"\xef\xbb\xbf", b"\n\n", b"\x1a")


def mutated(seed: int) -> bytes:
    """A good table, damaged in a way that the seed chooses."""
    rng = random.Random(seed)
    content = bytearray(GOOD.encode(rng.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])))
    for _ in range(rng.choice([1, 1, 3, 20])):
        kind, at = rng.randrange(6), rng.randrange(len(content) + 1)
        if kind == 0:
            content[at:at] = rng.choice(NASTY) * rng.choice([1, 1, 50])
        elif kind == 1 and content:
            content[min(at, len(content) - 1)] = rng.randrange(256)
        elif kind == 2:
            del content[at : at + rng.choice([1, 10, 1000])]
        elif kind == 3:
            content = content[:at]
        elif kind == 4:
            content += content[: rng.choice([10, 500])]
        else:
            content[at:at] = b"x" * rng.choice([10, 200_000])
    return bytes(content)


@pytest.mark.parametrize("seed", range(0, NUM, 40))
def test_damaged_tables_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "table.csv"
    ends: Counter[str] = Counter()
    for number in range(seed, seed + 40):
        file.write_bytes(mutated(number))
        try:
            rows = read_table(file, ["path", "label"])
            assert all({"path", "label"} <= set(row) for row in rows)
            ends["read"] += 1
        except DataError as error:
            assert "table.csv" in error.message, error.message
            ends["refused"] += 1
        try:
            sides = read_splits_csv(file, NAMES)
            assert len(sides) == len(NAMES)
            ends["sides"] += 1
        except DataError as error:
            assert "table.csv" in error.message, error.message
            ends["sides refused"] += 1
    assert ends["refused"] and ends["sides refused"]
    assert ends["read"]
