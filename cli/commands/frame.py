"""What all commands share: how they connect, their options, and how they end when they cannot do something."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from cli import output, profile
from cli.errors import CommandError, ExitCode, UsageWrong
from cli.output import Column
from cli.site import Row, Site

Function = TypeVar("Function", bound=Callable[..., Any])
LONGEST_WAIT_S = 600


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """End with the code of a broken pipe when the reader of the output has gone. The rest of the output is discarded."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.BROKEN_PIPE)


class ApiCommand(click.Command):
    """A command that may be refused: it shows why, with the exit code of the refusal."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as exc:
            output.refusal(exc, as_json=bool(ctx.params.get("as_json")))
            ctx.exit(int(exc.exit_code))
        except BrokenPipeError:
            raise
        except OSError as exc:  # of files here; a connection has its own errors
            what = f"{exc.filename}: {exc.strerror}." if exc.filename else f"{exc}."
            output.refusal(CommandError(what), as_json=bool(ctx.params.get("as_json")))
            ctx.exit(int(ExitCode.FAILED))


class Group(click.Group):
    command_class = ApiCommand
    group_class = type

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with reader_may_leave():  # --help prints here
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with reader_may_leave():
            return super().invoke(ctx)


def connected() -> Site:
    """The site of the profile, or of the environment. It is closed with the command."""
    ctx = click.get_current_context()
    site = Site(profile.load())
    ctx.call_on_close(site.close)
    return site


json_option = click.option("--json", "as_json", is_flag=True, help="Print the objects of the API.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def limit_option(default: int = 0) -> Callable[[Function], Function]:
    return click.option("--limit", type=click.IntRange(min=0), default=default, show_default=True, help="Most rows; 0 is all.")


def wait_options(function: Function) -> Function:
    function = click.option(
        "--timeout", type=click.FloatRange(min=0), default=LONGEST_WAIT_S, show_default=True, help="Longest wait, in seconds."
    )(function)
    return click.option("--wait", is_flag=True, help="Wait until the work has ended.")(function)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal. Raises: UsageWrong without one, Abort if the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageWrong(f"{question} There is no terminal to ask on.", "Give --yes to confirm.")
    click.confirm(question, abort=True, err=True)


def print_rows(site: Site, path: str, shown: tuple[Column, ...], *, as_json: bool, limit: int, nothing: str, **query: Any) -> None:
    rows = list(site.rows(path, limit=limit, **query))
    if as_json:
        output.document({"results": rows})
    else:
        output.table(shown, rows, nothing=nothing)
        if limit and len(rows) == limit:
            output.line(f"The first {limit} rows. --limit 0 shows all.", error=True)


def print_item(row: Row, shown: tuple[Column, ...] = (), *, as_json: bool) -> None:
    if as_json:
        output.document(row)
    else:
        output.item(row, shown)


def secret_from_input(what: str) -> str:
    """A secret from the terminal without echo, or the first line of standard input. Raises: UsageWrong."""
    text = str(click.prompt(what, hide_input=True, err=True)) if sys.stdin.isatty() else sys.stdin.readline()
    if not text.strip():
        raise UsageWrong(f"There is no {what.lower()} on standard input.", "Type it, or send it as one line.")
    return text.strip()
