"""Where protocols are: those that ship with automedimg, and users' own files."""

from __future__ import annotations

import difflib
from pathlib import Path

from automedimg.errors import ConfigurationError, UnknownNameError
from automedimg.papers.parsing import parse_protocol
from automedimg.papers.protocol import Protocol

_PACKAGE = Path(__file__).parents[1]
_HOMES = (_PACKAGE / "papers" / "protocols", _PACKAGE.parent / "examples" / "papers")
"""In a wheel they are inside the package; in a source tree, among the examples."""


def shipped_protocols() -> dict[str, Path]:
    """The files of the protocols that ship with automedimg, by name."""
    home = next((folder for folder in _HOMES if folder.is_dir()), None)
    return {path.stem: path for path in sorted(home.glob("*.toml"))} if home else {}


def load_protocol(name: str) -> Protocol:
    """Read a protocol: one that ships with automedimg, by name, or a file, by path.

    Raises:
        UnknownNameError: there is none of that name.
        ConfigurationError: the file can't be read, or something in it is wrong.
    """
    shipped = shipped_protocols()
    path = shipped.get(name, Path(name))
    if path.suffix != ".toml" and not path.is_file():
        close = difflib.get_close_matches(name, shipped, n=1, cutoff=0.4)
        meant = f"did you mean `{close[0]}`? " if close else ""
        raise UnknownNameError(
            f"unknown paper `{name}`",
            f"{meant}`automedimg paper` lists all of them; a file of your own is named by its path",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"can't read the protocol `{path}`: {reason}") from error
    return parse_protocol(text, path)
