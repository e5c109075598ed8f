"""Answers are compressed for browsers that accept it."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from web.things import COMPRESSED

KINDS = {
    "text/html", "text/css", "text/javascript", "image/svg+xml", "application/json", "application/jsonl", "text/csv", "application/vnd.oai.openapi",
    "application/vnd.oai.openapi+json",
}  # fmt: skip


class CompressionMiddleware(GZipMiddleware):
    """Compress pages, their files and answers of the API, unless one can contain a secret: answers to forms, and those that may not be stored.

    An attacker who sees the length of a compressed answer, and chooses a part of the answer, can guess the rest of it (BREACH). The token of forms is written differently in each answer.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        may_have_secret = request.method != "GET" or "no-store" in response.get("Cache-Control", "")
        kind = response.get("Content-Type", "").partition(";")[0]
        if may_have_secret or response.status_code != 200 or kind not in KINDS:
            return response
        etag = response.get("ETag", "")
        answer = super().process_response(request, response)
        if etag.startswith('"') and answer.has_header("Content-Encoding"):  # another strong one: changes are refused with weak ones
            answer["ETag"] = f'{etag[:-1]}{COMPRESSED}"'
        return answer
