"""Rows are true, columns are called."""

import numpy as np
import pytest
from sklearn import metrics as reference

from automedimg.errors import DataError
from automedimg.evaluation.confusion import confusion_matrix


def test_rows_are_true_and_columns_called():
    y = np.array([0, 0, 1])
    p = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert confusion_matrix(y, p, 2).tolist() == [[1, 1], [0, 1]]


def test_equal_probabilities_call_the_lower_class():
    assert confusion_matrix(np.array([1]), np.full((1, 2), 0.5), 2).tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("k", [2, 3, 7])
def test_agrees_with_the_reference(k):
    rng = np.random.default_rng(k)
    y, p = rng.integers(0, k, 100), rng.dirichlet(np.ones(k), 100)
    counts = confusion_matrix(y, p, k)
    expected = reference.confusion_matrix(y, p.argmax(axis=1), labels=range(k))
    np.testing.assert_array_equal(counts, expected)


def test_absent_classes_keep_their_row_and_column():
    counts = confusion_matrix(np.array([0]), np.array([[0.5, 0.2, 0.3]]), 3)
    assert counts.shape == (3, 3)
    assert counts.sum() == counts[0, 0] == 1


def test_refuses_another_number_of_classes():
    with pytest.raises(DataError, match="2 classes; expected 3"):
        confusion_matrix(np.array([0]), np.array([[0.5, 0.5]]), 3)
