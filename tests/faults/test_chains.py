"""A search that is killed again and again comes to what one comes to that never was."""

from pathlib import Path

import pytest

import automedimg
from tests.faults.chains import make_data, run_chain, run_whole


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("chains"))


@pytest.fixture(scope="module")
def whole(data: Path) -> automedimg.Run:
    return run_whole(data, data.parent / "whole")


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.faults) for n in range(2, 11))]
)
def test_nothing_is_lost_and_nothing_is_done_twice(
    data: Path, whole: automedimg.Run, tmp_path: Path, seed: int
):
    chain = run_chain(data, tmp_path / "run", whole, kills=20, seed=seed)
    assert chain.problems == []
    assert len(chain.moments) == 20
