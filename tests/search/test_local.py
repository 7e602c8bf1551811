"""The local executor, without a search around it."""

from pathlib import Path

import pytest

from automedimg.contracts import ExecutorOptions, Message, ScoreSpec
from automedimg.search import local
from automedimg.search.local import LocalExecutor


@pytest.fixture
def executor():
    executor = LocalExecutor(ExecutorOptions(workers=1))
    yield executor
    executor.close()


def collect(executor: LocalExecutor, number: int, timeout_s: float = 60) -> list[Message]:
    """Messages until so many jobs have ended."""
    import time

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
    assert failed.data["reason"] == "a test killed it"
    assert executor._places[0].process is not process
    executor.submit(job(tmp_path))
    (failed,) = [m for m in collect(executor, 1) if m.kind == "failed"]
    assert "AttributeError" in failed.data["reason"]


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
