"""The consoles: data goes to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from typing import IO, Any, cast

from rich.console import Console
from rich.theme import Theme

_THEME = Theme(
    {
        "good": "green",
        "bad": "red",
        "dim": "bright_black",
        "loud": "bold yellow",
        "name": "cyan",
    }
)


class _Lasting:
    """A stream that forgets what it is given once its other end has gone away.

    A search must not die of a terminal that was closed, or of `| head`.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._gone = stream, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or forget."""
        if not self._gone:
            try:
                return self._stream.write(text)
            except OSError:
                self._gone = True
        return len(text)

    def flush(self) -> None:
        """Flush, or forget."""
        if not self._gone:
            try:
                self._stream.flush()
            except OSError:
                self._gone = True


def stdout() -> Console:
    """Where results go."""
    return Console(theme=_THEME, highlight=False, file=cast("IO[str]", _Lasting(sys.stdout)))


def stderr() -> Console:
    """Where progress and messages go."""
    return Console(theme=_THEME, highlight=False, file=cast("IO[str]", _Lasting(sys.stderr)))
