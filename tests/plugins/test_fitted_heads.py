"""What scikit-learn has fitted and what Keras saves are one and the same classifier."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted_examples import examples, probabilities, read_elsewhere

from automedimg.training.backend import load_keras


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    return load_keras()


def standardised(features: Any, *, together: bool = False) -> Any:
    """In float64, by the textbook."""
    centred = features - features.mean(axis=0, dtype=np.float64)
    deviation = centred.std(axis=0)
    if together:
        return centred / np.sqrt((deviation**2).mean())
    return centred / np.where(deviation > 1e-9, deviation, 1.0)


@pytest.mark.parametrize(("num_classes", "weight"), list(product((2, 4), ("none", "balanced"))))
def test_logistic_gives_scikit_learns_probabilities(num_classes: int, weight: str) -> None:
    from sklearn.linear_model import LogisticRegression

    from automedimg_backbones.logistic import Logistic

    features, labels = examples(num_classes)
    kept = labels % 2 == 0
    kept[:60] = True  # classes of different size
    features, labels = features[kept], labels[kept]
    values = {"c": 0.03, "class_weight": weight}
    model = Logistic().fit(features.copy(), labels, None, num_classes, values, 0)
    wanted = LogisticRegression(
        C=0.03, class_weight=None if weight == "none" else "balanced", max_iter=500
    )
    x = standardised(features)
    wanted.fit(x, labels)
    np.testing.assert_allclose(
        probabilities(model, features), wanted.predict_proba(x), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    ("num_classes", "kernel", "scaling", "weight"),
    [
        (2, "rbf", "each", "none"),
        (2, "linear", "together", "balanced"),
        (4, "rbf", "together", "balanced"),
        (4, "linear", "each", "none"),
    ],
)
def test_svm_is_libsvms_with_calibrated_decisions(
    num_classes: int, kernel: str, scaling: str, weight: str
) -> None:
    """Fitted here again by scikit-learn's own kernels, folds and decision values."""
    from sklearn.svm import SVC

    from automedimg_backbones.calibrating import calibrate, deal_folds
    from automedimg_backbones.svm import Svm

    features, labels = examples(num_classes)
    groups = np.arange(len(labels)) // 6
    given = {"kernel": kernel, "gamma": 0.7, "c": 2.0, "scaling": scaling, "class_weight": weight}
    model = Svm().fit(features.copy(), labels, groups, num_classes, given, 3)
    x = standardised(features, together=scaling == "together")
    sklearn_weight = None if weight == "none" else "balanced"

    def decide(fit: Any, held: Any) -> Any:
        machine = SVC(
            kernel=kernel,
            C=2.0,
            gamma=0.7 / 12,
            class_weight=sklearn_weight,
            decision_function_shape="ovo",
        )
        return machine.fit(x[fit], labels[fit]).decision_function(x[held]).reshape(len(held), -1)

    folds = deal_folds(labels, groups, 3)
    assert len(folds) == 3
    held = np.concatenate([held for _, held in folds])
    known = np.concatenate([decide(*fold) for fold in folds])
    slope, offset = calibrate(known, labels[held], sklearn_weight)
    everything = np.arange(len(labels))
    logits = decide(everything, everything) @ slope + offset
    if num_classes == 2:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    wanted = np.exp(logits - logits.max(axis=1, keepdims=True))
    wanted /= wanted.sum(axis=1, keepdims=True)
    # LIBSVM stops within 1e-3 of its optimum, from another side for other roundings of the kernel.
    np.testing.assert_allclose(probabilities(model, features), wanted, rtol=0, atol=2e-3)


@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_svm_decisions_are_scikit_learns(num_classes: int) -> None:
    """One fit: the same machine, read out by us and by scikit-learn."""
    from sklearn.svm import SVC

    from automedimg_backbones.svm import _fit, _gram

    features, labels = examples(num_classes)
    x = standardised(features).astype(np.float32)
    gram = _gram(x, 0.1)
    vectors, kernel, bias = _fit(gram, labels, 1.5, None)
    machine = SVC(kernel="precomputed", C=1.5, decision_function_shape="ovo").fit(gram, labels)
    ours = gram[:, vectors] @ kernel + bias
    theirs = machine.decision_function(gram).reshape(ours.shape)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    np.testing.assert_allclose(np.diag(gram), 1.0, atol=1e-5)


@pytest.mark.parametrize(("num_classes", "weight"), list(product((2, 4), ("none", "balanced"))))
def test_forest_gives_scikit_learns_probabilities(num_classes: int, weight: str) -> None:
    from sklearn.ensemble import RandomForestClassifier

    from automedimg_backbones.forest import RandomForest

    features, labels = examples(num_classes)
    values = {"trees": 30, "depth": 7, "leaf": 2, "features": "sqrt", "class_weight": weight}
    model = RandomForest().fit(features.copy(), labels, None, num_classes, values, 5)
    forest = RandomForestClassifier(
        30,
        max_depth=7,
        min_samples_leaf=2,
        max_features="sqrt",
        class_weight=None if weight == "none" else "balanced",
        random_state=5,
    ).fit(features, labels)
    others, _ = examples(num_classes, seed=1)
    for seen in (features, others):
        found, wanted = probabilities(model, seen), forest.predict_proba(seen)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_a_feature_on_a_threshold_goes_where_scikit_learn_sends_it() -> None:
    """Thresholds are float64; rounded up, they would take some float32 feature along."""
    from automedimg_backbones.forest import _rounded_down

    rng = np.random.default_rng(0)
    thresholds = rng.normal(size=10_000) * np.logspace(-3, 3, 10_000)
    near = thresholds.astype(np.float32)
    down = _rounded_down(thresholds)
    for candidate in (near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, -near)):
        np.testing.assert_array_equal(candidate <= down, candidate.astype(float) <= thresholds)


def test_saved_heads_are_read_by_automedimg_alone(tmp_path: Path) -> None:
    from automedimg_backbones.forest import RandomForest
    from automedimg_backbones.logistic import Logistic
    from automedimg_backbones.svm import Svm

    features, labels = examples(3)
    models = [
        head.fit(features.copy(), labels, None, 3, head.defaults()[0], 0)
        for head in (Logistic(), Svm(), RandomForest())
    ]
    for model, read in zip(models, read_elsewhere(models, features, tmp_path), strict=True):
        np.testing.assert_allclose(read, np.asarray(model(features)), atol=1e-5)


@pytest.mark.parametrize("grouped", [True, False])
def test_folds_tear_no_group_apart_and_hold_out_each_row_once(grouped: bool) -> None:
    from automedimg_backbones.calibrating import deal_folds

    labels = np.repeat([0, 0, 0, 1, 1, 2], 20)
    groups = np.arange(120) // 4 if grouped else None
    folds = deal_folds(labels, groups, 0)
    held = np.concatenate([held for _, held in folds])
    assert sorted(held) == list(range(120))
    for fit, out in folds:
        assert not set(fit) & set(out)
        assert set(labels[fit]) == {0, 1, 2}
        if groups is not None:
            assert not set(groups[fit]) & set(groups[out])


def test_what_can_not_be_held_out_is_calibrated_all_the_same() -> None:
    from automedimg_backbones.calibrating import deal_folds
    from automedimg_backbones.svm import Svm

    features, labels = examples(2, num=40)
    one_patient_has_it = np.where(labels == 1, 0, np.arange(40))
    assert deal_folds(labels, one_patient_has_it, 0) == []
    values = Svm().defaults()[0]
    model = Svm().fit(features.copy(), labels, one_patient_has_it, 2, values, 0)
    found = probabilities(model, features)
    assert (found.argmax(axis=1) == labels).mean() > 0.9
    assert found.min() > 1e-4  # targets short of 0 and 1 keep it from certainty


def test_calibrated_probabilities_are_honest_where_in_sample_ones_are_not() -> None:
    """On pure noise a machine that fits everything must end near the share of each class."""
    from automedimg_backbones.svm import Svm

    rng = np.random.default_rng(0)
    labels = (np.arange(300) % 3 == 0).astype(np.int64)
    features = rng.normal(size=(300, 20)).astype(np.float32)
    values = {**Svm().defaults()[0], "c": 100.0}
    model = Svm().fit(features.copy(), labels, None, 2, values, 0)
    fresh = probabilities(model, rng.normal(size=(500, 20)).astype(np.float32))
    assert abs(fresh[:, 1].mean() - 1 / 3) < 0.05
    assert fresh[:, 1].std() < 0.15


def test_of_many_rows_svm_takes_some(monkeypatch: pytest.MonkeyPatch) -> None:
    from automedimg_backbones import svm

    monkeypatch.setattr(svm, "MOST_ROWS", 60)
    features, labels = examples(3)
    model = svm.Svm().fit(features.copy(), labels, None, 3, svm.Svm().defaults()[0], 0)
    (vectors,) = [layer for layer in model.layers if hasattr(layer, "num_vectors")]
    assert 0 < vectors.num_vectors <= 60


def test_svm_gives_up_on_a_boundary_that_would_take_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that a straight line is to split at any price: without a bound, 30 times the steps."""
    from sklearn.svm import SVC

    from automedimg_backbones import svm

    steps: list[int] = []

    class Counting(SVC):
        def fit(self, *arguments: Any) -> Any:
            fitted = super().fit(*arguments)
            steps.extend(self.n_iter_.tolist())
            return fitted

    monkeypatch.setattr("sklearn.svm.SVC", Counting)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 40)).astype(np.float32)
    labels = (features[:, 0] + 2 * rng.normal(size=300) > 0).astype(np.int64)
    values = {"kernel": "linear", "c": 100.0, "scaling": "together", "class_weight": "none"}
    svm.Svm().fit(features.copy(), labels, None, 2, values, 0)
    assert max(steps) > 1000
    monkeypatch.setattr(svm, "MOST_STEPS", 1000)
    steps.clear()
    model = svm.Svm().fit(features.copy(), labels, None, 2, values, 0)
    assert max(steps) == 1000
    assert np.isfinite(np.asarray(model.predict(features, verbose=0))).all()
