"""Kills a real search again and again at seeded moments, and checks that nothing is lost.

Run: python tests/faults/chains.py [--kills 200] [--seed 0]   prints what docs/reliability.md shows.
A chain is one search that is killed several times and resumed after each; in the end it must be
what a search that was never killed has come to.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import automedimg
from automedimg.search.ledger import read_ledger
from automedimg_tasks.br35h import write_phantoms

TRIALS, EPOCHS = 3, 3
KILLER = Path(__file__).parent / "killer"
MOST_EVENTS = {"parent": 200, "all": 200, "worker": 25}
MOST_S = 7.0
EARLY = 3
"""Kills in a row that may come before anything was recorded: a trial that dies more often than
MAX_DEATHS times without an epoch is given up, as it should be."""


@dataclass
class Chain:
    """What a chain of kills has come to.

    Args:
        moments: Where each kill came: by whom, in what.
        problems: What went wrong.
        sessions: Sessions that were run, the last one included.
    """

    moments: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sessions: int = 0


def make_data(folder: Path) -> Path:
    """Write small synthetic data; return their folder."""
    data = folder / "data"
    data.mkdir(parents=True)
    write_phantoms(data, num_patients=24, seed=3)
    return data


def command(data: Path, out: Path) -> list[str]:
    """The search's command."""
    return [
        *(sys.executable, "-m", "automedimg", "search", "--task", "br35h", "--data", str(data)),
        *("--out", str(out), "--cache-dir", str(data.parent / "cache"), "--offline", "--quiet"),
        *("--backbones", "custom_cnn", "--image-size", "32", "--epochs", str(EPOCHS)),
        *("--fix", "blocks=3", "--fix", "filters=8", "--fix", "augmentation=0.5"),
        *("--fix", "kernel_size=3", "--trials", str(TRIALS), "--checkpoint-time", "0"),
    ]


def start(data: Path, out: Path, **environment: str) -> subprocess.Popen[str]:
    """Start or resume a search."""
    again = [sys.executable, "-m", "automedimg", "resume", str(out), "--quiet"]
    return subprocess.Popen(
        again if (out / "run.json").is_file() else command(data, out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def run_whole(data: Path, out: Path) -> automedimg.Run:
    """Run a search that nothing interrupts."""
    process = start(data, out)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    return automedimg.open_run(out)


def outcome(run: automedimg.Run) -> list[tuple[int, str, object, object, int]]:
    """What must not depend on kills."""
    return [(t.number, t.state, dict(t.params), t.value, t.epochs) for t in run.trials]


def run_chain(data: Path, out: Path, whole: automedimg.Run, kills: int, seed: int) -> Chain:
    """Kill a search so many times, resume it after each, and compare it with a whole one."""
    rng, chain, finished = random.Random(seed), Chain(), {}
    early = 0
    while len(chain.moments) < kills:
        before = len(finished)
        where = _one_kill(data, out, rng, len(chain.moments), hurry=early < EARLY)
        chain.sessions += 1
        if where is None:  # it ended before its moment had come: begin another search
            _compare(chain, out, whole)
            out = out.with_name(f"{out.name}x")
            finished = {}
            continue
        chain.moments.append(where)
        if (out / "result.json").is_file():  # the kill of a worker stops nothing
            _compare(chain, out, whole)
            out = out.with_name(f"{out.name}x")
            finished = {}
            continue
        now = {t.number: t for t in read_ledger(out)} if (out / "study.journal").exists() else {}
        for number, trial in finished.items():
            if now.get(number) != trial:
                chain.problems.append(f"trial {number} changed after: {where}")
        finished = now
        early = early + 1 if len(finished) == before else 0
    process = start(data, out)
    _, stderr = process.communicate(timeout=300)
    chain.sessions += 1
    if process.returncode != 0:
        chain.problems.append(f"the last session failed: {stderr}")
    else:
        _compare(chain, out, whole)
    return chain


def _one_kill(data: Path, out: Path, rng: random.Random, turn: int, *, hurry: bool) -> str | None:
    """Run a session until it is killed; say where that was, or None if it ended before."""
    role = rng.choice(["parent", "parent", "all", "worker", "clock"])
    if role == "clock":
        return _kill_by_the_clock(data, out, rng, hurry=hurry)
    mark = out.with_name(f"{out.name}-mark-{turn}-{rng.random()}")
    low = 1 if hurry else MOST_EVENTS[role] // 3
    process = start(
        data,
        out,
        PYTHONPATH=os.pathsep.join([str(KILLER), os.environ.get("PYTHONPATH", "")]),
        KILL_ROLE=role,
        KILL_BELOW=str(out) + os.sep,
        KILL_EVENT=str(rng.randint(low, MOST_EVENTS[role])),
        KILL_MS=str(rng.choice([0, 0, 0.2, 1, 5])),
        KILL_MARK=str(mark),
    )
    try:
        process.communicate(timeout=120)
    except subprocess.TimeoutExpired as error:
        process.kill()
        where = mark.read_text() if mark.exists() else "no kill"
        raise RuntimeError(f"a search hangs after: {where}") from error
    if not mark.exists():
        return None
    where = mark.read_text()
    return f"all: {where}" if role == "all" else where


def _kill_by_the_clock(data: Path, out: Path, rng: random.Random, *, hurry: bool) -> str | None:
    process = start(data, out)
    try:
        process.communicate(timeout=rng.uniform(0.2 if hurry else 5.0, MOST_S))
    except subprocess.TimeoutExpired:
        family = [psutil.Process(process.pid)]
        both = rng.random() < 0.5
        if both:
            family += family[0].children(recursive=True)
        for member in family:
            member.kill()
        process.communicate()
        return "clock, all" if both else "clock, parent"
    return None


def _compare(chain: Chain, out: Path, whole: automedimg.Run) -> None:
    run = automedimg.open_run(out)
    if outcome(run) != outcome(whole):
        chain.problems.append(f"other trials: {outcome(run)} instead of {outcome(whole)}")
    for what in ("best", "test", "confusion"):
        mine, theirs = (r.result[what] if r.result else None for r in (run, whole))
        if mine != theirs:
            chain.problems.append(f"{what}: {mine} instead of {theirs}")
    left = [p.name for p in out.rglob("*") if p.name.startswith((".model", "checkpoint"))]
    if left:
        chain.problems.append(f"left behind: {left}")


def _kind(moment: str) -> str:
    """A moment without what is random in the names of temporary files."""
    if moment.startswith("clock"):
        return moment
    who, _, rest = moment.rpartition(" ")
    name = rest.split("-")[0] if rest.startswith(".") else rest
    return f"{who} {name}"


def main() -> None:
    """Kill searches, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--chain", type=int, default=10, help="kills of one search")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kinds: Counter[str] = Counter()
    problems: list[Any] = []
    began, sessions = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder))
        whole = run_whole(data, Path(folder) / "whole")
        for number in range(-(-given.kills // given.chain)):
            seed = given.seed * 1000 + number
            chain = run_chain(data, Path(folder) / f"c{number}", whole, given.chain, seed)
            kinds.update(_kind(moment) for moment in chain.moments)
            problems += [(seed, problem) for problem in chain.problems]
            sessions += chain.sessions
            print(f"chain {number}: {len(chain.moments)} kills, {chain.problems}", flush=True)
    seconds = time.monotonic() - began
    print(f"{kinds.total()} kills in {sessions} sessions, {seconds:.0f} s; problems: {problems}")
    print("| killed | times |\n|---|---:|")
    for kind, times in sorted(kinds.items(), key=lambda pair: -pair[1]):
        print(f"| {kind} | {times} |")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
