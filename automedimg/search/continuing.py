"""What a run may be continued with: the same data, space and settings; limits, if one asks."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automedimg.data.prepare import PreparedData
from automedimg.errors import RunError
from automedimg.search.request import LIMITS, SearchRequest
from automedimg.search.urls import redacted

SAME_IN_ALL_SESSIONS = (
    "task",
    "task_options",
    "protocol",
    "seed",
    "metric",
    "strategy",
    "asked",
    "backend",
    "image_size",
    "epochs",
    "epoch_patience",
)
"""Settings without which trials can't be compared."""

FEW = 3
"""Differences of one kind that an error names one by one."""


def asked(request: SearchRequest) -> dict[str, Any]:
    """How a request narrows the space, as JSON types."""
    narrowed = {
        "preprocessings": list(request.preprocessings),
        "backbones": list(request.backbones),
        "heads": list(request.heads),
        "fix": {name: str(value) for name, value in request.fix.items()},
    }
    # Only where they were asked for: runs of earlier versions know none of them.
    given: dict[str, Any] = {"weights": request.weights, "channels": request.channels}
    given["vary"] = sorted(request.vary) or None
    return narrowed | {name: value for name, value in given.items() if value is not None}


def refuse_other_storage(before: Mapping[str, Any], request: SearchRequest) -> None:
    """Raise if the ledger of the run is somewhere else than where it is looked for.

    Raises:
        RunError: it is; a new one would begin the search anew over the old one's files.
    """
    then, now = before["storage"], redacted(request.storage) if request.storage else None
    if then != now:
        raise RunError(
            f"the ledger of this run is {_place(then)}, not {_place(now)}",
            f"repeat `--storage {then}`" if then else "leave out `--storage`",
        )


def _place(storage: str | None) -> str:
    return f"in `{storage}`" if storage else "in the run directory"


def refuse_other_limits(before: Mapping[str, Any], request: SearchRequest) -> None:
    """Raise if the limits differ from those of earlier sessions and nobody asked to extend them.

    Raises:
        RunError: they do; all of them are named.
    """
    then, now = before["request"], request.to_json()
    differences = _differences({name: then.get(name) for name in LIMITS}, now, LIMITS)
    if differences and not request.extend:
        raise RunError(
            "this run was begun with other limits: " + "; ".join(differences),
            "limits may change: `--extend` says that you mean it",
        )


def refuse_other_settings(before: Mapping[str, Any], today: Mapping[str, Any]) -> None:
    """Raise if a run was begun with other settings.

    Args:
        before: What `run.json` says.
        today: Those of today that are known; what is missing isn't compared.
    Raises:
        RunError: some differ; all of them are named.
    """
    names = [name for name in SAME_IN_ALL_SESSIONS if name in today]
    _refuse("settings", _differences(before, today, names), "repeat the settings of `run.json`")


def refuse_other_space(before: Mapping[str, str], today: Mapping[str, str]) -> None:
    """Raise if something else can be chosen than before.

    Args:
        before, today: Each parameter's distribution, by name.
    """
    names = dict.fromkeys([*before, *today])
    changes = [
        f"`{name}` is new ({today[name]})"
        if name not in before
        else f"`{name}` is gone"
        if name not in today
        else f"`{name}`: then {before[name]}, now {today[name]}"
        for name in names
        if before.get(name) != today.get(name)
    ]
    _refuse("parameters", changes, "are the same plugins and weights installed as then?")


def refuse_other_data(folder: Path, before: Mapping[str, Any], data: PreparedData) -> None:
    """Raise if the images, their labels or their split are not those of before."""
    if before["data_fingerprint"] == data.fingerprint:
        return
    with (folder / "splits.csv").open(encoding="utf-8", newline="") as file:
        then = {row["path"]: (row["label"], row["split"]) for row in csv.DictReader(file)}
    rows = csv.DictReader(data.splits_csv().splitlines())
    now = {row["path"]: (row["label"], row["split"]) for row in rows}
    changes = [
        *_counted("image(s) are gone", [path for path in then if path not in now]),
        *_counted("image(s) are new", [path for path in now if path not in then]),
    ]
    if not changes:
        other = [path for path in then if then[path] != now[path]]
        changes = _counted("image(s) have another label or side of the split", other)
    changes = changes or ["the content of some images has changed"]
    _refuse("data", changes, f"put back what `{folder / 'splits.csv'}` lists")


def _counted(what: str, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    shown = ", ".join(f"`{path}`" for path in paths[:FEW])
    return [f"{len(paths)} {what}: {shown}{', ...' if len(paths) > FEW else ''}"]


def _differences(
    before: Mapping[str, Any], today: Mapping[str, Any], names: Iterable[str]
) -> list[str]:
    return [
        f"{name}: then {_shown(before.get(name))}, now {_shown(today.get(name))}"
        for name in names
        if before.get(name) != today.get(name)
    ]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def _refuse(what: str, differences: Sequence[str], hint: str) -> None:
    if differences:
        raise RunError(
            f"this run can't be continued with other {what}: " + "; ".join(differences),
            f"{hint}, or choose another `--out`",
        )
