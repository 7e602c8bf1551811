"""The shortcut for groups of one image changes nothing; exchanges only ever help."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automedimg.data.split_covering import cover
from automedimg.data.split_dealing import deal, deal_evenly, side_totals
from automedimg.data.split_refining import even_out

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def deal_plainly(counts: Ints, fractions: Floats, seed: int) -> Ints:
    """Groups from the largest to the smallest, each to the side that lacks most of it."""
    rng = np.random.default_rng(seed)
    per_class = counts.sum(axis=0)
    lacking = fractions[:, None] * per_class
    assignment = np.full(len(counts), -1)
    shuffled = rng.permutation(len(counts))
    for group in shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]:
        want = (lacking / (fractions[:, None] * per_class)) @ (counts[group] / per_class)
        room = lacking.sum(axis=1)
        fits = room >= counts[group].sum()
        want = np.where(fits, want, -np.inf) if fits.any() else room
        assignment[group] = rng.choice(np.flatnonzero(np.isclose(want, want.max())))
        lacking[assignment[group]] -= counts[group]
    return assignment


def chi_square(assignment: Ints, counts: Ints, fractions: Floats) -> float:
    table = np.column_stack([counts, counts.sum(axis=1)])
    targets = fractions[:, None] * table.sum(axis=0)
    return float(((side_totals(assignment, table, len(fractions)) - targets) ** 2 / targets).sum())


def some_counts(rng: np.random.Generator, num: int, classes: int, most: int) -> Ints:
    """Images by group and class; the groups of one image are in the majority."""
    counts = np.eye(classes, dtype=np.int64)[rng.integers(0, classes, num)]
    large = rng.random(num) < 0.3
    counts[large] += rng.integers(0, most, (int(large.sum()), classes))
    return np.concatenate([counts, np.eye(classes, dtype=np.int64)])


SHARES = st.sampled_from([(0.64, 0.16, 0.2), (0.5, 0.5), (0.25,) * 4, (0.8, 0.1, 0.1)])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    num=st.integers(1, 150),
    classes=st.integers(1, 9),
    most=st.integers(1, 12),
    shares=SHARES,
)
def test_single_images_are_dealt_as_any_group_is(
    seed: int, num: int, classes: int, most: int, shares: tuple[float, ...]
) -> None:
    counts = some_counts(np.random.default_rng(seed), num, classes, most)
    fractions = np.array(shares)
    free = np.full(len(counts), -1, dtype=np.int64)
    found = deal(counts, fractions, np.random.default_rng(seed), free)
    np.testing.assert_array_equal(found, deal_plainly(counts, fractions, seed))


def test_what_is_placed_stays_and_counts() -> None:
    counts = np.ones((100, 1), dtype=np.int64)
    placed = np.full(100, -1, dtype=np.int64)
    placed[:30] = 1
    found = deal(counts, np.array([0.5, 0.5]), np.random.default_rng(0), placed)
    assert (found[:30] == 1).all()
    assert np.bincount(found).tolist() == [50, 50]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), classes=st.integers(1, 4), shares=SHARES)
def test_exchanges_help_and_take_no_last_group(
    seed: int, classes: int, shares: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(seed)
    counts, fractions = some_counts(rng, 40, classes, 9), np.array(shares)
    before = rng.integers(0, len(shares), len(counts))
    after = before.copy()
    even_out(after, counts, fractions, rng)
    assert chi_square(after, counts, fractions) <= chi_square(before, counts, fractions)
    had, has = (side_totals(a, counts, len(shares)) > 0 for a in (before, after))
    assert has[had].all()


def test_lopsided_patients_are_evened_out() -> None:
    rng = np.random.default_rng(4)
    sizes = np.minimum(1 + rng.pareto(1.2, 100) * 3, 200).astype(np.int64)
    counts = sizes[:, None] * np.eye(3, dtype=np.int64)[np.arange(100) % 3]
    fractions = np.array([0.64, 0.16, 0.2])
    free = np.full(100, -1, dtype=np.int64)
    dealt = deal(counts, fractions, np.random.default_rng(0), free)
    evened = deal_evenly(counts, fractions, np.random.default_rng(0))
    assert evened is not None
    assert chi_square(evened, counts, fractions) < 0.5 * chi_square(dealt, counts, fractions)


def test_cover_spreads_what_a_greedy_deal_would_not() -> None:
    # The group with both classes has a side to itself, or the other side lacks one of them.
    counts = np.array([[1, 1], [1, 0], [0, 1]])
    found = cover(counts, 2)
    assert found is not None
    assert found[0] != found[1]
    assert found[1] == found[2]


@pytest.mark.parametrize("sides", [3, 4])
def test_cover_knows_when_there_is_no_way(sides: int) -> None:
    assert cover(np.array([[1, 1], [1, 0], [0, 1]]), sides) is None
