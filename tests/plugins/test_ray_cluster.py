"""The Ray executor on a real Ray: its own, and two nodes of a cluster on this machine."""

import itertools
import os
import signal
import time

import pytest

from automedimg.contracts import ExecutorOptions, ScoreSpec
from automedimg_ray import automedimg_executors
from tests.plugins.ray_parts import answer_with, ended, trial, two_nodes, until, write_data

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

(SPEC,) = automedimg_executors()


def make(**options):
    return SPEC.factory(ExecutorOptions(**options))


@pytest.fixture
def cluster():
    with two_nodes() as cluster:
        yield cluster


def node_of(cluster, executor, job):
    """The node on which a job runs, and that slot's actor's process."""
    (place,) = [place for place in executor._places if place.job == job]
    about = ray._private.state.actors()[place.link._actor._actor_id.hex()]
    (node,) = [n for n in cluster.nodes if n.node_id == about["Address"]["NodeID"]]
    return node, about["Pid"]


def test_a_ray_of_its_own_is_silent_and_leaves_nothing(tmp_path, capfd):
    term = signal.getsignal(signal.SIGTERM)
    executor = make(workers=1)
    try:
        assert executor.num_slots == 1
        assert executor.devices == ("cpu",)
        executor.start(write_data(tmp_path / "run"))
        done, missing = executor.submit(trial(tmp_path, 0)), str(tmp_path / "none.keras")
        failing = executor.submit(ScoreSpec(missing, "stretch", "test", str(tmp_path / "o.npz")))
        messages = until(executor, lambda m: ended(m, 2), lambda m: answer_with(executor, m))
        (actor,) = ray._private.state.actors().values()
        os.kill(actor["Pid"], signal.SIGKILL)
        time.sleep(2)  # Ray would say now that a worker died
    finally:
        executor.close()
    assert [m.kind for m in messages if m.job == done][-1] == "finished"
    (failed,) = [m for m in messages if m.kind == "failed"]
    assert failed.job == failing
    assert failed.data["reason"]
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is term
    assert capfd.readouterr() == ("", "")


def test_an_answer_to_an_epoch_reaches_the_node_soon(cluster, tmp_path):
    executor = make(address=cluster.address)
    times = []

    def hear(message):
        if message.kind == "epoch":
            times.append(time.monotonic())
        last = message.kind == "epoch" and message.data["epoch"] == 30
        answer_with(executor, message, "prune" if last else "continue")

    try:
        assert executor.num_slots == 2
        executor.start(write_data(tmp_path / "run"))
        executor.submit(trial(tmp_path, 0, epochs=40))
        messages = until(executor, lambda m: ended(m, 1), hear)
    finally:
        executor.close()
    assert [m.kind for m in messages].count("epoch") == 30
    assert messages[-1].data["state"] == "pruned"
    between = sorted(b - a for a, b in itertools.pairwise(times))
    print(f"median time of an epoch, with its answer: {between[len(between) // 2] * 1e3:.0f} ms")


def test_a_node_that_dies_costs_no_trial(cluster, tmp_path):
    executor = make(address=cluster.address)
    numbers, killed, epochs = {}, [], []

    def submit(number):
        numbers[executor.submit(trial(tmp_path, number, epochs=6))] = number

    def hear(message):
        if message.kind == "epoch" and message.data["epoch"] == 4 and not killed:
            node, _ = node_of(cluster, executor, message.job)
            killed.append(numbers[message.job])
            cluster.remove_node(node, allow_graceful=False)
            return
        if message.kind == "lost":
            submit(numbers[message.job])
        if message.kind == "epoch" and killed and numbers[message.job] == killed[0]:
            epochs.append(message.data["epoch"])
        answer_with(executor, message)

    try:
        executor.start(write_data(tmp_path / "run"))
        for number in range(4):
            submit(number)
        messages = until(executor, lambda m: ended(m, 4), hear)
    finally:
        executor.close()
    (lost,) = [m for m in messages if m.kind == "lost"]
    assert numbers[lost.job] == killed[0]
    assert "node" in lost.data["reason"]
    assert sorted(numbers[m.job] for m in messages if m.kind == "finished") == [0, 1, 2, 3]
    assert epochs[-1] == 6
    assert ray.is_initialized() is False


def test_a_node_that_hangs_is_given_up_and_a_new_one_is_used(cluster, tmp_path):
    """Its processes are stopped, as if the network had gone."""
    executor = make(address=cluster.address, workers=1, hang_s=8)
    stopped, numbers = [], {}

    def hear(message):
        if message.kind == "epoch" and not stopped:
            _, pid = node_of(cluster, executor, message.job)
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        elif message.kind == "lost":
            numbers[executor.submit(trial(tmp_path, 0))] = 0
        answer_with(executor, message)

    try:
        executor.start(write_data(tmp_path / "run"))
        executor.submit(trial(tmp_path, 0))
        messages = until(executor, lambda m: ended(m, 1), hear)
    finally:
        executor.close()
    (lost,) = [m for m in messages if m.kind == "lost"]
    assert "no sign of life" in lost.data["reason"]
    assert messages[-1].kind == "finished"


def test_a_worker_killed_by_somebody_loses_its_trial_only(cluster, tmp_path):
    import psutil

    executor = make(address=cluster.address, workers=1)
    pids = []

    def hear(message):
        if message.kind == "epoch" and not pids:
            _, pid = node_of(cluster, executor, message.job)
            (worker,) = psutil.Process(pid).children()
            pids.append(worker.pid)
            worker.kill()
            return
        if message.kind == "lost":
            executor.submit(trial(tmp_path, 0))
        answer_with(executor, message)

    try:
        executor.start(write_data(tmp_path / "run"))
        executor.submit(trial(tmp_path, 0))
        messages = until(executor, lambda m: ended(m, 1), hear)
    finally:
        executor.close()
    (lost,) = [m for m in messages if m.kind == "lost"]
    assert lost.data == {"reason": "worker killed by SIGKILL", "cause": ""}
    assert messages[-1].kind == "finished"
    assert not psutil.pid_exists(pids[0])


def test_gpus_are_passed_to_the_workers(tmp_path, monkeypatch):
    """Ray believes what it is told of GPUs, so that none is needed here."""
    import psutil

    executor = make(devices=("GPU-a", "GPU-b"), workers_per_device=1)
    try:
        assert executor.devices == ("gpu", "gpu")
        until(executor, lambda m: all(place.link.up for place in executor._places))
        actors = [psutil.Process(a["Pid"]) for a in ray._private.state.actors().values()]
        seen = {c.environ()["CUDA_VISIBLE_DEVICES"] for a in actors for c in a.children()}
    finally:
        executor.close()
    assert seen == {"GPU-a", "GPU-b"}
    assert os.environ.get("CUDA_VISIBLE_DEVICES") is None
