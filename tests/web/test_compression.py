"""Compressed answers, and files that browsers keep."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.test import Client

from qmc.settings import content_hash
from web.compression import CompressionMiddleware

TEXT = "a page with a long text " * 100


def answered(kind: str = "text/html; charset=utf-8", *, method: str = "GET", status: int = 200, **headers: str) -> HttpResponse:
    request = HttpRequest()
    request.method, request.META = method, {"HTTP_ACCEPT_ENCODING": "gzip, br"}
    answer = HttpResponse(TEXT, content_type=kind, status=status, headers=headers)
    return CompressionMiddleware(lambda _: answer)(request)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "text/css", "image/svg+xml"])
def test_an_answer_is_compressed(kind: str) -> None:
    answer = answered(kind)
    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content).decode() == TEXT


@pytest.mark.parametrize(
    "given",
    [
        {"method": "POST"},
        {"status": 206},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "max-age=0, no-cache, no-store, private"},
        {"kind": "application/zip"},
    ],
    ids=["to a form", "a part", "never stored", "never stored, among other words", "compressed already"],
)
def test_an_answer_that_can_have_a_secret_is_not_compressed(given: dict[str, Any]) -> None:
    answer = answered(**given)
    assert not answer.has_header("Content-Encoding")
    assert answer.content.decode() == TEXT


@pytest.mark.parametrize("name", ["made/tabler.css", "made/htmx.min.js", "made/icons.svg", "qmc/console.css", "qmc/img/check.svg"])
def test_browsers_keep_a_file_for_years_and_get_it_compressed(client: Client, name: str) -> None:
    answer = client.get(static(name), headers={"Accept-Encoding": "gzip"})
    content = b"".join(answer.streaming_content)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert int(re.findall(r"max-age=(\d+), public, immutable", answer["Cache-Control"])[0]) >= 365 * 24 * 60 * 60
    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(content) == (Path("static") / name).read_bytes()


def test_the_address_of_files_changes_with_any_of_them(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made/a.css").write_text("a {}")
    first = content_hash(tmp_path)
    assert content_hash(tmp_path) == first
    (tmp_path / "made/.a.css.new").write_text("half a file")
    assert content_hash(tmp_path) == first
    (tmp_path / "made/a.css").write_text("b {}")
    second = content_hash(tmp_path)
    (tmp_path / "made/a.css").rename(tmp_path / "made/b.css")
    assert len({first, second, content_hash(tmp_path)}) == 3
