"""Whole searches whose trials run through Ray."""

import json
from pathlib import Path

import pytest

from automedimg.contracts import SearchStarted, TrialFinished
from tests.plugins.ray_parts import two_nodes
from tests.search.small_search import phantoms, search

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantoms(tmp_path_factory.mktemp("ray") / "data")


def test_a_search_on_two_nodes_that_loses_one(data: Path, tmp_path: Path):
    events: list[object] = []
    with two_nodes() as cluster:

        def listen(event: object) -> None:
            events.append(event)
            ended = [one for one in events if isinstance(one, TrialFinished)]
            if isinstance(event, TrialFinished) and len(ended) == 2:
                cluster.remove_node(cluster.nodes[0], allow_graceful=False)

        run = search(
            data,
            tmp_path / "run",
            executor="ray",
            address=cluster.address,
            trials=6,
            epochs=4,
            listener=listen,
        )
    (started,) = [event for event in events if isinstance(event, SearchStarted)]
    assert started.devices == ("cpu", "cpu")
    trials = [event.result for event in events if isinstance(event, TrialFinished)]
    assert sorted(trial.number for trial in trials) == [*range(6)]
    assert {trial.state for trial in trials} <= {"complete", "pruned"}
    assert run.result is not None
    assert not list((tmp_path / "run").glob(".seen_*"))


def test_a_ray_of_its_own_finds_what_the_local_executor_finds(data: Path, tmp_path: Path):
    settings = {"trials": 2, "epochs": 2, "workers": 1, "seed": 5}
    one = search(data, tmp_path / "one", executor="ray", **settings)
    two = search(data, tmp_path / "two", **settings)
    scores = [json.loads(json.dumps(run.result))["test"] for run in (one, two)]
    assert scores[0] == scores[1]
