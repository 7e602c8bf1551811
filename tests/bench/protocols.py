"""What a split leaks, in figures: one simple classifier under three protocols.

Logistic regression on the features of a frozen MobileNetV2, for several seeds of the split; with
`--pair`, those of MobileNet of width 0.75 stand beside them:

    python tests/bench/protocols.py --data BR35H --weights-dir WEIGHTS [--pair] [--size 224]

`grouped` keeps all copies together, `upright` those that are not mirrored, `random` none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from automedimg.contracts import FloatArray
from automedimg.data import places
from automedimg.data.decoding import Wanted
from automedimg.data.dividing import SplitRequest
from automedimg.data.prepare import PreparedData, prepare
from automedimg.data.preprocessing import Preprocessing
from automedimg.data.resolving import TaskRequest, resolve
from automedimg.data.splits import TEST, TRAIN
from automedimg.registry import load_catalog
from automedimg.training.backend import load_keras

NETWORKS = (("mobilenetv2", 1.0, "mobilenetv2_1.00_224"), ("mobilenet", 0.75, "mobilenet_0.75_224"))
"""Names, widths and files."""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights-dir", type=Path, required=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pair", action="store_true")
    arguments = parser.parse_args()
    features: FloatArray | None = None
    print("protocol   leak %   test AUC (each seed)                      mean    accuracy")
    for protocol in ("random", "upright", "grouped"):
        scores = []
        for seed in range(arguments.seeds):
            data = read(arguments.data, arguments.size, protocol, seed)
            if features is None:
                networks = NETWORKS if arguments.pair else NETWORKS[:1]
                each_ones = [extract(data, arguments.weights_dir, *one) for one in networks]
                features = np.concatenate(each_ones, axis=1)
            scores.append(judge(features[data.rows], data))
        aucs = [auc for auc, _ in scores]
        leak = data.audit["leakage"]["percent"]
        each = " ".join(f"{auc:.4f}" for auc in aucs)
        accuracy = np.mean([accuracy for _, accuracy in scores])
        print(f"{protocol:<10} {leak:6.1f}   {each:<40}  {np.mean(aucs):.4f}  {accuracy:.4f}")


def read(folder: Path, size: int, protocol: str, seed: int) -> PreparedData:
    """Read, group and split Br35H."""
    catalog = load_catalog()
    cache = places.cache_folder()
    found = resolve(TaskRequest("br35h", folder), catalog, cache)
    return prepare(
        found.spec,
        found.listing,
        cache,
        wanted=Wanted(size, found.spec.channels, (Preprocessing(),)),
        how=SplitRequest(protocol, seed),
        listener=lambda _: None,
    )


def extract(data: PreparedData, weights: Path, name: str, width: float, file: str) -> FloatArray:
    """A network's features of every image, (N, D)."""
    load_keras()
    from automedimg.training.batches import predict_rows

    backbone = load_catalog().backbones.make(name)
    images = np.load(data.pixels.images["stretch"], mmap_mode="r")
    path = weights / f"{file}.weights.h5"
    model = backbone.build(images.shape[1:], {"alpha": width}, path).model
    return predict_rows(model, images, np.arange(len(images))).astype(np.float64)


def judge(features: FloatArray, data: PreparedData) -> tuple[float, float]:
    """Test AUC and accuracy of logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = data.splits == TRAIN, data.splits == TEST
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500))
    model.fit(features[train], data.labels[train])
    probability = model.predict_proba(features[test])[:, 1]
    accuracy = float(((probability > 0.5) == data.labels[test]).mean())
    return float(roc_auc_score(data.labels[test], probability)), accuracy


if __name__ == "__main__":
    main()
