"""The local executor, without a search around it."""

import os
import queue
import signal
import sys
import time
from pathlib import Path

import pytest

from automedimg.contracts import (
    ExecutorOptions,
    Message,
    RunContext,
    ScoreSpec,
    TrainMode,
    TrialSpec,
)
from automedimg.executing import process as process_module
from automedimg.search import local
from automedimg.search.local import LocalExecutor


@pytest.fixture
def executor():
    executor = LocalExecutor(ExecutorOptions(workers=1))
    yield executor
    executor.close()


def collect(executor: LocalExecutor, number: int, timeout_s: float = 60) -> list[Message]:
    """Messages until so many jobs have ended."""
    messages: list[Message] = []
    until = time.monotonic() + timeout_s
    while sum(m.kind in ("finished", "failed") for m in messages) < number:
        assert time.monotonic() < until, messages
        messages += executor.messages(0.5)
    return messages


def job(folder: Path) -> ScoreSpec:
    return ScoreSpec(str(folder / "nothing.keras"), "stretch", "test", str(folder / "out.npz"))


def test_a_job_without_a_context_fails_and_the_next_one_runs(executor, tmp_path):
    """The worker has no data yet: an error like any other, that costs the job only."""
    first, second = executor.submit(job(tmp_path)), executor.submit(job(tmp_path))
    ended = [m for m in collect(executor, 2) if m.kind == "failed"]
    assert [m.job for m in ended] == [first, second]
    assert all("AttributeError" in m.data["reason"] for m in ended)


def test_a_cancelled_job_that_waits_is_reported(executor, tmp_path):
    executor.submit(job(tmp_path))
    waiting = executor.submit(job(tmp_path))
    executor.cancel(waiting)
    ended = {m.job: m.data["reason"] for m in collect(executor, 2) if m.kind == "failed"}
    assert ended[waiting] == "cancelled before it began"


def test_a_killed_worker_is_replaced(executor, tmp_path):
    process = executor._places[0].process
    executor.submit(job(tmp_path))
    process.kill("a test killed it")
    (failed,) = [m for m in collect(executor, 1) if m.kind == "failed"]
    assert "AttributeError" in failed.data["reason"]  # the next one ran its job
    assert executor._places[0].process is not process


def test_a_worker_killed_at_work_is_named(executor, tmp_path, monkeypatch):
    number = executor.submit(job(tmp_path))
    place = executor._places[0]
    place.started = True
    place.process.kill("a test killed it", "hung")
    (failed,) = [m for m in collect(executor, 1) if m.kind == "failed"]
    assert (failed.job, failed.data) == (number, {"reason": "a test killed it", "cause": "hung"})


def test_a_worker_killed_by_somebody_else_is_lost(executor, tmp_path):
    number = executor.submit(job(tmp_path))
    executor._places[0].started = True
    os.kill(executor._places[0].process.pid, signal.SIGKILL)
    until, messages = time.monotonic() + 60, []
    while not any(m.kind == "lost" for m in messages):
        assert time.monotonic() < until, messages
        messages += executor.messages(0.5)
    (lost,) = [m for m in messages if m.kind == "lost"]
    assert (lost.job, lost.data["reason"]) == (number, "worker killed by SIGKILL")


def test_one_slot_that_can_not_start_leaves_the_others(tmp_path, monkeypatch):
    (tmp_path / "automedimg.py").write_text("raise RuntimeError('broken device')")
    real = local.worker_environment
    broken = iter([True, False, True, True])

    def some(added):
        return {"PYTHONPATH": str(tmp_path)} if next(broken, False) else real(added)

    monkeypatch.setattr(local, "worker_environment", some)
    executor = LocalExecutor(ExecutorOptions(workers=2))
    try:
        submitted = [executor.submit(job(tmp_path)) for _ in range(3)]
        ended = [m.job for m in collect(executor, 3) if m.kind == "failed"]
        assert sorted(ended) == submitted
        assert executor.num_slots == 1
    finally:
        executor.close()


def test_a_worker_with_a_child_ends_and_is_heard_of(tmp_path):
    """A forked child holds the worker's end of the pipe."""
    code = "import os, time; os.fork() or time.sleep(600); os.kill(os.getpid(), 11)"
    heard = queue.Queue()
    real, process_module.WORKER = process_module.WORKER, (sys.executable, "-c", code)
    try:
        worker = process_module.WorkerProcess(os.environ, lambda _, message: heard.put(message))
    finally:
        process_module.WORKER = real
    assert heard.get(timeout=20) is None
    assert worker.ending().reason == "worker killed by SIGSEGV"
    began = time.monotonic()
    worker.end()
    assert time.monotonic() - began < 20


def test_a_file_in_the_current_folder_is_not_run(tmp_path, monkeypatch):
    """Data may come with anything; a worker must not import it."""
    (tmp_path / "json.py").write_text("open('taken', 'w'); raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    executor = LocalExecutor(ExecutorOptions(workers=1))
    try:
        executor.submit(job(tmp_path))
        collect(executor, 1)
    finally:
        executor.close()
    assert not (tmp_path / "taken").exists()


def test_workers_that_can_not_start_end_the_search(monkeypatch, tmp_path):
    from automedimg.errors import BackendError

    monkeypatch.setattr(local, "worker_environment", lambda _: {"PYTHONPATH": str(tmp_path)})
    (tmp_path / "automedimg.py").write_text("raise RuntimeError('broken installation')")
    executor = LocalExecutor(ExecutorOptions(workers=1))
    try:
        executor.submit(job(tmp_path))
        with pytest.raises(BackendError, match="workers can't start"):
            collect(executor, 1)
    finally:
        executor.close()


def test_closing_twice_is_fine():
    executor = LocalExecutor(ExecutorOptions(workers=1))
    executor.close()
    executor.close()


def trial(folder: Path, train: TrainMode = "scratch") -> TrialSpec:
    """One that fails at once, as there is no context."""
    return TrialSpec(
        number=0,
        seed=0,
        backbone="net",
        head="dense",
        train=train,
        backbone_values={},
        head_values={},
        fit={"preprocessing": "stretch"},
        weights=None,
        epochs=1,
        patience=1,
        folder=str(folder),
    )


def grown(executor: LocalExecutor, *shares: float) -> None:
    """Make the worker's memory grow by these factors from its third trial on."""
    process = executor._places[0].process
    process._memory_bytes = None  # its watch would take readings too
    readings = iter([100, 100, *(round(100 * share) for share in shares)])
    process.memory = lambda **_: next(readings)


def work(executor: LocalExecutor, *jobs: TrialSpec | ScoreSpec) -> None:
    for one in jobs:
        executor.submit(one)
    collect(executor, len(jobs))


def test_a_worker_that_grows_has_a_successor_before_it_is_replaced(executor, tmp_path):
    place, old = executor._places[0], executor._places[0].process
    grown(executor, 1.12, 1.2)
    work(executor, *3 * [trial(tmp_path)])
    successor = place.successor
    assert place.process is old
    assert successor is not None
    work(executor, trial(tmp_path))
    assert place.process is successor
    assert place.successor is None


def test_what_heads_share_is_no_growth(executor, tmp_path):
    """The first model that is kept builds the backbone, which stays for all that follow."""
    place, old = executor._places[0], executor._places[0].process
    grown(executor, 1.5, 1.5, 1.6)
    work(executor, *5 * [trial(tmp_path, "frozen")])
    assert place.process is old
    assert place.successor is None


def test_heads_may_not_grow_for_ever(executor, tmp_path):
    place, old = executor._places[0], executor._places[0].process
    grown(executor, 2.0, 2.4, 2.6)
    work(executor, *4 * [trial(tmp_path, "frozen")])
    assert place.process is old
    work(executor, trial(tmp_path, "frozen"))
    assert place.process is not old


def test_networks_after_heads_settle_anew_and_then_count(executor, tmp_path):
    place, old = executor._places[0], executor._places[0].process
    grown(executor, 1.3, 1.4, 1.5, 1.9)
    heads, networks = 3 * [trial(tmp_path, "frozen")], 2 * [trial(tmp_path)]
    work(executor, *heads, *networks)
    assert place.process is old
    assert place.successor is None
    work(executor, trial(tmp_path))
    assert place.process is not old


def test_a_verdict_replaces_no_worker(executor, tmp_path):
    """The network that it loads is wanted for the next split."""
    place, old = executor._places[0], executor._places[0].process
    grown(executor, 1.1)  # no further reading is taken
    work(executor, *3 * [trial(tmp_path)], job(tmp_path), job(tmp_path))
    assert place.process is old


def test_a_worker_that_begins_with_a_verdict_settles_by_its_trials(executor, tmp_path):
    place, old = executor._places[0], executor._places[0].process
    grown(executor)
    work(executor, job(tmp_path), job(tmp_path), *2 * [trial(tmp_path)])
    assert place.process is old


def test_a_successor_that_dies_costs_nothing(executor, tmp_path):
    place = executor._places[0]
    grown(executor, 1.12, 1.2, 1.0)
    work(executor, *3 * [trial(tmp_path)])
    died = place.successor
    died.kill("a test killed it")
    until = time.monotonic() + 30
    while place.successor is not None and time.monotonic() < until:
        list(executor.messages(0.2))
    executor.submit(trial(tmp_path))
    executor.submit(trial(tmp_path))
    assert len(collect(executor, 2)) >= 2
    assert place.process is not died


def test_a_successor_of_an_earlier_search_hears_of_the_new_one(executor, tmp_path):
    """It was started with the context of the search before."""
    place = executor._places[0]
    place.successor = executor._spawn(place.slot)
    heard = []
    for process in (place.process, place.successor):
        process.send = heard.append
    context = RunContext({}, "rows.npz", "features", "abc", ("a", "b"), "auc", 0, "log.txt")
    executor.start(context)
    assert heard == 2 * [{"do": "context", "context": context.to_json()}]
