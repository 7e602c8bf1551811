"""Measures whether memory stays where it was over many trials.

Run: python tests/bench/memory.py [--trials 200] [--heads]
Searches small networks on synthetic images, or heads on a frozen one, and prints the memory of
their own (resident, without the pages of open files) that the search's process and its worker have
after some trials. Workers are compared with one that has run the same first five trials and was not
replaced meanwhile.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

import automedimg
from automedimg.contracts import Event, TrialFinished
from automedimg.executing import own_memory
from automedimg.search import local
from automedimg.training.backend import load_keras
from automedimg_tasks.br35h import write_phantoms

SHOWN = (1, 2, 5, 10, 25, 50, 75, 100, 125, 150, 175, 200)


def alone(process: psutil.Process) -> int:
    """Bytes of a process without its children."""
    found = process.memory_info()
    return int(found.rss - getattr(found, "shared", 0))


class Watch:
    """Notes the memory after each trial."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.workers: list[int] = []
        self.pids: list[int] = []

    def hear(self, event: Event) -> None:
        if not isinstance(event, TrialFinished):
            return
        me = psutil.Process()
        workers = [child for child in me.children() if "worker" in " ".join(child.cmdline())]
        self.parent.append(alone(me))
        self.workers.append(max((own_memory(worker) for worker in workers), default=0))
        self.pids.append(workers[0].pid if workers else 0)


def write_weights(folder: Path) -> Path:
    """Write random weights under the name of pretrained ones."""
    folder.mkdir()
    network = load_keras().applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    network.save_weights(folder / "mobilenetv2_0.35_224.weights.h5")
    return folder


def measure(folder: Path, chosen: dict[str, Any], trials: int) -> Watch:
    """Search, and watch."""
    watch = Watch()
    automedimg.search(
        "br35h",
        folder / "data",
        out=folder / f"run-{trials}",
        cache_dir=folder / "cache",
        **chosen,
        image_size=32,
        strategy="random",
        trials=trials,
        download=False,
        listener=watch.hear,
    )
    return watch


def main() -> None:
    """Search, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--heads", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        write_phantoms(folder / "data", num_patients=24, seed=3)
        chosen: dict[str, Any] = {
            "backbones": ["custom_cnn"],
            "fix": {"blocks": 3, "kernel_size": 3},
            "epochs": 2,
        }
        if given.heads:
            chosen = {
                "backbones": ["mobilenetv2"],
                "fix": {"train": "frozen", "views": 1},
                "weights_dir": write_weights(folder / "weights"),
                "epochs": 10,
            }
        with patch.object(local, "GROWTH", math.inf):
            after_five = measure(folder, chosen, 5).workers[-1]
        watch = measure(folder, chosen, given.trials)
    print(f"a worker that is not replaced, after five trials: {after_five / 1e6:.0f} MB")
    print("| after trial | search, MB | against 5 | worker, MB | against 5 | new workers so far |")
    print("|---:|---:|---:|---:|---:|---:|")
    for count in (n for n in SHOWN if n <= len(watch.parent)):
        parent, worker = watch.parent[count - 1], watch.workers[count - 1]
        new = len(set(watch.pids[:count])) - 1
        print(
            f"| {count} | {parent / 1e6:.0f} | {parent / watch.parent[4]:.2f} "
            f"| {worker / 1e6:.0f} | {worker / after_five:.2f} | {new} |"
        )
    most = max(watch.workers)
    print(f"worker at most {most / 1e6:.0f} MB, {most / after_five:.2f}")


if __name__ == "__main__":
    main()
