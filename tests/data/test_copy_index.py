"""The index of near neighbours, against comparing all with all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from automedimg.data import copy_index
from automedimg.data.copy_index import LENGTH, Index, quantise

Found = set[tuple[int, int]]


def vectors(num: int, seed: int, size: int = 49) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((num, size)).astype(np.float32)


def found(queries: npt.NDArray[np.int8], stored: npt.NDArray[np.int8], most: int = 50) -> Found:
    parts = Index(stored).neighbours(queries, min_cosine=0.8, most=most, probes=2)
    return {
        pair
        for first, second, _ in parts
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    }


@pytest.fixture
def small_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_index, "_TINY", 50)


def test_quantised_vectors_have_one_length_and_a_zero_stays_zero() -> None:
    whole = quantise(np.concatenate([vectors(20, 0), np.zeros((1, 49), np.float32)]))
    assert np.linalg.norm(whole[:20].astype(float), axis=1) == pytest.approx(LENGTH, rel=0.1)
    assert not whole[20].any()


def test_close_vectors_are_found_by_the_index(small_index: None) -> None:
    stored = vectors(3000, 1)
    queries = stored + 0.2 * vectors(3000, 2)
    hits = found(quantise(queries), quantise(stored))
    assert len(hits & {(n, n) for n in range(3000)}) > 2700
    cosines = [
        float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in ((queries[q], stored[s]) for q, s in hits)
    ]
    assert min(cosines) > 0.78


def test_few_vectors_are_compared_exactly() -> None:
    stored, queries = quantise(vectors(300, 3, 3)), quantise(vectors(200, 4, 3))
    dots = queries.astype(np.int64) @ stored.astype(np.int64).T
    expected = set(map(tuple, np.argwhere(dots >= int(0.8 * LENGTH**2)).tolist()))
    assert found(queries, stored, most=300) == expected


def test_the_nearest_are_kept_where_there_are_too_many() -> None:
    base = vectors(1, 5)
    stored = quantise(base + np.linspace(0, 0.5, 40, dtype=np.float32)[:, None] * vectors(1, 6))
    assert found(quantise(base), stored, most=3) == {(0, 0), (0, 1), (0, 2)}


def test_a_crowded_cell_is_split_and_its_bound_kept(
    small_index: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_index, "_CELL_LIMIT", 20)
    crowd = quantise(vectors(1, 7) + 0.05 * vectors(400, 8))
    hits = found(crowd, crowd, most=4)
    assert 200 <= len(hits) <= 400 * 2 * 4


def test_threads_do_not_change_what_is_found(small_index: None) -> None:
    stored = quantise(vectors(2000, 9, 6))
    with threadpool_limits(1):
        alone = found(stored, stored, most=4)
    assert found(stored, stored, most=4) == alone
