"""Show a search while it runs: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automedimg.cli.progress import Progress, brief, clock
from automedimg.contracts import (
    Event,
    Notice,
    PartStarted,
    SearchStarted,
    StageStarted,
    TrialFinished,
    TrialResult,
)

BAR = 28


class PlainView:
    """One line for each thing that happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to put away."""

    def hear(self, event: Event) -> None:
        """Print what an event says, if it is worth a line."""
        self._progress.take(event)
        line = describe(event, self._progress)
        if line:
            self._console.print(line, soft_wrap=True)


class LiveView(PlainView):
    """The same lines, above a picture of the present moment."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._live = Live(
            console=console,
            refresh_per_second=4,
            get_renderable=self._draw,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the picture away; the lines stay."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        progress = self._progress
        if progress.stage:
            return _stage(progress)
        if progress.search is None:
            return Text("")
        return Group(_overview(progress), _running(progress))


def make_view(console: Console) -> PlainView:
    """A live view on a terminal, plain lines elsewhere."""
    return LiveView(console) if console.is_terminal else PlainView(console)


def describe(event: Event, progress: Progress) -> str:
    """What an event says, in one line of rich markup; empty if it isn't worth one."""
    if isinstance(event, Notice):
        style = "loud" if event.important else "dim"
        return f"[{style}]{'!' if event.important else '-'} {escape(event.text)}[/]"
    if isinstance(event, StageStarted):
        return f"[dim]{clock(progress.elapsed_s())}[/] {escape(event.text)}"
    if isinstance(event, PartStarted):
        now = clock(progress.elapsed_s())
        return f"[dim]{now}[/] [bold]run {event.number} of {event.total}[/] {escape(event.title)}"
    if isinstance(event, SearchStarted):
        return _opening(event, progress)
    if isinstance(event, TrialFinished):
        mark = "[good]best[/]" if event.best else _state(event.result)
        return f"[dim]{clock(progress.elapsed_s())}[/] {_line(event.result, progress)} {mark}"
    return ""


def _opening(event: SearchStarted, progress: Progress) -> str:
    limits = [f"{event.trials} trials" if event.trials else ""]
    limits.append(clock(event.time_s) if event.time_s else "")
    wanted = " or ".join(limit for limit in limits if limit) or "until stopped"
    before = f", {event.done} done before" if event.done else ""
    now = f"[dim]{clock(progress.elapsed_s())}[/]"
    return (
        f"{now} searching [name]{escape(event.task)}[/] for {wanted}"
        f"{before} on {', '.join(event.devices)}; run directory [name]{escape(event.run)}[/]"
    )


def _line(result: TrialResult, progress: Progress) -> str:
    metric = progress.search.metric if progress.search else "score"
    value = "      " if result.value is None else f"{result.value:.4f}"
    epoch = f" epoch {result.best_epoch}/{result.epochs}" if result.epochs else ""
    return (
        f"trial {result.number:>3}  {metric} [bold]{value}[/]  "
        f"{escape(brief(result.params))}[dim]{epoch} {result.seconds:.1f} s[/]"
    )


def _state(result: TrialResult) -> str:
    if result.state == "failed":
        return f"[bad]failed: {escape(result.reason)}[/]"
    return "[dim]pruned[/]" if result.state == "pruned" else ""


def _stage(progress: Progress) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    cells: list[RenderableType] = [Text(progress.stage)]
    if progress.stage_total:
        cells.append(ProgressBar(progress.stage_total, progress.stage_done, width=BAR))
        cells.append(Text(f"{progress.stage_done}/{progress.stage_total}", style="dim"))
    table.add_row(*cells)
    return table


def _overview(progress: Progress) -> RenderableType:
    search, best = progress.search, progress.best
    table = Table.grid(padding=(0, 2))
    trials = search.trials if search else None
    done = f"{progress.done}/{trials}" if trials else str(progress.done)
    bar: RenderableType = ProgressBar(trials or 1, progress.done if trials else 0, width=BAR)
    left = progress.left_s()
    times = clock(progress.elapsed_s()) + (f", {clock(left)} left" if left is not None else "")
    table.add_row(Text("trials", style="dim"), bar, Text(f"{done}  {times}"))
    if best is not None and best.value is not None and search is not None:
        table.add_row(
            Text("best", style="dim"),
            Text(f"{search.metric} {best.value:.4f}", style="bold green"),
            Text(f"trial {best.number}: {brief(best.params)}"),
        )
    return table


def _running(progress: Progress) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for number, trial in list(progress.running.items()):
        epochs = f"epoch {trial.epoch}/{trial.epochs}" if trial.epochs else "preparing"
        value = f"{trial.value:.4f}" if trial.value is not None else ""
        bar = ProgressBar(trial.epochs or 1, trial.epoch, width=BAR)
        table.add_row(
            Text(f"#{number}", style="dim"), bar, Text(f"{epochs} {value}  {brief(trial.params)}")
        )
    return table
