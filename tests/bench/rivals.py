"""Compares searches on Br35H: a hand-written Optuna loop, KerasTuner, AutoKeras, automedimg.

Run: python tests/bench/rivals.py --data BR35H --weights-dir WEIGHTS [--budget 240] [--repeats 3]
All see the same split, at 128 pixels. Optuna, KerasTuner and automedimg search one space: a head on
a frozen MobileNetV2, learning rate, batch size, optimizer and weight decay, 50 trials of at most 10
epochs; AutoKeras searches its own. Each runs in a process of its own, one after the other, and is
stopped after the budget. With repeats they take turns, and another one begins each time: machines
swing in speed, so ratios are taken within a round; their median over the rounds is printed. The
clock of the first three starts with arrays in memory; to each, what decoding takes with two
processes is added. That of automedimg starts with the command, on empty caches: reading, the search
for copies and the verdict are in it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from sklearn.metrics import accuracy_score, roc_auc_score

SIZE, EPOCHS, TRIALS = 128, 10, 50
LEVELS = (0.95, 0.98, 0.99)
WEIGHTS = "mobilenetv2_1.00_224.weights.h5"


class Peak:
    """The most memory that a process and its children take together, in bytes."""

    def __init__(self, pid: int) -> None:
        self.bytes, self._pid, self._on = 0, pid, True
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self._on:
            try:
                process = psutil.Process(self._pid)
                total = 0
                for one in (process, *process.children(recursive=True)):
                    info = one.memory_info()
                    total += info.rss - info.shared
                self.bytes = max(self.bytes, total)
            except psutil.Error:
                pass
            time.sleep(0.3)

    def stop(self) -> None:
        self._on = False


def decode(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def prepare_arrays(data: Path, protocol: str, folder: Path) -> float:
    """Write the split images as arrays; return the seconds that decoding them took."""
    import automedimg

    (table,) = automedimg.split("br35h", data, out=folder / "split", protocol=protocol)
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    paths = [str(data / row[0]) for row in rows]
    start = time.monotonic()
    with ProcessPoolExecutor(2) as pool:
        images = np.stack(list(pool.map(decode, paths, chunksize=50)))
    seconds = time.monotonic() - start
    labels = np.array([int(row[1] in ("yes", "tumour", "tumor", "1")) for row in rows])
    if len(set(labels)) != 2:
        names = sorted({row[1] for row in rows})
        labels = np.array([names.index(row[1]) for row in rows])
    np.savez(
        folder / "arrays.npz",
        images=images,
        labels=labels,
        groups=np.array([int(row[2]) for row in rows]),
        split=np.array([row[3] for row in rows]),
    )
    return seconds


class Log:
    """Prints what a rival has reached, and keeps the best model's test predictions."""

    def __init__(self, folder: Path, arrays: dict[str, np.ndarray]) -> None:
        self.start, self._folder, self.best = time.monotonic(), folder, 0.0
        self.sides = {
            name: np.flatnonzero(arrays["split"] == name)
            for name in ("train", "validation", "test")
        }
        self._labels = arrays["labels"]

    def epoch(self, trial: int, predict: Callable[[str], np.ndarray]) -> float:
        """Score an epoch's weights; the test images are predicted only to be judged in the end."""
        auc = float(roc_auc_score(self._labels[self.sides["validation"]], predict("validation")))
        now = time.monotonic() - self.start
        print(json.dumps({"s": now, "trial": trial, "auc": auc}), flush=True)
        if auc > self.best:
            self.best = auc
            began = time.monotonic()
            np.save(self._folder / "test.npy", predict("test"))
            self.start += time.monotonic() - began  # not the rival's own work
        return auc

    def trial(self, number: int) -> None:
        now = time.monotonic() - self.start
        print(json.dumps({"s": now, "trial": number, "ended": True}), flush=True)


def callback(log: Log, number: int, images: np.ndarray) -> Any:
    import keras

    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            def predict(side: str) -> np.ndarray:
                found = self.model.predict(images[log.sides[side]], batch_size=64, verbose=0)
                return found[:, -1]

            log.epoch(number, predict)

    return Score()


def build(values: dict[str, Any], weights: Path) -> Any:
    """The network that everybody searches: a head on a frozen MobileNetV2."""
    import keras

    base = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None)
    base.load_weights(weights)
    base.trainable = False
    image = keras.Input((SIZE, SIZE, 3))
    x = base(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image), training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    for _ in range(values["layers"]):
        x = keras.layers.Dropout(values["dropout"])(x)
        x = keras.layers.Dense(values["units"], activation=values["activation"])(x)
    x = keras.layers.Dropout(values["dropout"])(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    kinds = {
        "adam": keras.optimizers.Adam,
        "sgd": lambda **rest: keras.optimizers.SGD(momentum=0.9, nesterov=True, **rest),
        "rmsprop": keras.optimizers.RMSprop,
    }
    optimizer = kinds[values["optimizer"]](
        learning_rate=values["learning_rate"], weight_decay=values["weight_decay"]
    )
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return model


def run_optuna(log: Log, images: np.ndarray, labels: np.ndarray, weights: Path) -> None:
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    train = log.sides["train"]

    def objective(trial: Any) -> float:
        keras.backend.clear_session()
        values = {
            "layers": trial.suggest_int("layers", 0, 2),
            "units": trial.suggest_int("units", 32, 512, log=True),
            "activation": trial.suggest_categorical("activation", ["relu", "silu", "tanh"]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "optimizer": trial.suggest_categorical("optimizer", ["adam", "sgd", "rmsprop"]),
            "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
        }
        batch = trial.suggest_categorical("batch_size", [16, 32, 64])
        score = callback(log, trial.number, images)
        model = build(values, weights)
        before = log.best
        model.fit(
            images[train],
            labels[train],
            batch_size=batch,
            epochs=EPOCHS,
            verbose=0,
            callbacks=[score],
        )
        log.trial(trial.number)
        return max(before, log.best)

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=TRIALS)


def run_keras_tuner(log: Log, images: np.ndarray, labels: np.ndarray, weights: Path) -> None:
    import keras_tuner

    train = log.sides["train"]
    valid = log.sides["validation"]

    class Hyper(keras_tuner.HyperModel):
        number = -1

        def build(self, hp: Any) -> Any:
            return build(
                {
                    "layers": hp.Int("layers", 0, 2),
                    "units": hp.Int("units", 32, 512, sampling="log"),
                    "activation": hp.Choice("activation", ["relu", "silu", "tanh"]),
                    "dropout": hp.Float("dropout", 0.0, 0.6),
                    "optimizer": hp.Choice("optimizer", ["adam", "sgd", "rmsprop"]),
                    "learning_rate": hp.Float("learning_rate", 1e-5, 1e-2, sampling="log"),
                    "weight_decay": hp.Float("weight_decay", 1e-6, 1e-2, sampling="log"),
                },
                weights,
            )

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            self.number += 1
            kwargs["callbacks"] = [*kwargs["callbacks"], callback(log, self.number, images)]
            batch = hp.Choice("batch_size", [16, 32, 64])
            history = model.fit(*args, batch_size=batch, **kwargs)
            log.trial(self.number)
            return history

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.BayesianOptimization(
            Hyper(), objective="val_loss", max_trials=TRIALS, directory=folder, seed=0
        )
        tuner.search(
            images[train],
            labels[train],
            validation_data=(images[valid], labels[valid]),
            epochs=EPOCHS,
            verbose=0,
        )


def run_autokeras(log: Log, images: np.ndarray, labels: np.ndarray, weights: Path) -> None:
    import autokeras

    del weights  # it brings its own networks
    head = autokeras.ClassificationHead
    plain = head.build

    def patched(self: Any, hp: Any, inputs: Any = None) -> Any:
        # Since Keras 3.13 a layer's units must be a plain int.
        self.shape = [int(side) for side in self.shape]
        return plain(self, hp, inputs)

    head.build = patched
    train, valid = log.sides["train"], log.sides["validation"]
    target = labels.astype(np.float32)[:, None]
    with tempfile.TemporaryDirectory() as folder:
        found = autokeras.ImageClassifier(max_trials=TRIALS, directory=folder, seed=0)
        found.fit(
            images[train],
            target[train],
            validation_data=(images[valid], target[valid]),
            epochs=EPOCHS,
            verbose=0,
            callbacks=[callback(log, 0, images)],
        )


RIVALS = {"optuna": run_optuna, "keras-tuner": run_keras_tuner, "autokeras": run_autokeras}


def work(name: str, folder: Path, weights: Path) -> None:
    """Be a rival."""
    arrays = dict(np.load(folder / "arrays.npz"))
    RIVALS[name](Log(folder, arrays), arrays["images"], arrays["labels"], weights / WEIGHTS)


def measure_rival(name: str, folder: Path, weights: Path, budget_s: float, ahead_s: float) -> dict:
    """Run a rival until its budget is spent."""
    (folder / "test.npy").unlink(missing_ok=True)
    command = [sys.executable, __file__, "--work", name, "--data", folder, "--weights-dir", weights]
    start = time.monotonic()
    with (folder / f"{name}.err").open("wb") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
            text=True,
        )
        peak = Peak(process.pid)
        timer = threading.Timer(budget_s, process.kill)
        timer.start()
        rows = [json.loads(line) for line in process.stdout or () if line.startswith("{")]
        process.wait()
        timer.cancel()
    peak.stop()
    total = time.monotonic() - start
    ended = [row for row in rows if "ended" in row]
    scores = [(row["s"], row["auc"]) for row in rows if "auc" in row]
    import_s = total - max((row["s"] for row in rows), default=total)
    finished = process.returncode == 0
    return {
        "name": name,
        "trials": len(ended),
        "seconds": (total if finished else max((r["s"] for r in ended), default=total)) + ahead_s,
        "finished": finished,
        "scores": [(s + ahead_s + (import_s if finished else 3.5), auc) for s, auc in scores],
        "peak": peak.bytes,
        "test": judge(folder) if (folder / "test.npy").exists() else None,
    }


def judge(folder: Path) -> tuple[str, float]:
    """Test AUC with its interval, and accuracy, of the best epoch by validation AUC."""
    from automedimg.evaluation.bootstrap import grouped_bootstrap

    arrays = dict(np.load(folder / "arrays.npz"))
    test = np.flatnonzero(arrays["split"] == "test")
    share = np.load(folder / "test.npy").astype(float)
    labels, y_prob = arrays["labels"][test], np.stack([1 - share, share], 1)
    metric = {"auc": lambda y, p: float(roc_auc_score(y, p[:, 1]))}
    found = grouped_bootstrap(metric, labels, y_prob, arrays["groups"][test])["auc"]
    text = f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
    return text, float(accuracy_score(labels, share > 0.5))


def measure_own(
    given: argparse.Namespace, folder: Path, cache: Path, label: str, *more: str
) -> dict:
    """Run the command, as a user does."""
    out = folder / label.replace(" ", "-")
    shutil.rmtree(out, ignore_errors=True)
    command = [
        str(Path(sys.executable).with_name("automedimg")),
        *("search", "--task", "br35h", "--data", given.data, "--weights-dir", given.weights_dir),
        *("--offline", "--cache-dir", cache, "--out", out, "--protocol", given.protocol),
        *("--image-size", SIZE, "--json", "--quiet", *more),
    ]
    start, began = time.monotonic(), time.time()
    with (folder / "own.err").open("wb") as errors:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        peak = Peak(process.pid)
        result = json.loads(process.communicate()[0])
    peak.stop()
    rows = [json.loads(line) for line in (out / "decisions.jsonl").open()]
    scores = [
        (datetime.fromisoformat(row["at"]).timestamp() - began, row["value"])
        for row in rows
        if row["decision"] == "record" and row["value"] is not None
    ]
    test = result["test"]
    auc, accuracy = test["auc"], test["accuracy"]
    return {
        "name": label,
        "trials": sum(result["trials"].values()),
        "seconds": time.monotonic() - start,
        "finished": True,
        "scores": scores,
        "peak": peak.bytes,
        "test": (f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})", accuracy["value"]),
    }


def print_table(rows: list[dict]) -> None:
    """Print what was measured."""
    heads = " | ".join(f"s to {level}" for level in LEVELS)
    print(f"| | trials | s in all | s a trial | {heads} | best (s) | test AUC | accuracy | GB |")
    print("|---|---:|---:|---:|" + "---:|" * (len(LEVELS) + 4))
    for row in rows:
        firsts = [reached(row, level) for level in LEVELS]
        cells = ["-" if first is None else f"{first:.0f}" for first in firsts]
        when, best = max(row["scores"], key=lambda pair: (pair[1], -pair[0]), default=(0, 0))
        each = a_trial(row) or float("nan")
        total = f"{row['seconds']:.0f}" + ("" if row["finished"] else " (cut)")
        auc, accuracy = row["test"] or ("-", float("nan"))
        print(
            f"| {row['name']} | {row['trials']} | {total} | {each:.2f} | {' | '.join(cells)} | "
            f"{best:.3f} ({when:.0f}) | {auc} | {accuracy:.3f} | {row['peak'] / 1e9:.1f} |",
            flush=True,
        )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights-dir", type=Path, required=True)
    parser.add_argument("--budget", type=float, default=240.0, help="seconds each")
    parser.add_argument("--protocol", default="upright")
    parser.add_argument("--only", nargs="*", default=[*RIVALS, "automedimg", "warm", "time"])
    parser.add_argument("--repeats", type=int, default=1, help="rounds, in each of which all run")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of automedimg's own search")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.data, given.weights_dir)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        decoding_s = prepare_arrays(given.data, given.protocol, folder)
        print(f"decoding: {decoding_s:.1f} s\n", flush=True)
        rounds = []
        for number in range(given.repeats):
            rounds.append(measure_round(given, number, folder, decoding_s))
            print(f"round {number + 1} of {given.repeats}:\n")
            print_table(list(rounds[-1].values()))
            print(flush=True)
        if given.repeats > 1:
            print_ratios(rounds)


def measure_round(
    given: argparse.Namespace, number: int, folder: Path, decoding_s: float
) -> dict[str, dict]:
    """Measure each once; in each round another one begins."""
    same = ["--backbones", "mobilenetv2", "--fix", "train=frozen", "--fix", "alpha=1.0"]
    same += ["--fix", "views=1", "--fix", "loss=crossentropy", "--epochs", str(EPOCHS)]
    same += ["--trials", str(given.trials)]
    budget = given.budget

    def own(name: str, label: str, cache: str, *more: str) -> tuple[str, Callable[[], dict]]:
        return name, lambda: measure_own(given, folder, folder / cache, label, *more)

    def rival(name: str) -> tuple[str, Callable[[], dict]]:
        ahead = folder, given.weights_dir, budget, decoding_s
        return name, lambda: measure_rival(name, *ahead)

    # The second run needs the first one's caches: the two keep together.
    turns = [
        [
            own("automedimg", "automedimg", "cache", *same),
            own("warm", "automedimg, second run", "cache", *same),
        ],
        *([rival(name)] for name in RIVALS),
        [
            own(
                "time",
                f"automedimg, its whole space, {budget:.0f} s",
                "cache-2",
                "--time",
                f"{budget:.0f}s",
            )
        ],
    ]
    first = number % len(turns)
    found = {}
    for cache in ("cache", "cache-2"):
        shutil.rmtree(folder / cache, ignore_errors=True)
    for turn in (*turns[first:], *turns[:first]):
        for name, measure in turn:
            if name in given.only:
                found[name] = measure()
    order = [name for turn in turns for name, _ in turn]
    return {name: found[name] for name in order if name in found}


def print_ratios(rounds: list[dict[str, dict]]) -> None:
    """How many times as long as automedimg others take, within each round; medians and ranges."""
    print(
        "| times as long as automedimg | a trial | " + " | ".join(f"to {n}" for n in LEVELS) + " |"
    )
    print("|---|---:|" + "---:|" * len(LEVELS))
    for name in rounds[0]:
        if name == "automedimg" or "automedimg" not in rounds[0]:
            continue
        cells = [ratio([(a_trial(r[name]), a_trial(r["automedimg"])) for r in rounds])]
        for level in LEVELS:
            pairs = [(reached(r[name], level), reached(r["automedimg"], level)) for r in rounds]
            cells.append(ratio(pairs))
        print(f"| {rounds[0][name]['name']} | {' | '.join(cells)} |", flush=True)


def ratio(pairs: list[tuple[float | None, float | None]]) -> str:
    """The median ratio of pairs, with the range; of as many as both have reached."""
    both = sorted(one / other for one, other in pairs if one is not None and other)
    if not both:
        return "-"
    few = "" if len(both) == len(pairs) else f", {len(both)} of {len(pairs)} rounds"
    return f"{statistics.median(both):.1f} ({both[0]:.1f} to {both[-1]:.1f}{few})"


def a_trial(row: dict) -> float | None:
    """Seconds a trial; None without one."""
    return row["seconds"] / row["trials"] if row["trials"] else None


def reached(row: dict, level: float) -> float | None:
    """Seconds until a validation AUC was reached; None if it was not."""
    return next((s for s, auc in row["scores"] if auc >= level), None)


if __name__ == "__main__":
    main()
