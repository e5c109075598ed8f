"""The answers that the frame of the API gives for all operations: the errors by status, as components of the schema."""

from dataclasses import dataclass
from typing import Any

from pki.exchange.problem import MEDIA_TYPE, FieldError, problem
from qrs.errors import QrsError
from web.problems import problem_types

CHANGING = ("post", "put", "patch", "delete")
SCHEMA = "#/components/schemas/Problem"


@dataclass(frozen=True)
class Answer:
    """An error. `name` is its component, `detail` and `errors` are of its example. `always` says that every operation can answer it, `changing` that every one that is no GET can."""

    name: str
    description: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: tuple[str, ...] = ()
    always: bool = False
    changing: bool = False

    def possible(self, method: str) -> bool:
        return self.always or (self.changing and method in CHANGING)


UNKNOWN_FIELD = "There is no field 'helth'. This operation takes no field."
ANSWERS = {
    400: Answer(
        "Invalid", "The request is wrong. `errors` names the fields. Nothing was changed.",
        f"helth: {UNKNOWN_FIELD}", (FieldError("helth", "unknown", UNKNOWN_FIELD),), always=True,
    ),
    401: Answer(
        "NotAuthenticated", "There is no token, or it may not be used. `detail` says why.",
        "This token, monitoring, expired on 2026-12-01 12:00 UTC. Make one on the page of your account.", headers=("WWW-Authenticate",),
    ),
    403: Answer(
        "PermissionRefused", "The account or the token may not do this. `detail` names what is missing.",
        "You do not have the permission for this. The roles RootAdmin and SecurityAdmin have it.",
    ),
    404: Answer("NotFound", "There is no such object.", "There is no such object. Check the identifier."),
    406: Answer("NotAcceptable", "The operation has no answer in a format that `Accept` names.", "Could not satisfy the request Accept header.", always=True),
    409: Answer(
        "Conflict", "The state of the object does not allow it, somebody was faster, a check blocks it, or the first request with this `Idempotency-Key` has no answer to repeat. Read the object again.",
        "The node rim1 changed meanwhile. Read it again.", headers=("Retry-After",),
    ),
    412: Answer(
        "VersionChanged", "The object does not have the version that `If-Match` names. `current` has its present state.",
        "This was changed after you read it, so nothing was done. `current` has its present state.", headers=("ETag",),
    ),
    413: Answer("TooLarge", "The body is too large.", "A request can have at most 8 MiB. Certificate files are much smaller: send only those.", changing=True),
    415: Answer("UnsupportedMediaType", "The body is not JSON.", 'Unsupported media type "text/plain" in request.', changing=True),
    422: Answer(
        "KeyReused", "Another request has had this `Idempotency-Key`.",
        "This Idempotency-Key belongs to another request: its method, address or body is different. Use a new key for each request.",
    ),
    429: Answer(
        "TooManyRequests", "The token has sent as many requests as it may in a minute.",
        "This token has sent 6000 requests in a minute, and may send no more. Send the request again in 42 s.", headers=("Retry-After", "RateLimit"),
    ),
    500: Answer(
        "Unexpected", "An unexpected error. The log of the console has its details.",
        "An unexpected error occurred. The log of the console has the details. Try again. If the error stays, report it.", always=True,
    ),
    503: Answer(
        "Unavailable", "The site has a problem. `detail` has the remedy. Try again later.",
        "The database cannot be reached. Check that its server runs, or that its file and folder exist and can be read.", always=True,
    ),
}  # fmt: skip


HEADERS = {
    "X-Request-Id": "The id of the request, for the log: the client's own if it sent a valid one.",
    "ETag": "The version of the object, for `If-Match`. Lists and files have none.",
    "Link": 'With `rel="monitor"`: the address of a job that does the work.',
    "Location": "The address of what was made.",
    "Idempotency-Replayed": "`true`: this is the answer to the first request with the same `Idempotency-Key`.",
    "Retry-After": "Send the request again after this number of seconds.",
    "RateLimit": "How many requests are left to the token, and in how many seconds they are counted anew.",
    "RateLimit-Policy": "How many requests a token may send in how many seconds.",
    "WWW-Authenticate": "`Bearer`: send a token.",
}


def header_components() -> dict[str, Any]:
    """The headers of answers as components."""
    return {name: {"description": description, "schema": {"type": "string"}} for name, description in HEADERS.items()}


def header_references(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def answer_components() -> dict[str, Any]:
    """The errors as components. Each lists its types, which are those that the code registers."""
    return {answer.name: _component(status, answer) for status, answer in ANSWERS.items()}


def _component(status: int, answer: Answer) -> dict[str, Any]:
    types = [name for name, found in rest_types().items() if found == status]
    listed = ", ".join(f"`{_urn(name)}`" for name in types)
    content = {"schema": {"$ref": SCHEMA}, "example": problem(types[0], status, answer.detail, answer.errors)}
    headers = header_references("X-Request-Id", *answer.headers)
    return {"description": f"{answer.description} Types: {listed}.", "headers": headers, "content": {MEDIA_TYPE: content}}


def type_names() -> list[str]:
    """Every `type` of a problem."""
    return sorted(map(_urn, rest_types()))


def rest_types() -> dict[str, int]:
    """The types of this API, each with its status: the QRS-compatible API has others."""
    return problem_types(without=QrsError)


def _urn(name: str) -> str:
    return str(problem(name, 0, "")["type"])


def _headers(method: str, status: str) -> list[str]:
    found = (
        ["Link"] * (status == "202")
        + ["X-Request-Id", "RateLimit", "RateLimit-Policy"]
        + ["ETag"] * (status != "204")
        + ["Location"] * (status == "201")
    )
    return found + ["Idempotency-Replayed"] * (method in CHANGING)


def with_errors(method: str, responses: dict[str, Any]) -> dict[str, Any]:
    """The answers of an operation: its own, with its errors as references, and those of the frame."""
    own = {
        status: answer | {"headers": header_references(*_headers(method, status))}
        for status, answer in responses.items()
        if MEDIA_TYPE not in answer.get("content", {})
    }
    errors = {
        str(status): {"$ref": f"#/components/responses/{answer.name}"}
        for status, answer in ANSWERS.items()
        if str(status) in responses or answer.possible(method)
    }
    return own | errors
