"""Problem details (RFC 9457): the format of errors in all APIs of console and agents."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pki.core.json_text import json_read

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldError:
    """An error of one field. `field` is a path such as `services.0`, or empty; `code` is stable; `message` is for a person."""

    field: str
    code: str
    message: str


def problem(slug: str, status: int, detail: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """The members of an error with the type `slug` and the HTTP `status`; `detail` says what happened, why, and what to do next."""
    members = {"type": f"urn:trust-zone:{slug}", "title": slug.replace("-", " "), "status": status, "detail": detail}
    return members | {"errors": [asdict(error) for error in errors]}


def detail_of(body: bytes) -> str:
    """The detail in the `body` of an answer, at most 400 printable characters; "" if there is none."""
    try:
        detail = json_read(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return "".join(filter(str.isprintable, detail))[:400] if isinstance(detail, str) else ""
