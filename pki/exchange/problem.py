"""Problem details (RFC 9457): how console and agents tell each other, and everybody else, of errors."""

from typing import Any

from pki.core.json_text import json_read

MEDIA_TYPE = "application/problem+json"


def problem(slug: str, status: int, detail: str) -> dict[str, Any]:
    """The members of an error with the type `slug` and the HTTP `status`; `detail` says what happened, why, and what to do next."""
    return {"type": f"urn:trust-zone:{slug}", "title": slug.replace("-", " "), "status": status, "detail": detail}


def detail_of(body: bytes) -> str:
    """The detail in an answer's `body`, at most 400 characters that can be shown and stored; "" where it holds none."""
    try:
        detail = json_read(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return "".join(filter(str.isprintable, detail))[:400] if isinstance(detail, str) else ""
