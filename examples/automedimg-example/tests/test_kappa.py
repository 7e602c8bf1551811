import numpy as np
import pytest
from automedimg.errors import MetricUndefinedError

from automedimg_example.kappa import kappa


def sure_of(classes):
    return np.eye(2)[classes]


def test_kappa_of_the_textbook_example():
    # 20 and 15 agreed on, 5 and 10 not: agreement 0.7, by chance 0.5.
    y_true = np.repeat([0, 0, 1, 1], [20, 5, 10, 15])
    called = np.repeat([0, 1, 0, 1], [20, 5, 10, 15])
    assert kappa(y_true, sure_of(called)) == pytest.approx(0.4)


def test_kappa_is_one_for_a_perfect_call_and_negative_for_a_contrary_one():
    y_true = np.array([0, 1, 0, 1])
    assert kappa(y_true, sure_of(y_true)) == 1.0
    assert kappa(y_true, sure_of(1 - y_true)) == -1.0


def test_kappa_of_one_class_is_undefined():
    with pytest.raises(MetricUndefinedError, match="one class only"):
        kappa(np.zeros(3, dtype=np.int64), sure_of([0, 0, 0]))
