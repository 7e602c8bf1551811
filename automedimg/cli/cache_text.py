"""What `automedimg cache` says to people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from automedimg.data.caches import KINDS, Checked, Cleared, Entry

NAME = 16
"""Characters of a name that are shown; `--json` has all of them."""


def show_entries(console: Console, folder: Path, entries: Sequence[Entry]) -> None:
    """Print the entries as a table, and the sum of each kind."""
    if not entries:
        console.print(f"nothing in {escape(str(folder))}", soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("kind", "size", "last used"):
        table.add_column(column, justify="right" if column == "size" else "left", no_wrap=True)
    table.add_column("name", no_wrap=True, max_width=NAME)
    table.add_column("what", overflow="fold")
    for entry in entries:
        used = "now" if entry.in_use else f"{datetime.fromtimestamp(entry.last_used):%Y-%m-%d}"
        name, what = escape(entry.name), escape(entry.what)
        table.add_row(entry.kind, in_bytes(entry.num_bytes), used, f"[name]{name}[/]", what)
    console.print(table)
    for kind, words in KINDS.items():
        sizes = [entry.num_bytes for entry in entries if entry.kind == kind]
        if sizes:
            console.print(f"{kind:<10} {in_bytes(sum(sizes)):>9}  [dim]{words}[/]")
    total = in_bytes(sum(entry.num_bytes for entry in entries))
    console.print(f"{'in all':<10} {total:>9}  {escape(str(folder))}", soft_wrap=True)


def show_checked(console: Console, checked: Sequence[Checked]) -> None:
    """Print what is damaged, and how much is not."""
    for one in checked:
        if not one.fault:
            continue
        name = f"{one.entry.kind}/{escape(one.entry.name)}"
        done = "removed" if one.removed else "damaged"
        busy = " (in use)" if one.entry.in_use and not one.removed else ""
        console.print(f"[bad]{done}[/] {name}{busy}: {escape(one.fault)}", soft_wrap=True)
    sound = sum(not one.fault for one in checked)
    console.print(f"{sound} of {counted(len(checked))} sound")
    if any(one.fault and not one.removed for one in checked):
        console.print(
            "[dim]a search makes anew what it finds damaged; `--repair` removes it now[/]",
            soft_wrap=True,
        )


def show_cleared(console: Console, cleared: Cleared) -> None:
    """Print what was removed, and what stays because it is in use."""
    freed = in_bytes(sum(entry.num_bytes for entry in cleared.removed))
    console.print(f"removed {counted(len(cleared.removed))}, {freed}")
    for entry in cleared.kept:
        why = "in use" if entry.in_use else "young, or it can't be deleted"
        console.print(f"kept {entry.kind}/{escape(entry.name)}: {why}", soft_wrap=True)


def counted(number: int) -> str:
    """So many entries, in words."""
    return "1 entry" if number == 1 else f"{number} entries"


def in_bytes(number: int) -> str:
    """A number of bytes as people read it; powers of ten."""
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
