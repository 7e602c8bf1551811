"""Errors: one line, a hint, the right exit status, and no traceback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import automedimg.cli.tasks

Cli = Callable[..., Any]
SEARCH = ("search", "--task", "br35h", "--sample")


def assert_explained(outcome: Any, status: int, message: str, hint: str | None) -> None:
    assert outcome.status == status
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert "\x1b" not in outcome.err
    lines = outcome.err.splitlines()
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    if hint is None:
        assert len(lines) == 1
    else:
        assert lines[1].startswith("hint: ")
        assert hint in lines[1]
        assert len(lines) == 2


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("serch",), "unknown command `serch`", "did you mean `search`?"),
        (("xyzzy",), "unknown command `xyzzy`", "`automedimg --help` lists"),
        (("tasks", "br35"), "unknown task `br35`", "did you mean `br35h`?"),
        (("audit", "--task", "br35"), "unknown task `br35`", "did you mean `br35h`?"),
        (("search", "--task", "br35", "--sample"), "unknown task `br35`", "`br35h`"),
        ((*SEARCH, "--backbones", "mobilenetv3"), "unknown backbone `mobilenetv3`", "mobilenet"),
        ((*SEARCH, "--heads", "dens"), "unknown head `dens`", "`dense`"),
        ((*SEARCH, "--strategy", "tpee"), "unknown strategy `tpee`", "`tpe`"),
        ((*SEARCH, "--metric", "acuracy"), "unknown metric `acuracy`", "`accuracy`"),
        ((*SEARCH, "--executor", "lokal"), "unknown executor `lokal`", "`local`"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(
    cli: Cli, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    assert_explained(cli(*arguments), 2, message, hint)


def test_everything_wrong_with_a_search_is_said_at_once(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli(*SEARCH, "--metric", "acuracy", "--trials", "0", "--time", "0", "--data", "x")
    assert outcome.status == 2
    for part in ("`acuracy`", "trials is 0", "time is 0", "--sample"):
        assert part in outcome.err.splitlines()[0]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("search",), "Neither a task nor a folder was given", "--data DIR"),
        (("audit",), "Neither a task nor a folder was given", "--data DIR"),
        (("split", "--sample"), "Neither a task nor a folder was given", "--task NAME"),
        (
            ("split", "--task", "br35h", "--sample", "--inner-folds", "2"),
            "--inner-folds needs --folds",
            "split",
        ),
        (("split", "--task", "br35h", "--sample", "--folds", "1"), "1 is not in the range", ""),
        ((*SEARCH, "--option", "slices"), "`slices` is not NAME=VALUE", "search"),
        ((*SEARCH, "--option", "slices=all"), "has no option `slices`", "it takes no options"),
        ((*SEARCH, "--preprocess", "croop"), "unknown preprocessing `croop`", "crop, pad"),
        (
            (*SEARCH, "--protocol", "random", "--splits", "x.csv"),
            "exclude each other",
            "--external-test",
        ),
        (("search", "--tusk", "br35h"), "no such option", "`automedimg search --help`"),
        ((*SEARCH, "--time", "soon"), "`soon` is not a duration; expected e.g. 90s", "search"),
        ((*SEARCH, "--fix", "frozen"), "`frozen` is not NAME=VALUE", "search"),
        ((*SEARCH, "--trials", "many"), "'many' is not a valid integer", "search"),
        ((*SEARCH, "--protocol", "leaky"), "'leaky' is not one of", "search"),
        ((*SEARCH, "--backbones", ","), "expected at least one name", "search"),
        (("predict", "run"), "missing argument 'IMAGES", "`automedimg predict --help`"),
        (("--nonsense",), "no such option", "`automedimg --help`"),
        (("tasks", "a", "b"), "unexpected extra argument", "`automedimg tasks --help`"),
    ],
)
def test_wrong_usage_has_a_status_of_its_own(
    cli: Cli, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    assert_explained(cli(*arguments), 2, message, hint)


@pytest.mark.parametrize("command", ["predict", "report"])
def test_a_folder_that_is_no_run_is_told(cli: Cli, tmp_path: Path, command: str) -> None:
    images = ("image.png",) if command == "predict" else ()
    outcome = cli(command, str(tmp_path / "gone"), *images)
    assert_explained(outcome, 1, f"no such run: `{tmp_path / 'gone'}`", "--out")
    outcome = cli(command, str(tmp_path), *images)
    assert_explained(outcome, 1, "is not a run directory: it has no run.json", "search")
    (tmp_path / "file").touch()
    outcome = cli(command, str(tmp_path / "file"), *images)
    assert_explained(outcome, 1, "is not a run directory", "search")


def test_a_run_without_a_model_can_not_predict(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    outcome = cli("predict", str(tmp_path), "image.png")
    assert_explained(outcome, 1, "holds no model yet", "finish the search")


def test_data_that_are_not_there_are_named(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("audit", "--task", "br35h", "--data", str(tmp_path / "scans"))
    assert outcome.status == 1
    assert f"error: no such folder: `{tmp_path / 'scans'}`" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_bug_is_one_line_and_the_way_to_report_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("the cat sat on it")

    monkeypatch.setattr(automedimg.cli.tasks, "load_catalog", broken)
    assert_explained(cli("tasks"), 70, "unexpected RuntimeError: the cat sat on it", "--debug")


def test_debug_shows_the_traceback_of_an_error(cli: Cli) -> None:
    outcome = cli("--debug", "tasks", "br35")
    assert outcome.status == 2
    assert "Traceback" in outcome.err
    assert "error: unknown task `br35`" in outcome.err


def test_an_interrupt_is_no_error_of_ours(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(automedimg.cli.tasks, "load_catalog", interrupted)
    outcome = cli("tasks")
    assert outcome.status == 130
    assert "Traceback" not in outcome.err


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command writes to a terminal."""
    terminal, end = pty.openpty()
    settings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "automedimg", *arguments],
        stdin=end,
        stdout=end,
        stderr=end,
        env=settings | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
    )
    os.close(end)
    said = b""
    while True:
        try:
            block = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other side was closed
            break
        if not block:
            break
        said += block
    os.close(terminal)
    process.wait(30)
    return said.decode()


def test_a_terminal_gets_colour() -> None:
    assert "\x1b[" in on_a_terminal("serch")


def test_no_color_is_honoured_by_lists() -> None:
    said = on_a_terminal("tasks", NO_COLOR="1")
    assert "br35h" in said
    assert not any(f"\x1b[{code}m" in said for code in (31, 32, 33, 34, 35, 36, 90))


def test_no_color_is_honoured_by_errors() -> None:
    said = on_a_terminal("serch", NO_COLOR="1")
    assert "error: unknown command" in said
    assert "\x1b[" not in said
