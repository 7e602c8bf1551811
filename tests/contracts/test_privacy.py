"""Identifiers of persons are replaced: the same on one machine, and by nothing one can look up."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from automedimg.contracts import privacy, pseudonym


@pytest.fixture(autouse=True)
def fresh(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No salt is known yet, and the user's data folder is a temporary one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(clean_environment / "share"))
    privacy._salt.cache_clear()
    yield
    privacy._salt.cache_clear()


def salt_file() -> Path:
    return Path(platformdirs.user_data_dir("automedimg")) / "salt"


def later(identifier: str) -> str:
    """What another process of the same user says."""
    privacy._salt.cache_clear()
    return pseudonym(identifier)


def test_a_pseudonym_is_twelve_digits_that_hide_the_identifier() -> None:
    found = pseudonym("Müller^Anna 1958")
    assert re.fullmatch(r"[0-9a-f]{12}", found)
    assert not hashlib.sha256("Müller^Anna 1958".encode()).hexdigest().startswith(found)
    assert found != pseudonym("Müller^Anna 1959")


def test_surrounding_space_does_not_count() -> None:
    assert pseudonym(" 4711 ") == pseudonym("4711") != pseudonym("47 11")


def test_any_text_is_an_identifier() -> None:
    assert len({pseudonym(text) for text in ("", "漢字", "\udcff", "a" * 10_000)}) == 4


def test_the_salt_from_the_environment_counts_and_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTOMEDIMG_SALT", "shared by the team")
    first = pseudonym("4711")
    assert later("4711") == first
    monkeypatch.setenv("AUTOMEDIMG_SALT", "another")
    assert later("4711") != first
    assert not salt_file().exists()


def test_the_salt_is_kept_and_nobody_else_may_read_it() -> None:
    first = pseudonym("4711")
    assert later("4711") == first
    assert len(salt_file().read_bytes()) == 32
    assert salt_file().stat().st_mode & 0o777 == 0o600
    salt_file().unlink()
    assert later("4711") != first


def test_two_processes_that_begin_at_once_agree() -> None:
    code = "from automedimg.contracts import pseudonym; print(pseudonym('4711'))"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in running}
    assert said == {pseudonym("4711")}


def test_a_folder_that_can_not_be_made_costs_nothing_but_the_memory() -> None:
    salt_file().parent.parent.mkdir(parents=True, exist_ok=True)
    salt_file().parent.write_text("a file is in the way")
    first = pseudonym("4711")
    assert pseudonym("4711") == first
    assert later("4711") != first


def test_an_empty_salt_is_no_salt() -> None:
    """A disk that was full when it was written: unsalted hashes can be looked up."""
    salt_file().parent.mkdir(parents=True)
    salt_file().touch()
    assert pseudonym("4711") != later("4711")
