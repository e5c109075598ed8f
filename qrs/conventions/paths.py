"""Addresses of this API: without case, with or without a last slash, and behind the prefix of a virtual proxy."""

import re

BEGIN = "/qrs/"
_ADDRESS = re.compile(r"/(?:qrs(?:/(?P<rest>.*))?|[^/]+/qrs/(?P<proxied>.+))", re.IGNORECASE | re.DOTALL)


def qrs_path(path: str) -> str | None:
    """The one form of an address of this API: /qrs/… in lower case, without a last slash. None for other addresses."""
    found = _ADDRESS.fullmatch(path)
    return BEGIN + (found["rest"] or found["proxied"] or "").strip("/").lower() if found else None
