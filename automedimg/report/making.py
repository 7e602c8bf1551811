"""How the result was made: settings, limits, versions, sessions and the data's source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any
from urllib.parse import urlsplit

from automedimg.report.files import RunFiles
from automedimg.report.format import MISSING, duration, moment, setting

STOPPED_BY = {
    "trials": "the number of trials asked for",
    "time": "the time limit",
    "patience": "no improvement for as many trials as patience allows",
    "target": "the target value",
    "same": "the same result again and again",
    "exhausted": "nothing left to try",
    "interrupted": "an interruption",
    "failures": "failing trials",
}
PROTOCOLS = {
    "grouped": "grouped (a patient, and all copies of an image, on one side)",
    "upright": "upright (as grouped, but blind to mirrored copies: these may fall on both sides)",
    "random": "random (images are split one by one; copies may fall on both sides)",
}
LIMITS = {
    "trials": "trials",
    "time_s": "time",
    "patience": "patience",
    "target": "target",
    "same": "same result:",
    "trial_time_s": "time a trial",
}


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One stretch of work on the run."""

    started: str
    ended: str
    seconds: str
    stopped_by: str


def settings(files: RunFiles) -> list[tuple[str, str]]:
    """What was asked for, in the order that a reader would ask."""
    run = files.run
    rows = [
        ("Task", setting(run.get("task"))),
        ("Data folder", folder_name(run.get("data"))),
        ("Protocol", PROTOCOLS.get(str(run.get("protocol")), setting(run.get("protocol")))),
        ("Classes", setting(run.get("classes"))),
        ("Positive class", setting(run.get("positive"))),
        ("Image size", image_size(run)),
        ("Selection metric", _metric(run)),
        ("Strategy", setting(run.get("strategy"))),
        ("Backbones", setting(run.get("backbones"))),
        ("Heads", setting(run.get("heads"))),
        ("Fixed values", setting(run.get("fix"))),
        ("Limits", limits(run.get("limits") or {})),
        ("Seed", setting(run.get("seed"))),
        ("Devices", setting(run.get("devices"))),
        ("Created", moment(run.get("created"))),
    ]
    return [row for row in rows if row[1] != MISSING]


def folder_name(path: object) -> str:
    """The last part of a path, whichever system wrote it: the rest is nobody's business."""
    return PureWindowsPath(path).name or MISSING if isinstance(path, str) else MISSING


def image_size(run: Mapping[str, Any]) -> str:
    """Side, side and channels."""
    size, channels = run.get("image_size"), run.get("channels")
    return MISSING if size is None else f"{size} × {size} × {setting(channels)}"


def _metric(run: Mapping[str, Any]) -> str:
    label = setting(run.get("metric_label") or run.get("metric"))
    wish = "less is better" if run.get("direction") == "minimize" else "more is better"
    return label if label == MISSING else f"{label} on the validation split ({wish})"


def limits(given: Mapping[str, Any]) -> str:
    """The limits that were set."""
    texts = [
        f"{LIMITS.get(name, name)} {_limit(name, value)}"
        for name, value in given.items()
        if value is not None
    ]
    return ", ".join(texts) or "none"


def _limit(name: str, value: Any) -> str:
    if name == "same":
        return f"{value['count']} trials in a row within {value['tolerance']:g}"
    return duration(value) if name in ("time_s", "trial_time_s") else setting(value)


def versions(files: RunFiles) -> list[tuple[str, str]]:
    """Programs and their versions, our own first."""
    own = [("automedimg", setting(files.run.get("automedimg")))]
    others = [(str(k), setting(v)) for k, v in (files.run.get("versions") or {}).items()]
    return own + [row for row in others if row[0] != "automedimg"]


def sessions(files: RunFiles) -> list[SessionRow]:
    """The sessions, in the order in which they ran."""
    return [
        SessionRow(
            moment(entry.get("started")),
            moment(entry.get("ended")),
            duration(entry.get("seconds")),
            _stopped_by(entry.get("stopped_by"), entry.get("stopped_because")),
        )
        for entry in files.run.get("sessions") or []
    ]


def _stopped_by(rule: object, why: object) -> str:
    if not rule:
        return "not on record: it is running, or was killed"
    named = STOPPED_BY.get(str(rule), setting(rule))
    return f"{named}: {why}" if why else named


def web_link(url: object) -> str:
    """The address if a browser may be sent there; empty for any other scheme."""
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""
