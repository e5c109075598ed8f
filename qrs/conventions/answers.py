"""Answers of this API: JSON, or one text."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from rest_framework.utils.encoders import JSONEncoder

MARK = "is_qrs_answer"


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers. 204 has no content."""

    content: Any = None
    status: int = 200


def json_answer(answer: Answer) -> HttpResponse:
    content = b"" if answer.status == 204 else json.dumps(answer.content, cls=JSONEncoder).encode()
    return _marked(HttpResponse(content, status=answer.status, content_type="application/json; charset=utf-8"))


def text_answer(status: int, text: str) -> HttpResponse:
    """An error in one text. Clients show it to people."""
    return _marked(HttpResponse(text, status=status, content_type="text/plain; charset=utf-8"))


def is_answer(answer: HttpResponse) -> bool:
    return hasattr(answer, MARK)


def _marked(answer: HttpResponse) -> HttpResponse:
    setattr(answer, MARK, True)
    answer["Cache-Control"] = "no-store"
    return answer
