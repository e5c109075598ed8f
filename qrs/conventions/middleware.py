"""The address and the answers of requests to this API: one form of the address, and never a page."""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from pki.exchange.problem import MEDIA_TYPE
from qrs.conventions.answers import is_answer, text_answer
from qrs.conventions.paths import qrs_path

SIGN_IN = "The console asks for something first. Open it in a browser, sign in, do that, and repeat the request."


class QrsMiddleware:
    """Give the address its one form. Answers of other middleware, such as a page or a redirect, become one sentence of text."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = qrs_path(request.path_info)
        if path is None:
            return self.get_response(request)
        request.path = request.path_info = path
        request.META["HTTP_ACCEPT"] = "application/json"  # so that other middleware says in words what is wrong
        vars(request).pop("headers", None)  # Django keeps the headers that were read
        answer = self.get_response(request)
        return answer if is_answer(answer) else text_answer(*_in_words(answer))


def _in_words(answer: HttpResponse) -> tuple[int, str]:
    """The status and the sentence of an answer that is not of this API."""
    if 300 <= answer.status_code < 400:
        return 403, SIGN_IN
    if answer.headers.get("Content-Type") == MEDIA_TYPE:
        return answer.status_code, str(json.loads(answer.content)["detail"])
    return answer.status_code, f"The console refused the request: {answer.reason_phrase}."
