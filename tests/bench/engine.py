"""Measures what the engine itself costs: milliseconds a trial, and how busy it keeps workers.

Run: python tests/bench/engine.py [--trials 1000] [--workers 64] [--real]
`overhead` runs trials that do nothing on simulated workers, and divides the time in which the loop
did not wait by the number of trials; at its side stands Optuna's own ask and tell. `sleep` runs
trials that sleep on two simulated workers. `--real` searches with one and with two real workers.
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import optuna

import automedimg
from automedimg.contracts import (
    Decision,
    Executor,
    Message,
    Outline,
    RunContext,
    ScoreSpec,
    TrialSpec,
)
from automedimg.registry import load_catalog
from automedimg.search.decisions import Decisions, read_decisions
from automedimg.search.ledger import Ledger, open_ledger, quieten_optuna
from automedimg.search.narrowing import Wanted, build_space
from automedimg.search.orchestrator import Orchestrator
from automedimg.search.plan import Plan
from automedimg.search.proposing import derive_seed
from automedimg.search.stopping import Clock, Limits
from automedimg.search.weights import WeightStore
from automedimg_tasks.br35h import write_phantoms

EPOCHS = 3


class Simulated(Executor):
    """Workers that wait, on a clock of their own or on the real one.

    Args:
        workers: How many.
        trial_s: Seconds a trial takes; 0 ends it as soon as it is asked about.
    """

    def __init__(self, workers: int, trial_s: float) -> None:
        self._workers, self._trial_s = workers, trial_s
        self._due: list[tuple[float, int, int]] = []
        self._jobs, self._seeds = 0, {}  # type: ignore[var-annotated]
        self.waited_s = 0.0

    @property
    def num_slots(self) -> int:
        return self._workers

    @property
    def devices(self) -> tuple[str, ...]:
        return ("cpu",) * self._workers

    def start(self, context: RunContext) -> None:
        pass

    def submit(self, job: TrialSpec | ScoreSpec) -> int:
        self._jobs += 1
        assert isinstance(job, TrialSpec)
        self._seeds[self._jobs] = job.seed
        self._schedule(self._jobs, 1)
        return self._jobs

    def messages(self, timeout_s: float) -> Iterator[Message]:
        until = time.monotonic() + timeout_s
        if self._due and self._due[0][0] <= until:
            until = self._due[0][0]
        pause = until - time.monotonic()
        if pause > 0:
            time.sleep(pause)
            self.waited_s += pause
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, job, step = heapq.heappop(self._due)
            yield self._message(job, step)

    def answer(self, job: int, decision: Decision) -> None:
        pass

    def cancel(self, job: int, *, grace_s: float = 10.0) -> None:
        pass

    def close(self) -> None:
        pass

    def _schedule(self, job: int, step: int) -> None:
        due = time.monotonic() + self._trial_s / (EPOCHS + 1)
        heapq.heappush(self._due, (due, job, step))

    def _message(self, job: int, step: int) -> Message:
        value = self._seeds[job] % 1000 / 1000
        if step > EPOCHS:
            data = {"state": "complete", "value": value, "validation": {"log_loss": 1 - value}}
            return Message("finished", job, {**data, "epochs": EPOCHS, "best_epoch": 1})
        self._schedule(job, step + 1)
        return Message("epoch", job, {"epoch": step, "epochs": EPOCHS, "value": value, "loss": 1.0})


def run(folder: Path, executor: Simulated, trials: int, strategy_name: str) -> float:
    """Run a simulated search; return its seconds."""
    catalog = load_catalog()
    store = WeightStore([], download=False)
    space = build_space(catalog, Wanted(), store, lambda _: None)
    plan = Plan(
        folder, catalog.metrics.get("auc"), 0, Limits(trials=trials), EPOCHS, 8, None, 10.0, []
    )
    study = open_ledger(folder, "maximize")
    strategy = catalog.strategies.make(strategy_name)
    strategy.prepare(Outline(space.parameters(), [], 0, EPOCHS, True))
    orchestrator = Orchestrator(
        plan,
        Ledger(study, True),
        space,
        strategy,
        executor,
        lambda _: None,
        Clock(None),
        Decisions(folder),
    )
    begin = time.monotonic()
    orchestrator.run()
    return time.monotonic() - begin


def optunas_own(folder: Path, trials: int) -> float:
    """Optuna's ask, own grouped TPE and tell alone, on the same file and space; seconds."""
    catalog = load_catalog()
    space = build_space(catalog, Wanted(), WeightStore([], download=False), lambda _: None)
    study = open_ledger(folder, "maximize")
    begin = time.monotonic()
    for number in range(trials):
        study.sampler = optuna.samplers.TPESampler(
            seed=derive_seed(0, number), multivariate=True, group=True, constant_liar=True
        )
        trial = study.ask()
        space.choose(trial)
        study.tell(trial, derive_seed(1, number) % 1000 / 1000)
    return time.monotonic() - begin


def overhead(trials: int, workers: int) -> None:
    """Print milliseconds a trial."""
    print("| | trials | workers | ms a trial |\n|---|---:|---:|---:|")
    for strategy in ("random", "tpe"):
        with tempfile.TemporaryDirectory() as folder:
            executor = Simulated(workers, 0.0)
            seconds = run(Path(folder), executor, trials, strategy) - executor.waited_s
        print(f"| engine, {strategy} | {trials} | {workers} | {seconds / trials * 1e3:.1f} |")
    with tempfile.TemporaryDirectory() as folder:
        seconds = optunas_own(Path(folder), trials)
    print(f"| Optuna's ask and tell, tpe | {trials} | 1 | {seconds / trials * 1e3:.1f} |")


def sleep(trials: int, trial_s: float) -> None:
    """Print how busy two workers are kept by trials that sleep."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(Path(folder), Simulated(2, trial_s), trials, "tpe")
    share = trials * trial_s / (2 * seconds)
    print(
        f"{trials} trials of {trial_s} s on 2 workers: {seconds:.1f} s, {share:.1%} of their time"
    )


def real(trials: int, repeats: int) -> None:
    """Print what two real workers are busy with, beside one.

    The loop's own time runs from the first proposal to the last record: what comes before and after
    it, start-up and the verdict, is the same for any number of workers. In the end one of two
    workers has nothing left to do; so the time until the last proposal is shown by itself.
    """
    rows = []
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        data.mkdir()
        write_phantoms(data, num_patients=60, seed=3)
        for number, workers in enumerate((1, 2) * repeats):
            run = automedimg.search(
                "br35h",
                data,
                out=Path(name) / f"run-{number}",
                cache_dir=Path(name) / "cache",
                backbones=["custom_cnn"],
                fix={"blocks": 3, "filters": 16, "kernel_size": 3, "batch_size": 32},
                image_size=64,
                epochs=15,
                epoch_patience=15,
                strategy="random",
                trials=trials,
                workers=workers,
                download=False,
            )
            rows.append((workers, run.config["sessions"][0]["seconds"], *busy(run, workers)))
    print("| workers | search, s | loop, s | busy | until the last proposal, s | busy |")
    print("|---:|---:|---:|---:|---:|---:|")
    for workers, spent, loop, share, steady, steady_share in rows:
        print(
            f"| {workers} | {spent:.0f} | {loop:.1f} | {share:.0%} | {steady:.1f} "
            f"| {steady_share:.0%} |"
        )


def busy(run: automedimg.Run, workers: int) -> tuple[float, float, float, float]:
    """Seconds of the loop and the share of them in trials; the same until the last proposal."""
    log = read_decisions(run.folder)
    proposed = [row["session_s"] for row in log if row["decision"] == "propose"]
    ended = {row["trial"]: row["session_s"] for row in log if row["decision"] == "record"}
    found = []
    begin = min(proposed)
    for end in (max(ended.values()), max(proposed)):
        inside = 0.0
        for trial in run.trials:
            until = ended[trial.number]
            inside += max(0.0, min(until, end) - max(until - trial.seconds, begin))
        found += [end - begin, inside / (workers * (end - begin))]
    return found[0], found[1], found[2], found[3]


def main() -> None:
    """Measure, and print."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    quieten_optuna()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--real-trials", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    if given.real:
        real(given.real_trials, given.repeats)
        return
    sleep(40, 1.0)
    overhead(given.trials, given.workers)


if __name__ == "__main__":
    main()
