"""From the text of a protocol's file to the protocol."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from automedimg.errors import ConfigurationError
from automedimg.papers.protocol import (
    SCORES,
    SECTIONS,
    SPLIT_PROTOCOLS,
    Axis,
    Comparison,
    Ensemble,
    Figure,
    Model,
    Protocol,
    Reading,
    Search,
    Settings,
    Split,
    Step,
)
from automedimg.papers.tables import Table

FORMAT = 1
MODES = ("frozen", "finetune", "scratch")
SIDES = ("train", "validation", "test")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
SETTINGS = tuple(each.name for each in fields(Settings))
DESCRIBED = "docs/papers.md describes the format"


def parse_protocol(text: str, path: Path) -> Protocol:
    """Read a protocol.

    Args:
        text: Of the file, TOML.
        path: Of the file; its name is the protocol's.
    Raises:
        ConfigurationError: it is no TOML, or something in it is wrong; all of it is named.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"`{path}` is no TOML: {error}", DESCRIBED) from error
    problems: list[str] = []
    top = Table(data, "", problems)
    if top.take("format") != FORMAT:
        top.wrong("format", str(FORMAT))
    protocol = _protocol(top, path.stem, text)
    top.end()
    if not problems:
        problems += _contradictions(protocol)
    if problems:
        listed = "\n  - ".join(problems)
        raise ConfigurationError(f"`{path}` is no protocol:\n  - {listed}", DESCRIBED)
    return protocol


def _protocol(top: Table, name: str, text: str) -> Protocol:
    title, summary = top.text("title", needed=True), top.text("summary", needed=True)
    task, claim = top.text("task", needed=True), top.text("claim")
    paper = top.inner("paper")
    citation, url = paper.text("citation", needed=True), paper.text("url")
    paper.end()
    settings = _settings_table(top.inner("settings"))
    split = _split(top.inner("split"))
    models = tuple(_model(name, table) for name, table in top.named("models").items())
    if not models:
        top.wrong("models", "at least one table `[models.NAME]`")
    named = [model.name for model in models]
    ensembles = tuple(_ensemble(n, t, named) for n, t in top.named("ensembles").items())
    known = [*named, *(ensemble.name for ensemble in ensembles)]
    sample = top.inner("sample")
    sample_folds = sample.whole("folds", 2)
    return Protocol(
        name=name,
        title=title or "",
        summary=summary or "",
        task=task or "",
        citation=citation or "",
        url=url or "",
        claim=claim or "",
        settings=settings,
        split=split,
        models=models,
        axes=tuple(_axis(table, named) for table in top.listed("axes")),
        ensembles=ensembles,
        comparisons=tuple(_comparison(table, named) for table in top.listed("comparisons")),
        figures=tuple(_figure(table, known) for table in top.listed("figures")),
        readings=tuple(_reading(table) for table in top.listed("readings")),
        show=top.names("show", SECTIONS) or SECTIONS[:-1],
        sample=_settings_table(sample),
        sample_folds=sample_folds,
        scores=top.names("scores") or SCORES,
        tensorboard=_flag(top, "tensorboard"),
        text=text,
    )


def _settings_table(table: Table) -> Settings:
    settings = _settings(table)
    table.end()
    return settings


def _settings(table: Table) -> Settings:
    """The settings in a table that may hold other keys, too."""
    return Settings(
        backbone=table.text("backbone"),
        head=table.text("head"),
        train=table.choice("train", MODES),
        weights=table.text("weights"),
        image_size=table.whole("image_size", 32),
        channels=_channels(table),
        epochs=table.whole("epochs", 1),
        epoch_patience=table.whole("epoch_patience", 1),
        metric=table.text("metric"),
        preprocessing=table.text("preprocessing"),
        seed=table.whole("seed", 0),
        options={name: str(value) for name, value in _values(table, "options").items()},
        fix=_values(table, "fix"),
        search=_search(table),
    )


def _channels(table: Table) -> int | None:
    value = table.take("channels")
    if value not in (None, 1, 3):
        table.wrong("channels", "1 (grey) or 3 (colour)")
        return None
    return value  # type: ignore[no-any-return]


def _values(table: Table, key: str) -> dict[str, Any]:
    """A table of plain values by name."""
    value = table.take(key)
    if value is None:
        return {}
    if not isinstance(value, dict) or any(isinstance(v, dict | list) for v in value.values()):
        table.wrong(key, "a table of plain values by name")
        return {}
    return dict(value)


def _search(outer: Table) -> Search | None:
    table = outer.inner("search")
    if "search" not in outer:
        return None
    search = Search(
        strategy=table.text("strategy") or "tpe",
        trials=table.whole("trials", 1),
        stop=table.text("stop"),
        patience=table.whole("patience", 1),
        time_s=table.number("time_s"),
    )
    table.end()
    return search


def _model(name: str, table: Table) -> Model:
    _check_name(name, table)
    label = table.text("label")
    model = Model(
        name,
        label or name,
        _settings(table),
        table.whole("parameters", 0),
        table.whole("trainable_parameters", 0),
    )
    if not model.settings.backbone:
        table.wrong("backbone", "the name of a backbone")
    table.end()
    return model


def _check_name(name: str, table: Table) -> None:
    if not NAME.fullmatch(name):
        table.wrong("name", f"names of letters, digits and any of _.+-, not `{name}`")


def _axis(table: Table, models: list[str]) -> Axis:
    name = table.text("name", needed=True) or ""
    axis = Axis(
        name=name,
        label=table.text("label") or name.replace("_", " "),
        steps=_steps(table, name),
        models=table.names("models", models),
        cumulative=_flag(table, "cumulative"),
    )
    table.end()
    return axis


def _flag(table: Table, key: str) -> bool:
    value = table.take(key)
    if value not in (None, True, False):
        table.wrong(key, "true or false")
    return value is True


def _steps(table: Table, name: str) -> tuple[Step, ...]:
    """Values of an axis: plain ones set what it is called after; tables say what they change."""
    values = table.take("values")
    if values is not None:
        plain = isinstance(values, list) and all(not isinstance(v, dict | list) for v in values)
        if not plain or not values:
            table.wrong("values", "a list of plain values; changes are `[[axes.steps]]`")
            return ()
        return tuple(_plain_step(table, name, value) for value in values)
    steps = []
    for each in table.listed("steps"):
        step = each.text("name", needed=True) or ""
        _check_name(step, each)
        steps.append(Step(step, each.text("label") or step, _settings(each)))
        each.end()
    if not steps:
        table.wrong("steps", "`values`, or at least one `[[axes.steps]]`")
    return tuple(steps)


def _plain_step(table: Table, name: str, value: Any) -> Step:
    known = name in SETTINGS and name not in ("options", "fix", "search")
    settings = _settings(table.part({name: value})) if known else Settings(fix={name: value})
    return Step(f"{name}-{value}", str(value), settings)


def _split(table: Table) -> Split:
    split = Split(
        protocols=table.names("protocols", SPLIT_PROTOCOLS, needed=True),
        test=table.share("test", needed=True) or 0.2,
        validation=table.share("validation"),
        folds=table.whole("folds", 2),
    )
    if (split.validation is None) == (split.folds is None):
        table.wrong("validation", "a share, or `folds` instead of it")
    elif split.validation is not None and split.test + split.validation >= 1:
        table.wrong("validation", f"less than what a test share of {split.test:g} leaves")
    table.end()
    return split


def _ensemble(name: str, table: Table, models: list[str]) -> Ensemble:
    _check_name(name, table)
    found = Ensemble(name, table.text("label") or name, table.names("models", models, needed=True))
    table.end()
    return found


def _comparison(table: Table, models: list[str]) -> Comparison:
    found = Comparison(
        table.choice("first", models) or "",
        table.choice("second", models) or "",
        table.text("score") or "accuracy",
    )
    table.end()
    return found


def _figure(table: Table, known: list[str]) -> Figure:
    pairs = [f"{first} - {second}" for first in known for second in known]
    model = table.text("model", needed=True) or ""
    if model and model not in known and model not in pairs:
        table.wrong("model", f"one of {', '.join(known)}, or two of them as `A - B`")
    found = Figure(
        model=model,
        score=table.text("score", needed=True) or "",
        value=table.number("value", needed=True) or 0.0,
        side=table.choice("side", SIDES) or "test",  # type: ignore[arg-type]
        where=table.text("where", needed=True) or "",
        variant=table.text("variant") or "",
        statistic=table.choice("statistic", ("mean", "variance")) or "mean",  # type: ignore[arg-type]
    )
    table.end()
    return found


def _reading(table: Table) -> Reading:
    found = Reading(
        table.text("about", needed=True) or "",
        table.text("taken", needed=True) or "",
        table.text("why", needed=True) or "",
    )
    table.end()
    return found


def _contradictions(protocol: Protocol) -> list[str]:
    """What single values don't show: names that occur twice."""
    found = []
    for axis in protocol.axes:
        names = [step.name for step in axis.steps]
        if len(set(names)) < len(names):
            found.append(f"the steps of axis `{axis.name}` have one name twice")
    if len({axis.name for axis in protocol.axes}) < len(protocol.axes):
        found.append("two axes have one name")
    taken = {model.name for model in protocol.models}
    found += [
        f"`ensembles.{each.name}` has the name of a model"
        for each in protocol.ensembles
        if each.name in taken
    ]
    return found
