"""How unlike a publisher's test images are to the training images, to begin with.

Run: python tests/bench/publishers_split.py --data PNEUMONIAMNIST/pneumoniamnist.npz
Of each class by itself, boosted trees on 50 principal components of the pixels are taught to tell
validation images, and test images, from training images; five-fold cross-validation. An AUC of 0.5
means that they can't be told apart. No class label is learnt, and no model is judged.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from automedimg.evaluation.bootstrap import grouped_bootstrap

COMPONENTS, FOLDS = 50, 5


def told_apart(known: np.ndarray, others: np.ndarray) -> str:
    """AUC, with its interval, of telling others from what is known; both (N, D)."""
    x = np.concatenate([known, others])
    y = np.repeat([0, 1], [len(known), len(others)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    trees = HistGradientBoostingClassifier(random_state=0)
    y_prob = cross_val_predict(trees, x, y, cv=folds, method="predict_proba")
    metric = {"auc": lambda true, prob: float(roc_auc_score(true, prob[:, 1]))}
    found = grouped_bootstrap(metric, y, y_prob, np.arange(len(y)))["auc"]
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="an npz file as MedMNIST's")
    given = parser.parse_args()
    with np.load(given.data, allow_pickle=False) as arrays:
        images = {side: arrays[f"{side}_images"] for side in ("train", "val", "test")}
        labels = {side: arrays[f"{side}_labels"].ravel() for side in images}
    flat = {side: these.reshape(len(these), -1) / 255.0 for side, these in images.items()}
    pca = PCA(COMPONENTS, random_state=0).fit(flat["train"])
    parts = {side: pca.transform(these) for side, these in flat.items()}
    print("| class | training images | validation | test |\n|---|---:|---:|---:|")
    for kind in np.unique(labels["train"]):
        train, *others = (parts[side][labels[side] == kind] for side in ("train", "val", "test"))
        cells = [f"{told_apart(train, other)}, {len(other)} images" for other in others]
        print(f"| {kind} | {len(train)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
