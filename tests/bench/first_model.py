"""Measures how long a search takes to its first model, on empty caches.

Run: python tests/bench/first_model.py --data BR35H --weights-dir WEIGHTS [--repeats 3]
Seconds from pressing return until the images are read, copies are found, the search begins, the
first trial is finished, the best trial so far has a validation AUC of 0.95, and the audit is
written. `--trees A B` runs
other checkouts in turns with this one, so that they are compared in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]

STAGES = {
    "looking for copies": "read",
    "looking for shortcuts": "copies",
    "searching ": "searching",
}
"""Text of a stage, and what is done when it begins."""

COLUMNS = ("read", "copies", "searching", "first trial", "AUC 0.95", "audit", "end")


def measure(given: argparse.Namespace, tree: Path, folder: Path) -> dict[str, float]:
    """Run the command once, as a user does; return seconds by column, and those of processors."""
    out, cache = folder / "run", folder / "cache"
    for old in (out, cache):
        shutil.rmtree(old, ignore_errors=True)
    command = [
        *(sys.executable, "-P", "-m", "automedimg", "search", "--task", "br35h"),
        *("--data", given.data, "--weights-dir", given.weights_dir, "--offline"),
        *("--cache-dir", cache, "--out", out, "--image-size", "128", "--json"),
        *("--trials", given.trials, "--protocol", given.protocol, *given.more),
    ]
    path = os.pathsep.join([str(tree), str(tree / "plugins")])
    before, began, start = os.times(), time.time(), time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
    )
    found: dict[str, float] = {}

    def listen() -> None:
        for line in process.stderr or ():
            for text, name in STAGES.items():
                if text in line:
                    found.setdefault(name, time.monotonic() - start)

    listener = threading.Thread(target=listen)
    listener.start()
    if process.wait():
        raise SystemExit(f"the search of {tree} failed")
    listener.join()
    found["end"] = time.monotonic() - start
    found["audit"] = (out / "audit.json").stat().st_mtime - began
    after = os.times()
    found["processor"] = sum(after[2:4]) - sum(before[2:4])
    for line in (out / "decisions.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        if row["decision"] == "record" and row["value"] is not None:
            at = datetime.fromisoformat(row["at"]).timestamp() - began
            found.setdefault("first trial", at)
            if row["value"] >= 0.95:
                found.setdefault("AUC 0.95", at)
    return found


def print_table(trees: list[Path], rows: dict[Path, list[dict[str, float]]]) -> None:
    """Medians over the runs, with the range of the first trial's."""
    print(f"| | {' | '.join(COLUMNS)} | processor |")
    print("|---|" + "---:|" * (len(COLUMNS) + 1))
    for tree in trees:
        cells = []
        for name in (*COLUMNS, "processor"):
            known = sorted(row[name] for row in rows[tree] if name in row)
            cells.append(f"{statistics.median(known):.1f}" if known else "-")
            if name == "first trial" and len(known) > 1:
                cells[-1] += f" ({known[0]:.1f} to {known[-1]:.1f})"
        print(f"| {tree.name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights-dir", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--protocol", default="grouped")
    parser.add_argument("--trees", type=Path, nargs="*", default=[], help="other checkouts")
    parser.add_argument("more", nargs="*", help="options of the search, after --")
    given = parser.parse_args()
    trees = [tree.resolve() for tree in (*given.trees, HERE)]
    rows: dict[Path, list[dict[str, float]]] = {tree: [] for tree in trees}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(given.repeats):
            for tree in trees:
                rows[tree].append(measure(given, tree, Path(name)))
    print_table(trees, rows)


if __name__ == "__main__":
    main()
