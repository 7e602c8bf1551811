"""Grid search: each distinct configuration once, in any session, however large the grid."""

import itertools
import time

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from strategy_parts import SPACE, ask, made, new_study, search

from automedimg.contracts import Parameter
from automedimg_strategies.axes import grid_points
from automedimg_strategies.grid import Walk
from automedimg_strategies.grid_tree import Tree, in_turn, shuffled

# a: 3 widths x 3 kinds; b: depths 1, 3 without and 4, 5 with 3 drops; each with 3 rates
SIZE = (3 * 3 + 2 + 2 * 3) * 3


@pytest.mark.parametrize(
    ("distribution", "points"),
    [
        (CategoricalDistribution((None, 1, "x")), (None, 1, "x")),
        (FloatDistribution(0.0, 0.5), (0.0, 0.25, 0.5)),
        (FloatDistribution(1e-4, 1e-2, log=True), (1e-4, pytest.approx(1e-3), 1e-2)),
        (FloatDistribution(0.0, 0.9, step=0.3), (0.0, pytest.approx(0.6), pytest.approx(0.9))),
        (FloatDistribution(0.0, 0.5, step=0.25), (0.0, 0.25, 0.5)),
        (IntDistribution(3, 5), (3, 4, 5)),
        (IntDistribution(7, 7), (7,)),
        (IntDistribution(8, 512, log=True), (8, 64, 512)),
        (IntDistribution(1, 9), (1, 5, 9)),
    ],
)
def test_ranges_are_cut_on_their_own_scale(distribution, points):
    assert grid_points(distribution) == points


def test_all_distinct_configurations_are_proposed_once_and_then_it_is_exhausted():
    strategy = made("grid")
    study = new_study()
    for _ in range(SIZE):
        assert not strategy.exhausted(study)
        study.tell(ask(strategy, study), 0.5)
    assert strategy.exhausted(study)
    assert len({frozenset(trial.params.items()) for trial in study.trials}) == SIZE
    study.tell(ask(strategy, study), 0.5)  # asked all the same, it draws at random


def test_branches_take_turns():
    study = search(made("grid"), 12, lambda params: 0.5)
    nets = [trial.params["net"] for trial in study.trials]
    assert abs(nets.count("a") - 6) <= 3


def test_what_was_tried_or_is_being_tried_is_left_out():
    strategy, study = made("grid"), new_study()
    first = ask(strategy, study)
    default = next(
        values
        for place in itertools.count()
        if (values := Walk(SPACE, 5).at(place)) != first.params
    )
    ask(strategy, study, default=default)
    proposed = [ask(strategy, study).params for _ in range(SIZE - 2)]  # all of them still run
    assert first.params not in proposed
    assert default not in proposed
    assert strategy.exhausted(study)


def test_the_order_is_the_seeds():
    walks = [[Walk(SPACE, seed).at(place) for place in range(SIZE)] for seed in (1, 1, 2)]
    assert walks[0] == walks[1]
    assert walks[0] != walks[2]


def test_an_astronomic_grid_is_walked_without_being_laid_out():
    space = []
    for i in range(60):
        space.append(Parameter(f"p{i}", CategoricalDistribution((True, False))))
        when = ({f"p{i}": (True,)},)
        space.append(Parameter(f"q{i}", FloatDistribution(0, 1), when))
    began = time.perf_counter()
    walk = Walk(space, 3)
    assert walk.size == 4**60
    seen = {frozenset(walk.at(place).items()) for place in range(200)}
    assert len(seen) == 200
    assert walk.at(walk.size - 1)
    assert time.perf_counter() - began < 20


def test_a_tree_finds_each_configuration_by_its_index():
    points = {p.name: grid_points(p.distribution, (4, 5)) for p in SPACE if p.name == "b.depth"}
    points = {p.name: grid_points(p.distribution) for p in SPACE} | points
    tree = Tree(SPACE, points, {})
    assert tree.size == SIZE
    assert len({frozenset(tree.at(index).items()) for index in range(SIZE)}) == SIZE
    assert Tree(SPACE, points, {"net": "a"}).size == 27


def test_dealing_in_turn_and_shuffling_lose_nothing():
    sizes = [3, 1, 0, 5]
    assert len({in_turn(sizes, index) for index in range(9)}) == 9
    assert [in_turn(sizes, index)[0] for index in range(9)] == [0, 1, 3, 0, 3, 0, 3, 3, 3]
    for size in (1, 2, 3, 17, 100):
        assert sorted(shuffled(index, size, "s") for index in range(size)) == list(range(size))
