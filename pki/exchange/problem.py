"""Problem details (RFC 9457): how console and agents tell each other, and everybody else, of errors."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pki.core.json_text import json_read

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field. `field` is a path such as `services.0`, or empty; `code` is a stable word; `message` is for a person."""

    field: str
    code: str
    message: str


def problem(slug: str, status: int, detail: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """The members of an error with the type `slug` and the HTTP `status`; `detail` says what happened, why, and what to do next."""
    told = {"type": f"urn:trust-zone:{slug}", "title": slug.replace("-", " "), "status": status, "detail": detail}
    return told | {"errors": [asdict(each) for each in errors]}


def detail_of(body: bytes) -> str:
    """The detail in an answer's `body`, at most 400 characters that can be shown and stored; "" where it holds none."""
    try:
        detail = json_read(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return "".join(filter(str.isprintable, detail))[:400] if isinstance(detail, str) else ""
