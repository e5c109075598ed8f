"""What every request of every test must hold: a change leaves an event in the audit log, and no event has a secret. `tests.conftest` puts this
middleware before all others."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

CHANGE = re.compile(r'(?:INSERT(?: OR IGNORE)? INTO|UPDATE|DELETE FROM) "(\w+)"(?: SET "(\w+)")?')
SAVEPOINT = re.compile(r'(SAVEPOINT|ROLLBACK TO SAVEPOINT) "?(\w+)"?')
# Tables, or the first column that a statement sets, and why a change there is no event.
NO_EVENT = {
    "audit_head": "the log itself",
    "django_session": "a sign-in and its end are events",
    "usersessions_usersession": "the same",
    "web_keyedrequest": "the request that has the key is an event, if it changes something",
    "people_guesses": "what was guessed is an event of its own",
    "people_knownbrowser": "a sign-in is an event",
    "jobs_job": "work that follows from an event",
    "jobs_periodicwork": "when work ran",
    "nodes_observation": "what a node reports each minute",
    "nodes_sitenudge": "work that follows from an event",
    "alerts_rules": "the row with the defaults is made when it is first read",
    "qmc_apitoken.last_used_at": "the use of a token",
    "mfa_authenticator.last_used_at": "the use of a second factor",
    "certs_export.last_seen_at": "the use of a certificate",
    "people_person.theme": "how one's own pages look",
    "people_person.time_zone": "the same",
    "people_listchoice": "how one's own lists look",
}
SECRET = re.compile(r"password|passphrase|secret|^(again|present|code|token|link|url|connection_string|package)$")
SHORTEST = 6  # a shorter value can be a part of any text


class RecordedMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        changed: list[str] = []
        savepoints: dict[str, int] = {}
        recorded: list[str] = []
        sent = request.body if request.content_type == "application/json" else b""

        def follow(execute: Any, sql: Any, parameters: Any, many: bool, context: Any) -> Any:
            result = execute(sql, parameters, many, context)
            if found := CHANGE.match(str(sql)):
                if str(sql).startswith("INSERT") or context["cursor"].rowcount:  # an INSERT that returns ids has no count yet
                    changed.append(".".join(filter(None, found.groups())))
                if found[1] == "audit_event":
                    recorded.append(" ".join(map(str, parameters)))
            elif found := SAVEPOINT.match(str(sql)):
                if found[1] == "SAVEPOINT":
                    savepoints[found[2]] = len(changed)
                else:
                    del changed[savepoints[found[2]] :]
            return result

        with connection.execute_wrapper(follow):
            answer = self.get_response(request)
        unrecorded = {one for one in changed if one not in NO_EVENT and one.partition(".")[0] not in NO_EVENT}
        assert not unrecorded or "audit_event" in changed, (
            f"{request.method} {request.path} changed {sorted(unrecorded)} and left no event. Record one, or say in tests/recorded.py why none is due."
        )
        if recorded:
            has_json = "json" in answer.get("Content-Type", "") and not answer.streaming
            shown = _of_json(answer.content) if has_json else ()
            secrets = {*_of_json(sent), *_of_form(request), *((name, value) for name, value in shown if name != "code")}
            found_in = [name for name, secret in secrets if any(secret in text for text in recorded)]
            assert not found_in, f"{request.method} {request.path} left an event with the secret {found_in}"
        return answer


def _of_form(request: HttpRequest) -> Iterator[tuple[str, str]]:
    for name, values in request.POST.lists():
        yield from ((name, value) for value in values if _is_secret(name, value))


def _of_json(text: bytes) -> Iterator[tuple[str, str]]:
    with suppress(ValueError, RecursionError):
        yield from _secrets("", json.loads(text))


def _secrets(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(name if name == "generated_secrets" else key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(name, inner)
    elif isinstance(value, str) and (_is_secret(name, value) or name == "generated_secrets"):
        yield name, value


def _is_secret(name: str, value: str) -> bool:
    return len(value) >= SHORTEST and bool(SECRET.search(name))
