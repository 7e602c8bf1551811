"""The `automedimg` command. Subcommands are imported only when they are used."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from automedimg.errors import AutomedimgError, ConfigurationError
from automedimg.version import __version__

COMMANDS = {
    "search": "Find, train, judge and save the best classifier for a task.",
    "resume": "Go on with a search that was stopped, however it was.",
    "paper": "Run a paper's protocol: its split beside a leak-free one.",
    "audit": "Say what is in a data set and what a split of it leaks.",
    "split": "Write a leak-free split, or folds, as CSV files.",
    "predict": "Classify image files with the best model of a run.",
    "explain": "Show where the best model of a run looks.",
    "report": "Write the HTML report of a run.",
    "tasks": "List the tasks, or show one.",
    "plugins": "List the plugins, or check one.",
    "cache": "List, verify, clear or limit what is kept between searches.",
}


class UnknownCommandError(AutomedimgError):
    """There is no such command."""


class LazyGroup(click.Group):
    """Lists its commands without importing them, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"automedimg.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one gets a suggestion."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(name, COMMANDS, n=1)
            meant = f"did you mean `{close[0]}`? " if close else ""
            raise UnknownCommandError(
                f"unknown command `{name}`", f"{meant}`automedimg --help` lists all of them"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="automedimg")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def app(ctx: click.Context, debug: bool) -> None:
    """AutoML for medical images: leak-free splits, honest intervals, plugins for everything.

    \b
    Try it on synthetic images:   automedimg search --task br35h --sample --time 2m
    On your own:                  automedimg search --task br35h --data DIR
    """
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit status.

    0: done. 1: an error that the message explains. 2: wrong usage. 70: a bug. 130: interrupted.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Whoever ignores a signal, as `nohup` does, means it.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(getattr(signal, name), _interrupt)
    try:
        status = app.main(args=arguments, prog_name="automedimg", standalone_mode=False)
    except AutomedimgError as error:
        wrong_usage = isinstance(error, UnknownCommandError | ConfigurationError)
        status = _fail(error.message, error.hint, 2 if wrong_usage else 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        status = 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "automedimg"
        message = error.format_message().rstrip(".")
        status = _fail(message[:1].lower() + message[1:], f"`{where} --help` explains", 2)
    except (click.Abort, KeyboardInterrupt):
        status = _fail("interrupted", None, 130)
    # The last resort: a bug. The user gets one line and a way to see more.
    except Exception as error:
        if "--debug" in (arguments or sys.argv):
            raise
        name = type(error).__name__
        status = _fail(
            f"unexpected {name}: {error}",
            "this is a bug: please report it with the traceback of `automedimg --debug ...`",
            70,
        )
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, hint: str | None, status: int) -> int:
    if "--debug" in sys.argv and sys.exc_info()[0] is not None:
        import traceback

        traceback.print_exc()
    click.echo(f"{_colour('error:', 'red')} {message}", err=True)
    if hint:
        click.echo(f"{_colour('hint:', 'cyan')} {hint}", err=True)
    return status


def _colour(text: str, colour: str) -> str:
    """Colour a word, unless the user wants none: see no-color.org."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour, bold=True)


def _interrupt(number: int, frame: FrameType | None) -> Any:
    """End on SIGTERM, or with the terminal, as on Ctrl-C: cleanly, with the best so far."""
    del number, frame
    raise KeyboardInterrupt
