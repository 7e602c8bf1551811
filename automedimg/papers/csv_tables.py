"""A paper's results as CSV tables, for whoever goes on with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automedimg.data import files
from automedimg.papers.outcomes import Outcome

Rows = Iterable[Mapping[str, Any]]


def write_tables(folder: Path, results: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write every table that has rows into a folder.

    Args:
        folder: Made if it is not there.
        results: What ``results.json`` holds.
        outcomes: The runs, for their epochs.
    """
    files.make_folder(folder)
    tables: dict[str, Rows] = {
        "scores": _scores(results),
        "folds": _folds(results),
        "parameters": _parameters(results),
        "per_class": _per_class(results),
        "confusion": _confusion(results),
        "comparisons": _comparisons(results),
        "figures": _figures(results),
        "epochs": _epochs(outcomes),
    }
    for name, rows in tables.items():
        listed = list(rows)
        if listed:
            files.write_text(folder / f"{name}.csv", _as_csv(listed))


def _scores(results: Mapping[str, Any]) -> Rows:
    for arm in results["arms"]:
        for side in ("train", "validation", "test"):
            for name, spread in arm[side].items():
                yield {**_of(arm), "side": side, "score": name, **_spread(spread)}
    for told in results["ensembles"]:
        for name, spread in told["test"].items():
            named = {"split": told["split"], "model": told["ensemble"], "steps": "", "arm": ""}
            yield {**named, "side": "test", "score": name, **_spread(spread)}


def _of(arm: Mapping[str, Any]) -> dict[str, Any]:
    steps = "; ".join(f"{axis}: {step}" for axis, step in arm["steps"].items())
    return {"split": arm["split"], "model": arm["model"], "steps": steps, "arm": arm["arm"]}


def _spread(spread: Mapping[str, Any]) -> dict[str, Any]:
    return {name: spread.get(name) for name in ("mean", "low", "high", "variance")}


def _folds(results: Mapping[str, Any]) -> Rows:
    for arm in results["arms"]:
        for fold in arm["folds"]:
            for side in ("validation", "test"):
                told = {
                    name: fold[name] for name in ("fold", "epoch", "epochs", "trials", "seconds")
                }
                yield {**_of(arm), "side": side, **told, **fold[side]}


def _parameters(results: Mapping[str, Any]) -> Rows:
    names = (
        *("parameters", "published_parameters"),
        *("trainable_parameters", "published_trainable_parameters", "predict_s", "seconds"),
    )
    for arm in results["arms"]:
        yield {**_of(arm), **{name: arm[name] for name in names}}


def _per_class(results: Mapping[str, Any]) -> Rows:
    for arm in results["arms"]:
        for row in arm["per_class"]:
            yield {**_of(arm), **row}


def _confusion(results: Mapping[str, Any]) -> Rows:
    for arm in results["arms"]:
        for name, row in zip(results["classes"], arm["confusion"], strict=True):
            yield {**_of(arm), "truly": name, **dict(zip(results["classes"], row, strict=True))}


def _comparisons(results: Mapping[str, Any]) -> Rows:
    for told in results["comparisons"]:
        pair = {name: told[name] for name in ("split", "first", "second", "score")}
        for test in ("t_test", "corrected_t_test", "mcnemar", "mcnemar_groups"):
            for name, value in (told[test] or {}).items():
                yield {**pair, "test": test, "quantity": name, "value": value}
        for name, ends in told["differences"].items():
            for end, value in ends.items():
                yield {**pair, "test": f"difference of {name}", "quantity": end, "value": value}


def _figures(results: Mapping[str, Any]) -> Rows:
    for figure in results["figures"]:
        row = {name: value for name, value in figure.items() if name != "ours"}
        for split, ours in (figure["ours"] or {"": {}}).items():
            ends = {f"our_{end}": ours.get(end) for end in ("value", "low", "high")}
            yield {**row, "split": split, **ends}


def _epochs(outcomes: Sequence[Outcome]) -> Rows:
    for outcome in outcomes:
        job = outcome.job
        for line in outcome.history:
            yield {
                "split": job.protocol,
                "fold": job.fold,
                "arm": job.arm.name,
                "epoch": line.epoch,
                "loss": line.loss,
                "value": line.value,
                "val_log_loss": line.val_log_loss,
                "accuracy": line.accuracy,
                "val_accuracy": line.val_accuracy,
            }


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, list(names), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
