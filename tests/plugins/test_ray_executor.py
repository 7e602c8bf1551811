"""The driver's side of the Ray executor, with nodes that a test plays."""

import sys
import time
from importlib.metadata import version

import pytest

from automedimg.contracts import ExecutorOptions
from automedimg.errors import BackendError, PluginError
from tests.plugins.ray_parts import FakeCluster, trial, write_data

pytest.importorskip("ray")

from automedimg_ray import executor as module
from automedimg_ray.executor import RayExecutor

HERE = version("automedimg")


class Play:
    """An executor and the cluster that a test plays."""

    def __init__(self, folder, count=1):
        self.folder, self.cluster = folder, FakeCluster(count)
        self.executor = RayExecutor(self.cluster)

    def start(self):
        self.executor.start(write_data(self.folder / "run"))

    def submit(self, number=0):
        return self.executor.submit(trial(self.folder, number))

    def heard(self):
        return [(m.kind, m.job) for m in self.executor.messages(0.01)]

    def come_up(self, link):
        link.comes_up(HERE)
        self.heard()
        link.says("checked", unseen=[])
        link.says("ready")
        self.heard()

    @property
    def links(self):
        return self.cluster.links


@pytest.fixture
def play(tmp_path):
    play = Play(tmp_path)
    yield play
    play.executor.close()


@pytest.fixture
def pair(tmp_path):
    play = Play(tmp_path, 2)
    play.start()
    yield play
    play.executor.close()


def test_a_job_waits_for_a_node_that_sees_the_files(play):
    job = play.submit()
    (link,) = play.links
    link.comes_up(HERE)
    assert play.heard() == []
    assert link.sent == []  # there is no context yet
    play.start()
    assert [command["do"] for command in link.sent] == ["context"]
    link.says("checked", unseen=[])
    assert play.heard() == []
    assert link.jobs() == [job]


def test_messages_and_answers_go_through(pair):
    first, second = pair.links
    pair.come_up(first)
    job = pair.submit()
    first.says("started", job)
    first.says("epoch", job, epoch=1)
    assert pair.heard() == [("started", job), ("epoch", job)]
    pair.executor.answer(job, "prune")
    assert first.sent[-1] == {"do": "answer", "job": job, "decision": "prune"}
    first.says("finished", job, value=1.0)
    assert pair.heard() == [("finished", job)]
    assert second.jobs() == []


def test_a_lost_slot_loses_its_job_and_is_opened_again(pair):
    first, second = pair.links
    for link in pair.links[:2]:
        pair.come_up(link)
    jobs = [pair.submit(n) for n in range(3)]
    first.says("gone", reason="node n was lost: fire", cause="")
    (lost,) = pair.executor.messages(0.01)
    assert (lost.kind, lost.job, lost.data["reason"]) == ("lost", jobs[0], "node n was lost: fire")
    assert second.jobs() == [jobs[1]]
    first.says("epoch", jobs[0])  # of a slot that is no more
    assert pair.heard() == []
    pair.come_up(pair.links[2])
    assert pair.links[2].jobs() == [jobs[2]]


def test_a_worker_that_was_ended_from_outside_loses_its_job(pair):
    pair.come_up(pair.links[0])
    job, again = pair.submit(0), pair.submit(1)
    pair.links[0].says("lost", job, reason="worker killed by SIGKILL", cause="")
    assert pair.heard() == [("lost", job)]
    assert pair.links[0].jobs() == [job, again]


def test_a_job_whose_worker_never_started_is_given_to_the_next(pair):
    pair.come_up(pair.links[0])
    job = pair.submit()
    pair.links[0].says("unready", job, reason="exited", words="")
    assert pair.heard() == []
    assert pair.links[0].jobs() == [job, job]


def test_a_node_on_which_workers_do_not_start_is_given_up(pair):
    first, second = pair.links
    pair.come_up(second)
    for _ in range(3):
        first.says("unready", reason="worker exited with code 1", words="ImportError")
    assert pair.heard() == []
    assert first.ended
    assert pair.executor.num_slots == len(pair.executor.devices) == 1
    for _ in range(3):
        second.says("unready", reason="worker exited with code 1", words="ImportError")
    with pytest.raises(BackendError, match="workers can't start") as caught:
        pair.heard()
    assert caught.value.hint == "ImportError"


def test_nodes_without_automedimg(play):
    with pytest.raises(BackendError) as caught:
        for _ in range(3):
            play.links[-1].says("gone", reason="No module named 'automedimg_ray'", cause="")
            play.heard()
    assert len(play.links) == 3
    assert "install automedimg" in caught.value.hint


def test_another_version_is_an_error(play):
    play.links[0].comes_up("0.0.1", node="old")
    with pytest.raises(BackendError, match=r"node old has automedimg 0\.0\.1"):
        play.heard()


def test_a_node_that_sees_other_files_is_an_error_at_first(play):
    play.start()
    play.links[0].comes_up(HERE, node="far")
    play.heard()
    play.links[0].says("checked", unseen=["`/data/run`"])
    with pytest.raises(BackendError, match="node far does not see the same files"):
        play.heard()


def test_such_a_node_is_left_out_later(pair):
    first, second = pair.links
    pair.come_up(first)
    job = pair.submit()
    first.says("started", job)
    pair.heard()
    second.comes_up(HERE)
    pair.heard()
    second.says("checked", unseen=["`/data/run`"])
    assert pair.heard() == []
    assert second.ended
    assert pair.executor.num_slots == 1


def test_a_cancelled_job_that_waits_is_reported_once(play):
    job = play.submit()
    play.executor.cancel(job)
    play.executor.cancel(job)
    play.executor.cancel(99)
    (failed,) = play.executor.messages(0.01)
    assert (failed.kind, failed.job) == ("failed", job)
    assert failed.data == {"reason": "cancelled before it began", "cause": ""}


def test_a_running_job_is_cancelled_where_it_runs(pair):
    pair.come_up(pair.links[0])
    job = pair.submit()
    pair.executor.cancel(job, grace_s=3.0)
    pair.executor.cancel(job, grace_s=3.0)
    assert pair.links[0].sent[-1] == {"do": "cancel", "job": job, "grace_s": 3.0}
    assert [c["do"] for c in pair.links[0].sent].count("cancel") == 1
    pair.links[0].says("unready", job, reason="exited", words="")
    assert pair.heard() == [("failed", job)]  # it must not run after all


def test_no_node_for_long_is_an_error(play, monkeypatch):
    assert play.heard() == []
    monkeypatch.setattr(module, "NO_SLOT_S", 0.05)
    time.sleep(0.06)
    with pytest.raises(BackendError, match="has had room"):
        play.heard()


def test_the_driver_does_not_wait_for_nodes(play):
    before = time.monotonic()
    play.start()
    play.submit()
    assert play.heard() == []
    assert time.monotonic() - before < 5


def test_closing_leaves_nothing(play):
    play.start()
    play.executor.close()
    play.executor.close()
    assert play.cluster.closed == 1
    assert list(play.executor.messages(0.01)) == []
    assert not list((play.folder / "run").glob(".seen_*"))


def test_gpus_are_named(tmp_path):
    assert RayExecutor(FakeCluster(2, gpus=1.0)).devices == ("gpu", "gpu")
    assert RayExecutor(FakeCluster(1)).devices == ("cpu",)


def test_without_ray_the_error_says_how_to_install_it(monkeypatch):
    import automedimg_ray

    (spec,) = automedimg_ray.automedimg_executors()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PluginError) as caught:
        spec.factory(ExecutorOptions())
    assert "automedimg[ray]" in caught.value.hint


def test_an_address_where_nothing_is_fails_soon():
    import automedimg_ray

    (spec,) = automedimg_ray.automedimg_executors()
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(BackendError, match="no Ray cluster can be reached"):
            spec.factory(ExecutorOptions(address=address))


def test_a_cluster_that_is_no_more_is_noticed_soon(tmp_path, monkeypatch):
    """Ray notes where the last one was started, and would look for it for minutes."""
    import automedimg_ray

    (spec,) = automedimg_ray.automedimg_executors()
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(BackendError, match="at `auto`"):
        spec.factory(ExecutorOptions(address="auto"))


def test_a_cluster_gives_out_its_gpus_itself():
    import automedimg_ray
    from automedimg.errors import ConfigurationError

    (spec,) = automedimg_ray.automedimg_executors()
    with pytest.raises(ConfigurationError, match="gives out its GPUs itself"):
        spec.factory(ExecutorOptions(address="auto", devices=("0",)))
