"""The consoles: data goes to standard output, everything else to standard error."""

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


def stdout() -> Console:
    """Where results go."""
    return Console(theme=_THEME, highlight=False)


def stderr() -> Console:
    """Where progress and messages go."""
    return Console(theme=_THEME, highlight=False, stderr=True)
