"""`automedimg cache`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import automedimg.api
from automedimg.data import caches

Cli = Callable[..., Any]
FEATURES = "net-0123456789abcdef.npy"
PIXELS = "0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: Path) -> Path:
    """Features that were used 40 days ago, pixels that were used now, and a data set."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("AUTOMEDIMG_CACHE", str(folder))
    for kind in (f"pixels/{PIXELS}", "features", "datasets/br35h"):
        (folder / kind).mkdir(parents=True)
    np.save(folder / "pixels" / PIXELS / "images.npy", np.zeros((2, 1000), np.uint8))
    np.save(folder / "features" / FEATURES, np.zeros((2, 100), np.float32))
    caches.seal(folder / "pixels" / PIXELS, {"what": "2 images of [somewhere]"})
    caches.seal(folder / "features" / FEATURES, {"what": "net"})
    os.utime(folder / "features" / FEATURES, (time.time() - 40 * 86_400,) * 2)
    (folder / "datasets" / "br35h" / "a.png").write_bytes(b"image")
    return folder


def left(cache: Path) -> list[str]:
    return [entry.kind for entry in caches.list_entries(cache)]


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_the_list_for_people(cli: Cli, cache: Path, arguments: tuple[str, ...]) -> None:
    outcome = cli("cache", *arguments)
    assert outcome.status == 0
    assert outcome.err == ""
    said = " ".join(outcome.out.split())
    for words in ("2 images of [somewhere]", "features", "datasets", str(cache)):
        assert words in said
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize("arguments", [("--json",), ("list", "--json")])
def test_the_list_for_programs(cli: Cli, cache: Path, arguments: tuple[str, ...]) -> None:
    found = json.loads(cli("cache", *arguments).out)
    assert [entry["kind"] for entry in found] == ["pixels", "features", "datasets"]
    assert found[0]["name"] == PIXELS
    assert found[0]["what"] == "2 images of [somewhere]"
    assert found[2]["bytes"] == 5
    assert found[0]["in_use"] is False


@pytest.mark.parametrize("before", [True, False])
def test_the_folder_is_named_before_or_after_the_subcommand(
    cli: Cli, cache: Path, tmp_path: Path, before: bool
) -> None:
    where = ("--cache-dir", str(tmp_path / "none"))
    outcome = cli("cache", *where, "list") if before else cli("cache", "list", *where)
    assert "nothing in" in outcome.out
    assert not (tmp_path / "none").exists()


def test_an_empty_cache_is_no_error(cli: Cli, tmp_path: Path) -> None:
    where = ("--cache-dir", str(tmp_path / "none"))
    assert cli("cache", "verify", *where).status == 0
    assert cli("cache", "clear", *where).status == 0
    assert cli("cache", "limit", "1GB", *where).status == 0
    assert not (tmp_path / "none").exists()


def test_verifying_says_what_is_damaged_until_it_is_repaired(cli: Cli, cache: Path) -> None:
    assert cli("cache", "verify").status == 0
    (cache / "features" / FEATURES).write_bytes(b"torn")
    outcome = cli("cache", "verify")
    assert outcome.status == 1
    assert f"damaged features/{FEATURES}: {FEATURES} has 4 bytes, not 928" in outcome.out
    assert "1 of 2 entries sound" in outcome.out
    found = json.loads(cli("cache", "verify", "--json").out)
    assert [one["fault"] is None for one in found] == [True, False]
    outcome = cli("cache", "verify", "--repair")
    assert outcome.status == 0
    assert f"removed features/{FEATURES}" in outcome.out
    assert cli("cache", "verify").out.strip() == "1 of 1 entry sound"
    assert left(cache) == ["pixels", "datasets"]


def test_damage_in_use_stays_and_is_said(cli: Cli, cache: Path) -> None:
    use = caches.Use(cache, [cache / "pixels" / PIXELS])
    (cache / "pixels" / PIXELS / "images.npy").write_bytes(b"")
    outcome = cli("cache", "verify", "--repair")
    assert outcome.status == 1
    assert f"damaged pixels/{PIXELS} (in use)" in outcome.out
    use.close()


def test_clearing_leaves_datasets(cli: Cli, cache: Path) -> None:
    outcome = cli("cache", "clear", "--yes")
    assert outcome.status == 0
    assert "removed 2 entries, " in outcome.out
    assert left(cache) == ["datasets"]
    cli("cache", "clear", "--yes", "--kind", "datasets")
    assert left(cache) == []


def test_clearing_by_kind_and_age(cli: Cli, cache: Path) -> None:
    cli("cache", "clear", "--yes", "--kind", "pixels", "--older-than", "30")
    assert left(cache) == ["pixels", "features", "datasets"]
    cli("cache", "clear", "--yes", "--older-than", "30")
    assert left(cache) == ["pixels", "datasets"]


def test_what_is_in_use_is_kept_and_said(cli: Cli, cache: Path) -> None:
    use = caches.Use(cache, [cache / "pixels" / PIXELS])
    outcome = cli("cache", "clear", "--yes")
    assert outcome.status == 0
    assert f"kept pixels/{PIXELS}: in use" in outcome.out
    assert left(cache) == ["pixels", "datasets"]
    use.close()


@pytest.mark.parametrize("command", [("clear",), ("limit", "1kB")])
def test_where_nobody_can_be_asked_nothing_is_removed(
    cli: Cli, cache: Path, command: tuple[str, ...]
) -> None:
    outcome = cli("cache", *command)
    assert outcome.status == 2
    assert "would be removed" in outcome.err
    assert "--yes" in outcome.err
    assert left(cache) == ["pixels", "features", "datasets"]


@pytest.mark.parametrize(("answer", "number"), [("n\n", 3), ("y\n", 1)])
def test_a_person_is_asked(
    cli: Cli, cache: Path, monkeypatch: pytest.MonkeyPatch, answer: str, number: int
) -> None:
    asked: list[str] = []

    def reply(text: str, **settings: Any) -> bool:
        asked.append(text)
        if answer == "n\n":
            raise KeyboardInterrupt
        return True

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr("click.confirm", reply)
    monkeypatch.setattr(sys, "stdin", Terminal())
    outcome = cli("cache", "clear")
    assert f"Remove 2 entries of {cache}" in asked[0]
    assert outcome.status == (130 if answer == "n\n" else 0)
    assert len(left(cache)) == number


def test_a_limit_removes_what_was_not_used_for_longest(
    cli: Cli, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "removed 0 entries" in cli("cache", "limit", "20GB").out
    assert "removed 1 entry, " in cli("cache", "limit", "3kB", "--yes").out
    assert left(cache) == ["pixels", "datasets"]
    assert cli("cache", "limit").status == 2
    monkeypatch.setenv("AUTOMEDIMG_CACHE_LIMIT", "1kB")
    assert cli("cache", "limit").status == 0  # the environment has said yes
    assert left(cache) == ["datasets"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("limit", "lots"), "`lots`; expected a size"),
        (("clear", "--kind", "other"), "'other' is not one of"),
        (("clear", "--older-than", "-1"), "-1"),
        (("limit", "-5GB"), "5"),
        (("verfy",), "verfy"),
    ],
)
def test_wrong_usage_is_explained(
    cli: Cli, cache: Path, arguments: tuple[str, ...], words: str
) -> None:
    outcome = cli("cache", *arguments)
    assert outcome.status == 2
    assert words in outcome.err
    assert "bug" not in outcome.err
    assert left(cache) == ["pixels", "features", "datasets"]


def test_the_kinds_of_the_command_are_those_that_can_be_cleared() -> None:
    from automedimg.cli.cache import KINDS

    assert [*KINDS, "other"] == list(caches.KINDS)


def test_scripts_can_do_the_same(cache: Path) -> None:
    assert len(automedimg.api.cache_entries(cache)) == 3
    assert len(automedimg.api.cache_verify(cache)) == 2
    planned = automedimg.api.cache_limit(3000, cache, dry=True)
    assert [entry.kind for entry in planned.removed] == ["features"]
    assert len(automedimg.api.cache_clear(cache, older_than_days=1).removed) == 1
    with pytest.raises(automedimg.AutomedimgError, match="no age"):
        automedimg.api.cache_clear(cache, older_than_days=-1)
    assert left(cache) == ["pixels", "datasets"]


def test_listing_imports_nothing_heavy(cache: Path) -> None:
    code = (
        "import sys; from automedimg.cli.main import main\n"
        "try: main(['cache', '--json'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'keras', 'tensorflow', 'optuna', 'sklearn', 'scipy', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)) == 3
    assert done.stderr.strip() == "[]"
