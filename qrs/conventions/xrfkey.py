"""The key against forged requests: the same 16 letters or digits in the address and in a header, which a foreign page cannot set."""

import re

from django.http import HttpRequest

from qrs.errors import KeyRefused

PARAMETER, HEADER = "xrfkey", "X-Qlik-Xrfkey"
REFUSED = "XSRF prevention check failed. Possible XSRF discovered."
_KEY = re.compile(r"[A-Za-z0-9]{16}")


def xrfkey_check(request: HttpRequest) -> None:
    """Raises: KeyRefused. Every spelling of the parameter counts, so two of them with different keys are refused."""
    given = {value for name, values in request.GET.lists() if name.lower() == PARAMETER for value in values}
    header = request.headers.get(HEADER, "")
    if given != {header} or not _KEY.fullmatch(header):
        raise KeyRefused(REFUSED)
