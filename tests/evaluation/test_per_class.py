"""Scores class by class, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from automedimg.errors import DataError
from automedimg.evaluation.confusion import confusion_matrix
from automedimg.evaluation.per_class import AVERAGES, per_class_scores


def test_rows_are_scikit_learns():
    rng = np.random.default_rng(1)
    y_true = rng.choice(4, 200, p=[0.1, 0.2, 0.3, 0.4])
    y_prob = rng.dirichlet(np.ones(4), 200)
    y_prob[:, 3] = 0.0  # a class that is never called
    rows = per_class_scores(confusion_matrix(y_true, y_prob, 4), "abcd")
    called = y_prob.argmax(1)
    each = precision_recall_fscore_support(y_true, called, labels=range(4), zero_division=0)
    for k, row in enumerate(rows[:4]):
        assert (row.precision, row.recall, row.f1, row.images) == pytest.approx(
            [e[k] for e in each]
        )
    for row in rows[4:]:
        expected = precision_recall_fscore_support(
            y_true, called, labels=range(4), average=row.name, zero_division=0
        )
        assert (row.precision, row.recall, row.f1) == pytest.approx(expected[:3])
        assert row.images == 200
    assert tuple(row.name for row in rows[4:]) == AVERAGES


def test_empty_tables_are_refused():
    with pytest.raises(DataError, match="confusion matrix"):
        per_class_scores(np.zeros((2, 2), dtype=np.int64), "ab")
    with pytest.raises(DataError):
        per_class_scores(np.ones((2, 2), dtype=np.int64), "abc")
