"""A paper's results as one HTML file: its figures beside ours, under each split."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from automedimg.data.levels import grey_levels
from automedimg.papers.figures import Drawing, learning_drawings, roc_drawings
from automedimg.papers.finishing import Picture
from automedimg.papers.material import Material
from automedimg.papers.outcomes import Outcome
from automedimg.papers.plan import Plan
from automedimg.papers.results import Group, Results
from automedimg.papers.words import WAYS, label_of, verdict
from automedimg.report.audit_gallery import data_uri
from automedimg.report.format import count, duration, finite, interval, number, percent, setting
from automedimg.version import __version__

HERE = Path(__file__).parent / "templates"
STYLES = Path(__file__).parents[1] / "report" / "templates" / "report.css"
SAMPLES = 6
"""Images of each class on the page."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A score: its value, its interval, and what it is."""

    value: str
    note: str = ""


class Page:
    """The page of a paper.

    Args:
        plan: What was to be done.
        results: What ``results.json`` holds.
        told: The same, with the predictions behind it.
        outcomes: The runs.
        pictures: Grad-CAM drawings.
        material: The images.
    """

    def __init__(
        self,
        plan: Plan,
        results: Mapping[str, Any],
        told: Results,
        outcomes: Sequence[Outcome],
        pictures: Sequence[Picture],
        material: Material,
    ) -> None:
        self._plan, self._results, self._told = plan, results, told
        self._outcomes, self._pictures, self._material = outcomes, pictures, material
        self._splits = [s for s in plan.protocols if any(g.protocol == s for g in told.groups)]

    def render(self) -> str:
        """The page; all that comes from data is escaped."""
        environment = Environment(
            loader=FileSystemLoader(HERE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(count=count, percent=percent, duration=duration, shown=setting)
        style = STYLES.read_text(encoding="utf-8") + (HERE / "paper.css").read_text("utf-8")
        page = environment.get_template("paper.html.j2")
        # The style sheets are ours and hold no data; they must not be escaped inside <style>.
        return page.render(style=Markup(style), **self._view())  # noqa: S704

    def _view(self) -> dict[str, Any]:
        protocol, results, show = self._plan.protocol, self._results, self._plan.protocol.show
        return {
            "protocol": protocol,
            "program": __version__,
            "results": results,
            "verdict": verdict(results),
            "show": show,
            "scores": [label_of(name) for name in results["scores"]],
            "splits": [(name, WAYS.get(name, name)) for name in self._splits],
            "sides": self._sides(),
            "parameters": self._parameters() if "parameters" in show else [],
            "distribution": self._distribution() if "data" in show else [],
            "samples": self._samples() if "data" in show else [],
            "score_rows": {split: self._score_rows(split) for split in self._splits},
            "figures": self._figures(),
            "grid": self._grid() if "grid" in show else None,
            "folds": self._folds() if "folds" in show else [],
            "per_class": self._best(self._per_class) if "per_class" in show else [],
            "epochs": self._best(self._epochs) if "epochs" in show else [],
            "curves": self._best(self._curves) if "curves" in show else [],
            "confusion": self._best(self._confusion) if "confusion" in show else [],
            "roc": self._roc() if "roc" in show else [],
            "comparisons": self._comparisons() if "tests" in show else [],
            "ensembles": self._ensembles() if "ensembles" in show else [],
            "pictures": [(p, _embedded(p.path)) for p in self._pictures],
            "label_of": label_of,
        }

    def _groups(self, split: str) -> list[Group]:
        """The best arm of each model, in the protocol's order."""
        names = [model.name for model in self._plan.protocol.models]
        found = [self._told.group(split, name) for name in names]
        return [group for group in found if group is not None]

    def _best(self, make: Any) -> list[Any]:
        """What `make` says of each split's and model's best arm."""
        made = [make(group) for split in self._splits for group in self._groups(split)]
        return [each for each in made if each]

    def _arm(self, group: Group) -> Mapping[str, Any]:
        return next(
            arm
            for arm in self._results["arms"]
            if (arm["split"], arm["arm"]) == (group.protocol, group.arm.name)
        )

    def _sides(self) -> list[dict[str, Any]]:
        rows = []
        for name, told in self._results["splits"].items():
            leaks = {
                side: percent(100.0 * told[f"leaking_{side}"] / max(told[side], 1))
                for side in ("validation", "test")
            }
            rows.append({"name": name, **told, "leaks": leaks})
        return rows

    def _parameters(self) -> list[dict[str, str]]:
        rows: dict[str, dict[str, str]] = {}
        for arm in self._results["arms"]:
            rows.setdefault(
                arm["arm"],
                {
                    "label": arm["label"],
                    "parameters": count(arm["parameters"]),
                    "published": count(arm["published_parameters"]),
                    "trainable": count(arm["trainable_parameters"]),
                    "published_trainable": count(arm["published_trainable_parameters"]),
                    "predict": _seconds(arm["predict_s"]),
                },
            )
        return list(rows.values())

    def _distribution(self) -> list[tuple[str, str, float]]:
        """Images of each class, and its share of the largest."""
        if not self._outcomes:
            return []
        counts: Mapping[str, int] = self._outcomes[0].result["audit"]["classes"]
        top = max(counts.values(), default=1)
        return [(name, count(each), each / top) for name, each in counts.items()]

    def _samples(self) -> list[tuple[str, list[str]]]:
        """A few images of each class as data URIs, spread evenly over the data set."""
        if not self._outcomes:
            return []
        settings = self._outcomes[0].job.arm.settings
        data, pixels = self._material.data(settings), self._material.pixels(settings)
        withheld = data.flagged()
        found = []
        for name in self._results["classes"]:
            inside = [
                row
                for row, record in zip(data.rows.tolist(), data.records, strict=True)
                if record.label == name and record.name not in withheld
            ]
            places = np.linspace(0, len(inside) - 1, min(SAMPLES, len(inside))).round().astype(int)
            uris = [_picture(pixels[inside[place]]) for place in places.tolist()]
            found.append((name, uris))
        return found

    def _cells(self, spreads: Mapping[str, Any]) -> list[Cell]:
        return [_cell(spreads.get(name)) for name in self._results["scores"]]

    def _score_rows(self, split: str) -> list[dict[str, Any]]:
        groups = [g for g in self._told.groups if g.protocol == split]
        if "grid" in self._plan.protocol.show:
            groups = self._groups(split)
        rows = []
        for group in groups:
            arm = self._arm(group)
            sides = [s for s in ("test", "validation", "train") if arm[s]]
            for side in sides:
                rows.append(
                    {
                        "label": arm["label"] if side == "test" else "",
                        "void": arm["void"] if side == "test" else "",
                        "side": side,
                        "cells": self._cells(arm[side]),
                    }
                )
        return rows

    def _figures(self) -> list[dict[str, Any]]:
        rows = []
        for figure in self._results["figures"]:
            ours = [
                Cell(number(found.get("value"), 4), _ends(found))
                if (found := figure["ours"].get(split))
                else Cell("–")
                for split in self._splits
            ]
            voided = any(found.get("void") for found in figure["ours"].values())
            rows.append(
                {**figure, "label": label_of(figure["score"]), "cells": ours, "void": voided}
            )
        return rows

    def _grid(self) -> dict[str, Any] | None:
        """Every arm that has steps, with what the grid's table of the paper holds."""
        arms = [arm for arm in self._results["arms"] if arm["steps"]]
        if not arms:
            return None
        axes = list(dict.fromkeys(axis.name for axis in self._plan.protocol.axes))
        labels = {axis.name: axis.label for axis in self._plan.protocol.axes}
        shown = self._results["scores"][:3]
        rows = [
            {
                "split": arm["split"],
                "model": next(
                    m.label for m in self._plan.protocol.models if m.name == arm["model"]
                ),
                "steps": [arm["steps"].get(axis, "–") for axis in axes],
                "validation": [_cell(arm["validation"].get(name)) for name in shown],
                "test": [_cell(arm["test"].get(name)) for name in shown],
                "predict": _seconds(arm["predict_s"]),
                "best": arm["best"],
            }
            for arm in arms
        ]
        names = [label_of(name) for name in shown]
        return {"axes": [labels[axis] for axis in axes], "scores": names, "rows": rows}

    def _folds(self) -> list[dict[str, Any]]:
        """Scores fold by fold on the validation folds, with mean and variance."""
        tables = []
        for split in self._splits:
            for group in self._groups(split):
                if len(group.folds) < 2:
                    continue
                arm = self._arm(group)
                rows = [
                    (
                        f"fold {fold['fold']}",
                        [number(fold["validation"][n], 4) for n in self._names],
                    )
                    for fold in arm["folds"]
                ]
                spreads = [arm["validation"].get(name) or {} for name in self._names]
                rows.append(("mean", [number(s.get("mean"), 4) for s in spreads]))
                rows.append(("variance", [_small(s.get("variance")) for s in spreads]))
                tables.append({"title": f"{arm['label']}, {split} split", "rows": rows})
        return tables

    @property
    def _names(self) -> Sequence[str]:
        return self._results["scores"]  # type: ignore[no-any-return]

    def _per_class(self, group: Group) -> dict[str, Any]:
        rows = [
            (row["name"], *(number(row[k]) for k in ("precision", "recall", "f1")), row["images"])
            for row in self._arm(group)["per_class"]
        ]
        return {"title": _title(group), "rows": rows}

    def _epochs(self, group: Group) -> dict[str, Any]:
        fold = group.folds[0]
        chosen = fold.best["epoch"]
        rows = [
            (
                e.epoch,
                number(e.loss, 4),
                number(e.val_log_loss, 4),
                number(e.value, 4),
                e.epoch == chosen,
            )
            for e in fold.history
        ]
        metric = label_of(group.arm.settings.metric or "auc")
        return {"title": _title(group), "rows": rows, "metric": metric}

    def _curves(self, group: Group) -> list[Drawing]:
        return learning_drawings(group, label_of(group.arm.settings.metric or "auc"))

    def _confusion(self, group: Group) -> dict[str, Any]:
        rows = []
        for index, row in enumerate(self._arm(group)["confusion"]):
            total = sum(row)
            cells = [(c, c / total if total else 0.0, k == index) for k, c in enumerate(row)]
            rows.append((self._results["classes"][index], cells, total))
        return {"title": _title(group), "rows": rows, "classes": self._results["classes"]}

    def _roc(self) -> list[Drawing]:
        classes, positive = self._results["classes"], self._results["positive"]
        index = classes.index(positive) if positive in classes else None
        return [
            drawing
            for split in self._splits
            if (groups := self._groups(split))
            for drawing in roc_drawings(groups, index)
        ]

    def _comparisons(self) -> list[dict[str, Any]]:
        found = []
        for told in self._results["comparisons"]:
            rows = []
            for key, name in (
                ("t_test", "paired t-test over the folds"),
                ("corrected_t_test", "corrected resampled t-test: folds share data"),
            ):
                test = told[key]
                if test is None:
                    continue
                t = (
                    "all differences are equal"
                    if test["t"] is None
                    else f"t = {number(test['t'], 4)}"
                )
                rows.append((name, t, number(test["p"], 4)))
            for key, name in (("mcnemar", "images"), ("mcnemar_groups", "groups of relatives")):
                test = told[key]
                pair = f"{count(test['first_only'])} against {count(test['second_only'])}"
                rows.append((f"McNemar's exact test on test {name}", pair, number(test["p"], 4)))
            for name, ends in told["differences"].items():
                rows.append(
                    (
                        f"difference in test {label_of(name)}, 95 % interval over groups",
                        f"{number(ends['value'], 4)} ({interval(ends['low'], ends['high'])})",
                        "",
                    )
                )
            found.append({**told, "rows": rows})
        return found

    def _ensembles(self) -> list[dict[str, Any]]:
        return [{**told, "cells": self._cells(told["test"])} for told in self._results["ensembles"]]


def _title(group: Group) -> str:
    return f"{group.arm.label}, {group.protocol} split"


def _cell(spread: Mapping[str, Any] | None) -> Cell:
    return Cell("–") if spread is None else Cell(number(spread.get("mean")), _ends(spread))


def _ends(spread: Mapping[str, Any]) -> str:
    known = finite(spread.get("low")) is not None
    return interval(spread.get("low"), spread.get("high")) if known else ""


def _seconds(value: object) -> str:
    given = finite(value)
    return "–" if given is None else f"{given:.3f} s"


def _small(value: object) -> str:
    given = finite(value)
    return "–" if given is None else f"{given:.2e}"


def _picture(pixels: Any) -> str:
    image = grey_levels(np.asarray(pixels))
    values = np.clip(np.round(image), 0, 255).astype(np.uint8)
    return data_uri(Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values))


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
