"""Files of what a list shows: every row, no formula, the times in UTC."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests import factories
from web.lists import downloads
from web.lists.downloads import cell

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CELLS = [
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@a", "'@a"), ("\ta", "'\ta"), ("\ra", "'\ra"), ("a=1", "a=1"), ("", ""), (None, ""), (-2.5, "-2.5"),
    (True, "true"), (NOW, "2026-11-30T12:00:00Z"), (["=a", "b"], "'=a b"), ([], ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), CELLS)
def test_a_cell_is_never_a_formula(value: Any, text: str) -> None:
    assert cell(value) == text


def body(client: Client, path: str) -> tuple[Any, str]:
    answer = client.get(path, secure=True)
    return answer, b"".join(answer.streaming_content).decode()


@pytest.mark.django_db
def test_a_file_has_all_rows_of_the_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "BATCH", 3)
    client = factories.administrator()
    for number in range(10):
        factories.node(f"rim{number}", at=NOW, address="10.0.0.1" if number % 2 else "")
    factories.node("=cmd", at=NOW, address="10.0.0.1")
    answer, text = body(client, "/nodes/?search=10.0.0.1&sort=-name&page_size=25&download=csv&page=9")
    rows = [*csv.DictReader(io.StringIO(text))]
    assert [row["name"] for row in rows] == ["rim9", "rim7", "rim5", "rim3", "rim1", "'=cmd"]
    assert (answer["Content-Type"], answer["Content-Disposition"]) == ("text/csv; charset=utf-8", 'attachment; filename="nodes.csv"')
    answer, text = body(client, "/nodes/?search=10.0.0.1&download=json")
    assert (answer["Content-Type"], [row["name"] for row in json.loads(text)]) == (
        "application/json",
        ["=cmd", *(f"rim{n}" for n in (1, 3, 5, 7, 9))],
    )
    listed = client.get("/api/v1/nodes/?search=10.0.0.1", secure=True).json()["results"]
    assert json.loads(text) == listed
    assert json.loads(body(client, "/nodes/?search=nothing&download=json")[1]) == []
    assert body(client, "/nodes/?search=nothing&download=csv")[1].count("\n") == 1


@pytest.mark.django_db
def test_a_file_needs_the_permission_of_its_page() -> None:
    client = Client()
    assert client.get("/nodes/?download=csv", secure=True).status_code == 302
    person = User.objects.create_user("ben")
    client.force_login(person)
    assert client.get("/nodes/?download=csv", secure=True).status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_node"))
    assert client.get("/nodes/?download=csv", secure=True).status_code == 200
