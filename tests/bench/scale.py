"""Measures a whole search on a set of PatchCamelyon's size: seconds and memory of each process.

Run: python tests/bench/scale.py --folder DIR --weights-dir WEIGHTS [--images 220025]
DIR is that of `audit_scale.py`, which writes the patches. The search has empty caches: it reads the
images, looks for copies, extracts the features of a frozen MobileNetV2 of width 0.35 and trains
heads on them. Memory is what a process has of its own: pages of files, which the system takes back
as it likes, don't count. What the frameworks take is measured first, by a search on 400 images.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from audit_scale import write


@dataclass
class Peaks:
    """The most memory of the search's process, of its workers, and of all together, in bytes."""

    parent: int = 0
    workers: int = 0
    together: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        """Look, several times a second, until it is `ended`."""
        while not self.ended.wait(0.25):
            try:
                process = psutil.Process(pid)
                own = _own(process)
                rest = sum(_own(child) for child in process.children(recursive=True))
            except psutil.Error:
                continue
            self.parent, self.workers = max(self.parent, own), max(self.workers, rest)
            self.together = max(self.together, own + rest)


def _own(process: psutil.Process) -> int:
    info = process.memory_info()
    return int(info.rss - info.shared)


def search(folder: Path, weights: Path, cache: Path) -> tuple[float, Peaks, dict]:
    """Run the command; return its seconds, memory and result."""
    command = [sys.executable, "-m", "automedimg", "search", "--task", "pcam", "--json", "--quiet"]
    command += ["--data", folder, "--weights-dir", weights, "--cache-dir", cache]
    command += ["--out", cache / "run", "--offline", "--backbones", "mobilenetv2"]
    command += ["--fix", "train=frozen", "--fix", "alpha=0.35", "--fix", "views=1"]
    command += ["--trials", "6", "--epochs", "5", "--image-size", "96"]
    start, peaks = time.monotonic(), Peaks()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
    thread = threading.Thread(target=peaks.watch, args=(process.pid,))
    thread.start()
    result = json.loads(process.communicate()[0])
    seconds = time.monotonic() - start
    peaks.ended.set()
    thread.join()
    shutil.copy(cache / "run" / "decisions.jsonl", folder.parent / f"decisions-{folder.name}.jsonl")
    return seconds, peaks, result


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--weights-dir", type=Path, required=True)
    parser.add_argument("--images", type=int, default=220_025)
    given = parser.parse_args()
    print("| images | seconds | MB: search | MB: workers | MB: together | computed |")
    print("|---:|---:|---:|---:|---:|---|")
    for number in (400, given.images):
        folder = given.folder / f"patches-{number}"
        if not (folder / "train_labels.csv").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            write(folder, number)
        with tempfile.TemporaryDirectory(dir=given.folder) as cache:
            seconds, peaks, result = search(folder, given.weights_dir, Path(cache))
        memory = (peaks.parent, peaks.workers, peaks.together)
        cells = " | ".join(f"{found / 1e6:.0f}" for found in memory)
        print(f"| {number} | {seconds:.0f} | {cells} | {result['work']} |", flush=True)


if __name__ == "__main__":
    main()
