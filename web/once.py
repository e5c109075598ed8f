"""The door of the API to requests that are done once (`Idempotency-Key`)."""

import json
import re
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from web.errors import InputInvalid, SecretShownOnce
from web.repeats.models import KeyedState
from web.repeats.services import Answer, answer_keep, answer_kept, changes_noted, request_forget, request_once, thing_named
from web.secrets import has_secret
from web.things import thing_of

KEY, REPEATED = "Idempotency-Key", "Idempotency-Replayed"
KEY_FORM = r"^[!-~]([ -~]{0,253}[!-~])?$"
WRONG_FORM = "Give 1 to 255 visible ASCII characters, such as a UUID."
KEPT_HEADERS = ("Location", "Link", "ETag", "Cache-Control")


def once(view: Any, request: Request, declared: Any, act: Callable[[], Any]) -> Any:
    """Do `act`, unless an earlier request with the same key did it: then its answer is repeated.

    If the operation `repeats` itself, its service finds what the first request did by `view.request_key`, so it can repeat a secret that is still kept.

    Raises: InputInvalid, KeyReused, RequestInProgress, AnswerLost, SecretShownOnce.
    """
    key = request.headers.get(KEY)
    if key is None:
        return act()
    if not re.fullmatch(KEY_FORM, key):
        raise InputInvalid({KEY: [WRONG_FORM]})
    row = request_once(owner=_owner(request), key=key, fingerprint=_fingerprint(request), now=timezone.now())
    view.request_key = row.pk
    if row.state == KeyedState.BEGUN:
        with changes_noted(row):
            answer = act()
        if not isinstance(answer, Response):  # a file
            request_forget(row)
            return answer
    elif declared.repeats and (row.had_secret or row.state == KeyedState.CHANGED):
        try:
            answer = act()
        except SecretShownOnce as exc:
            exc.members |= thing_named(row)
            raise
        answer[REPEATED] = "true"
    else:
        return _repeated(answer_kept(row))
    thing = thing_of(request.path_info)
    answer_keep(row, _kept(answer, declared), place=answer.get("Location", thing.address if thing else ""))
    return answer


def _owner(request: Request) -> str:
    return f"token {request.auth.pk}" if request.auth else f"account {request.user.pk}"


def _fingerprint(request: Request) -> str:
    """A digest of the request. It is made with the secret key of the site, because a body can have a password."""
    whole = json.dumps([request.method, request.get_full_path(), request.data], sort_keys=True, cls=JSONEncoder)
    return salted_hmac("web.once", whole, algorithm="sha256").hexdigest()


def _kept(answer: Response, declared: Any) -> Answer:
    content = "" if answer.data is None else json.dumps(answer.data, cls=JSONEncoder)
    headers = {name: answer[name] for name in KEPT_HEADERS if name in answer}
    return Answer(answer.status_code, content, headers, has_secret(answer.data, declared.output(answer.status_code)))


def _repeated(kept: Answer) -> Response:
    content = json.loads(kept.content) if kept.content else None
    return Response(content, status=kept.status, headers=kept.headers | {REPEATED: "true"})
