"""What a small tree ensemble makes of metadata, and its AUC."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automedimg.contracts.metrics import FloatArray, IntArray
from automedimg.errors import MetricUndefinedError


def out_of_fold(
    values: FloatArray, labels: IntArray, folds: IntArray, num_classes: int, seed: int
) -> FloatArray:
    """Predict each image with a model that has not seen its fold.

    Gradient boosting over binned values, because it was the quickest of those tried that finds
    both steps and interactions. It runs on one thread: its loops are so short that on a busy
    machine more threads wait for one another longer than they work (8 s for 0.2 s of work, seen).

    Args:
        values: float array, shape (N, C); NaN where missing.
        labels: int array, shape (N,), values in [0, K).
        folds: int array, shape (N,).
        num_classes: K.
        seed: Of the model.
    Returns:
        float array, shape (N, K): probabilities if the classes were equally frequent.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    probabilities = np.full((len(labels), num_classes), 1.0 / num_classes)
    with threadpool_limits(1, user_api="openmp"):
        for fold in np.unique(folds):
            inside = folds == fold
            train, seen = values[~inside], labels[~inside]
            # A column without any value in this fold's training rows can't be binned.
            usable = ~np.isnan(train).all(axis=0)
            if not usable.any() or seen.min() == seen.max():
                continue
            model = HistGradientBoostingClassifier(
                max_iter=50,
                max_leaf_nodes=15,
                min_samples_leaf=5,
                early_stopping=False,
                class_weight="balanced",  # else a fold's mix of classes would shift its scores
                random_state=seed,
            )
            model.fit(train[:, usable], seen)
            found = model.predict_proba(values[inside][:, usable])
            probabilities[np.ix_(inside, model.classes_)] = found
    return probabilities


def ranks(probabilities: FloatArray) -> FloatArray:
    """Replace each column by the ranks of its values, from 0 up, ties equal.

    Ranks carry all that an AUC needs, and counting them is far quicker than sorting
    probabilities anew in each resample of a bootstrap.
    """
    rounded = np.round(probabilities, 9)  # what differs by less differs by rounding
    columns = [np.unique(column, return_inverse=True)[1] for column in rounded.T]
    return np.column_stack(columns).astype(np.float64)


def ranked_auc(y_true: IntArray, y_rank: FloatArray) -> float:
    """Area under the ROC curve; the mean of one-vs-rest for more than two classes.

    Args:
        y_true: int array, shape (N,), values in [0, K).
        y_rank: float array, shape (N, K), what `ranks` returned; of two, the second counts.
    Returns:
        Value in [0, 1]; 0.5 is chance.
    Raises:
        MetricUndefinedError: a class is absent.
    Source: Hanley & McNeil (1982), Radiology 143; Hand & Till (2001), Machine Learning 45.
    """
    codes = y_rank.astype(np.int64)
    num_classes = codes.shape[1]
    wanted = range(num_classes) if num_classes > 2 else (1,)
    return float(np.mean([_auc(y_true == label, codes[:, label]) for label in wanted]))


def _auc(positive: npt.NDArray[np.bool_], codes: IntArray) -> float:
    num_ranks = int(codes.max()) + 1
    ups = np.bincount(codes[positive], minlength=num_ranks)
    downs = np.bincount(codes[~positive], minlength=num_ranks)
    pairs = int(ups.sum()) * int(downs.sum())
    if not pairs:
        raise MetricUndefinedError("an AUC needs images of a class and of others")
    below = np.cumsum(downs) - downs
    return float((ups * (below + 0.5 * downs)).sum()) / pairs
