"""The table of trials, and the best trial's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automedimg.contracts.trials import TrialResult
from automedimg.report.files import RunFiles
from automedimg.report.format import count, duration, finite, number, setting

COMPONENTS = ("backbone", "head", "train")
NO_BREAK = "\N{NO-BREAK SPACE}"
SHORT_REASON = 160
"""Longer reasons fold away behind their first line."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial as text; `rest` is what was set beside the components in columns of their own."""

    number: int
    state: str
    value: str
    backbone: str
    head: str
    train: str
    rest: str
    epochs: str
    seconds: str
    reason: str
    more: str
    is_best: bool


def trial_rows(files: RunFiles) -> list[TrialRow]:
    """Every trial: those with a value from best to worst, then the failed ones."""
    ranked = files.ranked
    places = {trial.number for trial in ranked}
    rest = [trial for trial in files.trials if trial.number not in places]
    best = files.best
    return [_row(trial, best) for trial in (*ranked, *rest)]


def _row(trial: TrialResult, best: TrialResult | None) -> TrialRow:
    params = {key: setting(value) for key, value in trial.params.items()}
    others = [
        f"{_short(key, trial.params)}{NO_BREAK}{params[key]}"
        for key, value in trial.params.items()
        if key not in COMPONENTS and value is not None
    ]
    reason, more = _folded(trial.reason.strip())
    chosen = f"{trial.best_epoch} of {trial.epochs}" if trial.best_epoch else count(trial.epochs)
    return TrialRow(
        number=trial.number,
        state=trial.state,
        value=number(trial.value, 4),
        backbone=params.get("backbone", setting(None)),
        head=params.get("head", setting(None)),
        train=params.get("train", setting(None)),
        rest=" · ".join(others),
        epochs=chosen,
        seconds=duration(trial.seconds),
        reason=reason,
        more=more,
        is_best=best is not None and trial.number == best.number,
    )


def _short(name: str, params: Mapping[str, Any]) -> str:
    """A parameter's name without its component's: that stands in a column of its own."""
    component, dot, rest = name.partition(".")
    return rest if dot and component in (params.get("backbone"), params.get("head")) else name


def _folded(reason: str) -> tuple[str, str]:
    """A reason's short form, and the whole of it where the short form leaves something out."""
    first = reason.partition("\n")[0]
    if first == reason and len(reason) <= SHORT_REASON:
        return reason, ""
    short = first if len(first) <= SHORT_REASON else first[:SHORT_REASON].rstrip() + " …"
    return short, reason


def best_parameters(files: RunFiles) -> list[tuple[str, str]]:
    """Names and values of the best trial's parameters, the components first."""
    chosen: Mapping[str, Any] = ((files.result or {}).get("best") or {}).get("params") or {}
    trial = files.best
    params = chosen or (trial.params if trial else {})
    named = [name for name in COMPONENTS if name in params]
    named += [name for name in params if name not in COMPONENTS]
    rows = [(name, "none" if params[name] is None else setting(params[name])) for name in named]
    if trial is not None:
        rows += _facts(trial)
    return rows


def _facts(trial: TrialResult) -> list[tuple[str, str]]:
    """What was found rather than chosen."""
    facts = [("trained for", duration(trial.seconds))] if finite(trial.seconds) else []
    if trial.best_epoch:
        facts.append(("chosen epoch", f"{trial.best_epoch} of {trial.epochs}"))
    return facts
