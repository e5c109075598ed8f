"""Writing and reading problem details (RFC 9457)."""

import json

import pytest

from pki.exchange.problem import FieldError, detail_of, problem


def test_a_written_problem_is_read() -> None:
    made = problem("changed-meanwhile", 409, "Somebody was faster. Look again.", [FieldError("name", "invalid", "It has changed.")])
    assert made == {
        "type": "urn:trust-zone:changed-meanwhile",
        "title": "changed meanwhile",
        "status": 409,
        "detail": "Somebody was faster. Look again.",
        "errors": [{"field": "name", "code": "invalid", "message": "It has changed."}],
    }
    assert problem("not-found", 404, "There is nothing.")["errors"] == []
    assert detail_of(json.dumps(made).encode()) == "Somebody was faster. Look again."
    assert len(detail_of(json.dumps(problem("long", 500, "x" * 9999)).encode())) == 400


def test_unprintable_characters_are_left_out() -> None:
    assert detail_of(rb'{"detail": "No \u0000space\ud800\u001b[2J"}') == "No space[2J"


@pytest.mark.parametrize(
    "body", [b"", b"<!doctype html>", b"\xff", b"[]", b"1", b'"text"', b"{}", b'{"detail": 5}', b'{"detail": null}', b"[" * 100_000], ids=lambda body: repr(body)[:20]
)  # fmt: skip
def test_other_bodies_have_no_detail(body: bytes) -> None:
    assert detail_of(body) == ""
