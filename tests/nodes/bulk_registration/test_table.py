"""Tables of nodes: what spreadsheets write is read, every error has its line, and 10 000 wrong lines are answered soon."""

import csv
import io
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.actors import SYSTEM
from nodes.bulk_registration.services import kinds, table_check
from nodes.bulk_registration.table import COLUMNS, LARGEST_BYTES, LISTS, MOST_LINES, Table, Wrong, table_read
from nodes.inventory.services import node_create
from web.lists.downloads import csv_lines

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PLAIN = {"name": "rim1", "host_name": "rim1.example", "address": "10.0.0.1"}
RIGHT_TO_LEFT = "\u202e"


def said(table: Table) -> list[tuple[int, str]]:
    return [(wrong.line, wrong.column) for wrong in table.wrong]


READ = {
    "commas": b"name,host_name,address\nrim1,rim1.example,10.0.0.1\n",
    "semicolons": b"name;host_name;address\nrim1;rim1.example;10.0.0.1\n",
    "tabs": b"name\thost_name\taddress\nrim1\trim1.example\t10.0.0.1\n",
    "a byte order mark, CRLF and quotes": b'\xef\xbb\xbf"name","host_name","address"\r\n"rim1","rim1.example","10.0.0.1"\r\n',
    "spaces, empty lines and no last line break": b"\n Name , Host name , Address \n\n rim1 , rim1.example , 10.0.0.1 \n,,\n\nrim1".removesuffix(b"\nrim1"),
    "an empty column at the end": b"name,host_name,address,\nrim1,rim1.example,10.0.0.1,,\n",
    "missing cells": b"name,host_name,address,tags\nrim1,rim1.example,10.0.0.1\n",
}  # fmt: skip


@pytest.mark.parametrize("content", READ.values(), ids=READ.keys())
def test_what_spreadsheets_write_is_read(content: bytes) -> None:
    table = table_read(content)
    assert said(table) == []
    assert [line.fields for line in table.lines] == [PLAIN]


def test_lists_ports_and_notes_are_read() -> None:
    content = 'name,host_name,node_port,distribution_port,subject_alternative_names,services,tags,notes\nrim1,rim1.example,5242,,"a.example, 10.0.0.8",engine|proxy,Prod rack-7;prod,"two\r\nlines, ""quoted"""\n'
    (line,) = table_read(content.encode()).lines
    assert line.fields["node_port"] == 5242
    assert "distribution_port" not in line.fields
    assert [line.fields[name] for name in LISTS] == [["a.example", "10.0.0.8"], ["engine", "proxy"], ["prod", "rack-7"]]
    assert line.fields["notes"] == 'two\nlines, "quoted"'


# the content → each error as its line and column, and words of the first
WRONG: dict[str, tuple[bytes, list[tuple[int, str]], str]] = {
    "nothing": (b"", [(1, "")], "The first line must have"),
    "no headings": (b"rim1,rim1.example\n", [(1, "rim1"), (1, "rim1.example"), (1, "")], "There is no column “rim1”"),
    "headings only": (b"name,host_name\n", [(2, "")], "has no nodes"),
    "an unknown column": (b"name,host_name,password\nrim1,rim1.example,x\n", [(1, "password")], "There is no column “password”. Use: name, host_name, address"),
    "a column twice": (b"name,host_name,name\nrim1,rim1.example,x\n", [(1, "name")], "twice"),
    "too many cells": (b"name,host_name\nrim1,rim1.example,x\n", [(2, "")], "has 3 cells, and the first line has 2"),
    "not UTF-8": (b"name,host_name\nrim1,rim1.example\nr\xfcm,rum.example\n", [(3, "")], "not UTF-8"),
    "a quotation mark that does not end": (b'name,host_name\nrim1,rim1.example\n"rim2,rim2.example\nrim3,x\n', [(3, "")], "Check its quotation marks"),
    "too large": (b"x" * (LARGEST_BYTES + 1), [(1, "")], "more than 960 KiB"),
    "line of a cell with line breaks": (b'name,host_name,notes\nrim1,rim1.example,"a\nb\nc"\nrim2,no name,\n', [(5, "host_name")], "space"),
    "a script": (b"name,host_name,tags\n<script>,<script>,<script>\n", [(2, "host_name"), (2, "tags")], "is not allowed"),
    "direction of text": (f"name,host_name,notes\nrim{RIGHT_TO_LEFT},rim1.example,{RIGHT_TO_LEFT}\n".encode(), [(2, "name"), (2, "notes")], "printable"),
    "NUL": (b"name,host_name\nrim\0,rim1.example\n", [(2, "name")], "printable"),
    "65 letters": (b"name,host_name\n" + b"x" * 65 + b",rim1.example\n", [(2, "name")], "1 to 64"),
    "a port": (b"name,host_name,node_port\nrim1,rim1.example,http\n", [(2, "node_port")], "from 1 to 65535"),
    "everything": (b"name,host_name,address,node_port,services,subject_alternative_names\n,,nowhere,70000,coffee,a b*\n",
        [(2, "name"), (2, "host_name"), (2, "address"), (2, "node_port"), (2, "subject_alternative_names"), (2, "services")], "1 to 64"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected", "words"), WRONG.values(), ids=WRONG.keys())
def test_every_error_has_its_line_and_column(content: bytes, expected: list[tuple[int, str]], words: str) -> None:
    table = table_read(content)
    assert sorted(said(table)) == sorted(expected)
    assert any(words in wrong.text for wrong in table.wrong), table.wrong


def test_64_letters_and_every_language_are_names() -> None:
    assert said(table_read(f"name,host_name\n{'x' * 64},rim1.example\nКиїв 東京,rim2.example\n".encode())) == []


@pytest.mark.django_db
def test_lines_are_compared_with_each_other_and_with_the_site() -> None:
    node_create(actor=SYSTEM, now=NOW, name="Old", host_name="old.example", subject_alternative_names=["shared.example"])
    content = (
        "name,host_name,subject_alternative_names\nrim1,rim1.example,\nRIM1,Rim1.Example,\nrim3,rim3.example,RIM1.example\n"
        "OLD,new.example,\nnew,OLD.example,\nnew2,new2.example,old.example\nnew3,shared.example,\nnew4,new4.example,Shared.Example\n"
    )
    table = table_read(content.encode())
    table_check(table)
    expected = [
        (3, "host_name"),
        (3, "name"),
        (4, "subject_alternative_names"),
        (5, "name"),
        (6, "host_name"),
        (7, "subject_alternative_names"),
        (7, "subject_alternative_names"),  # with line 6, and with a node
        (8, "host_name"),
        (9, "subject_alternative_names"),
    ]
    assert sorted(said(table)) == expected
    assert "Line 2 has the same name" in " ".join(wrong.text for wrong in table.wrong)


@pytest.mark.django_db
def test_10_000_lines_with_every_kind_of_error_are_answered_soon() -> None:
    node_create(actor=SYSTEM, now=NOW, name="taken", host_name="taken.example")
    kinds_of_lines = [
        "rim{0},rim{0}.example,10.0.0.1,,", "rim{0},no name {0},,,", "taken,x{0}.example,,,", "y{0},taken.example,,,", "same,same.example,,,", ",,,,", "z{0},z{0}.example,nowhere,,",
        "w{0},w{0}.example,,99999,", "v{0},v{0}.example,,,<script>", "u{0},u{0}.example,,,,,too many",
    ]  # fmt: skip
    lines = [kinds_of_lines[number % len(kinds_of_lines)].format(number) for number in range(MOST_LINES)]
    content = "\n".join(["name,host_name,address,node_port,tags", *lines]).encode()
    began = time.process_time()
    table = table_read(content)
    table_check(table)
    assert time.process_time() - began < 10
    found = {kind.column: kind for kind in kinds(table.wrong)}
    assert {*found} == {"", "name", "host_name", "address", "node_port", "tags"}
    assert all(len(kind.first) == 5 for kind in found.values())
    assert found["tags"].count == 1000
    assert len(table.lines) == MOST_LINES - 1000  # empty lines are no nodes


def test_kinds_show_errors_with_different_words_first() -> None:
    wrong = [Wrong(number, "name", "taken") for number in range(1, 9)] + [Wrong(9, "name", "too long")]
    (kind,) = kinds(wrong)
    assert (kind.count, [one.line for one in kind.first]) == (9, [1, 2, 3, 4, 9])


@given(
    st.binary(max_size=300)
    | st.text(alphabet=',;\t"\r\n\0 aé<=\u202e\ufeff', max_size=300).map(lambda text: ("name,host_name\n" + text).encode())
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_table_or_have_an_error(content: bytes) -> None:
    table = table_read(content)
    assert table.lines or table.wrong
    assert all(wrong.line >= 1 and wrong.text for wrong in table.wrong)


TEXT = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)
    .map(str.strip)
    .filter(lambda text: not text.startswith("'"))
)


@given(
    st.lists(st.tuples(TEXT.filter(bool), TEXT, TEXT), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_what_a_writer_of_csv_writes_is_read_as_it_was(rows: list[tuple[str, str, str]], separator: str, end: str, marked: bool) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=end)
    writer.writerows([("name", "host_name", "notes"), *rows])
    read = table_read((("\ufeff" if marked else "") + file.getvalue()).encode())
    assert [(line.fields["name"], line.fields["host_name"], line.fields["notes"]) for line in read.lines] == rows


def test_our_own_file_of_nodes_is_read_again() -> None:
    row = {"name": "=1+1", "host_name": "rim1.example", "tags": ["prod", "rack-7"], "notes": "-later-\nlines"} | dict.fromkeys(
        ("address", "services"), ""
    )
    columns = [name for name in COLUMNS if name in row]
    (line,) = table_read("".join(csv_lines(iter([[row]]), columns)).encode()).lines
    assert (line.fields["name"], line.fields["tags"], line.fields["notes"]) == ("=1+1", ["prod", "rack-7"], "-later-\nlines")
