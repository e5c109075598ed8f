"""What qmcctl prints on a terminal: narrow, without colors, and with hostile text."""

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from cli import output
from cli.errors import Away, Refused
from sitekit.site import ROOT

ROWS = [
    {"name": "rim1", "host_name": "rim1.production.example", "state": "registered", "at": "2026-12-01T02:43:55.713378Z"},
    {"name": "日本", "host_name": "x.example", "state": "failed", "at": None},
]
SHOWN = output.columns("name", "host_name", "state", "at")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """What is shown on a terminal with this many columns."""

    def show(width: int, *, shown=SHOWN, rows=ROWS, **environment: str) -> str:
        file = io.StringIO()
        monkeypatch.setattr(
            output,
            "console",
            lambda error=False: Console(file=file, width=width, force_terminal=True, highlight=False, _environ=environment),
        )
        output.table(shown, rows, nothing="")
        return file.getvalue()

    return show


def test_a_terminal_of_twenty_columns_shows_every_value_whole(terminal) -> None:
    shown = terminal(20, NO_COLOR="1", TERM="xterm").replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert "host name: rim1.production.example\n" in shown
    assert "state: failed\n" in shown
    assert "\n\nname: 日本\n" in shown


def test_a_wide_terminal_shows_a_table(terminal) -> None:
    lines = terminal(100, TERM="dumb").splitlines()
    assert [len(lines), lines[0].split()] == [3, ["name", "host", "name", "state", "at"]]
    assert lines[1].split() == ["rim1", "rim1.production.example", "registered", "2026-12-01T02:43:55Z"]


@pytest.mark.parametrize(
    ("environment", "colored"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)], ids=str
)
def test_colors_are_left_out_where_they_are_not_wanted(terminal, environment: dict[str, str], colored: bool) -> None:
    assert ("\x1b[31m" in terminal(100, **environment)) == colored


def test_what_is_no_terminal_gets_whole_lines_without_colors(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(SHOWN, [ROWS[0] | {"name": "n" * 300}], nothing="")
    lines = capsys.readouterr().out.splitlines()
    assert [len(lines), lines[1].split()[0], "\x1b" in lines[1]] == [2, "n" * 300, False]


@pytest.mark.parametrize("words", ["--help", "nodes --help", "completion bash"])
def test_a_reader_that_goes_away_ends_it_quietly(words: str) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "cli", *words.split()]
        ended = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (141, "")


HOSTILE = [
    ("\x1b[2Jx", "\\x1b[2Jx"),
    ("a\rb", "a\\rb"),
    ("a\u202eb", "a\\u202eb"),
    ("\x9b1m", "\\x9b1m"),
    ("[red]a[/red]", "[red]a[/red]"),
    ("a\nb", "a\\nb"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE, ids=ascii)
def test_control_characters_of_a_value_are_escaped(text: str, shown: str, terminal) -> None:
    assert shown in terminal(100, rows=[{"name": text}], shown=output.columns("name"), TERM="dumb")


@pytest.mark.parametrize(("text", "shown"), HOSTILE, ids=ascii)
def test_control_characters_of_a_refusal_are_escaped(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.refusal(Away(text), as_json=False)
    assert shown in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 7), (401, 3), (403, 4), (404, 5), (405, 7), (409, 6), (412, 6), (413, 7), (429, 8), (500, 8), (503, 8)],
)
def test_the_status_of_a_refusal_decides_its_exit_code(status: int, code: int) -> None:
    assert Refused({"title": "x", "status": status}, status).exit_code == code
