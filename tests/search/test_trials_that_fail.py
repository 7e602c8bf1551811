"""A trial can't hurt the search."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automedimg.errors import RunError
from automedimg.search.decisions import read_decisions
from tests.search.small_search import FAULTY, install_plugin, phantoms, search

REASONS = {
    "raise": "RuntimeError: this network does not exist",
    "nan": "not a number: the loss diverged in epoch 1",
    "exit": "worker exited with code 7",
    "segfault": "worker killed by SIGSEGV",
    "memory": "oom: out of memory, with half the batch too",
    "allocate": "oom: out of memory: the worker took 3.",
    "sleep": "hung: no sign of life for 6 s",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("faults")
    install_plugin(folder / "site", "faulty_plugin", FAULTY)
    yield phantoms(folder / "data")
    sys.path.remove(str(folder / "site"))


def test_every_fault_costs_its_trial_only(data: Path, tmp_path: Path):
    run = search(
        data,
        tmp_path / "run",
        trials=9,
        epochs=1,
        backbones=("faulty",),
        fix={},
        worker_memory_bytes=3_000_000_000,
        hang_s=6,
    )
    found = {trial.params["faulty.fault"]: trial for trial in run.trials}
    for fault, reason in REASONS.items():
        assert found[fault].state == "failed"
        assert found[fault].reason.startswith(reason)
    assert {found[fault].state for fault in ("none", "garbage")} == {"complete"}
    assert len(run.trials) == 9
    retried = [d for d in read_decisions(run.folder) if d["decision"] == "retry"]
    assert [(d["trial"], d["accumulate"]) for d in retried] == [
        (found["memory"].number, 2),
        (found["allocate"].number, 2),
    ]
    assert run.best is not None
    errors = list((run.folder / "trials").glob("*/error.txt"))
    assert any("this network does not exist" in path.read_text() for path in errors)


def test_a_search_of_nothing_but_faults_says_why(data: Path, tmp_path: Path):
    with pytest.raises(RunError, match="none of 10 trials gave a model: 10 x RuntimeError"):
        search(data, tmp_path / "run", trials=50, backbones=("faulty",), fix={"fault": "raise"})
    assert (tmp_path / "run" / "report.html").is_file()
