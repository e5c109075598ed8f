"""The REST API of one site, over one connection."""

import http.client
import json
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from agent.version import VERSION
from cli.errors import Away, NoMatch, Refused, Untrusted, UsageWrong
from cli.profile import Profile

Row = dict[str, Any]
KEPT_S, TIMEOUT_S = 8, 30
LARGEST_ANSWER = 256 << 20  # bytes
PAGE_SIZE = 500
LOST = (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)  # RemoteDisconnected is the first of them
OTHER_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
OTHER_DATE = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED


def trusting(roots: Path | str | None) -> ssl.SSLContext:
    """Trusts the certificates in a file, or in a PEM text, and no other; without one, those of the system. Raises: UsageWrong."""
    try:
        text, file = (roots or None, None) if isinstance(roots, str) else (None, roots)
        context = ssl.create_default_context(cafile=file, cadata=text)
    except (OSError, ValueError) as exc:  # SSLError is an OSError
        where = "The roots" if isinstance(roots, str) else str(roots)
        raise UsageWrong(f"{where} cannot be read as certificates: {exc}.", "Give a PEM file, such as roots.pem.") from exc
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a pinned certificate may have an issuer of its own
    context.hostname_checks_common_name = False
    return context


def untrusted(url: str, exc: ssl.SSLCertVerificationError) -> Untrusted:
    why = str(exc.verify_message or exc).rstrip(".")
    if exc.verify_code in OTHER_NAME:
        return Untrusted(
            f"The certificate of {url} has other names: {why}.",
            "Use a name or an address that the certificate has, or add this one to the central node and renew it.",
        )
    if exc.verify_code in OTHER_DATE:
        return Untrusted(f"The certificate of {url} is not valid now: {why}.", "Check the clocks, then the certificate of the console.")
    return Untrusted(
        f"No root that is trusted here issued the certificate of {url}: {why}.",
        f"Compare the fingerprint of the root with the page Root certificate of the console or with the central node, "
        f"then run `qmcctl login {url} --fingerprint SHA256`, or `--root roots.pem`.",
    )


def cannot_connect(url: str, exc: Exception) -> Away | Untrusted:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return untrusted(url, exc)
    if isinstance(exc, TimeoutError):
        return Away(f"{url} did not answer within {TIMEOUT_S} s.", "Check the address, the network and that the console runs.")
    why = (exc.strerror if isinstance(exc, OSError) else "") or str(exc) or type(exc).__name__
    return Away(f"{url} does not answer: {why.rstrip('.')}.", "Check the address, the network and that the console runs.")


class Site:
    """`context` is what trusts the site; without it, that of the profile."""

    def __init__(self, profile: Profile, context: ssl.SSLContext | None = None) -> None:
        self.url, parts = profile.url, urlsplit(profile.url)
        context = context or trusting(profile.roots)
        self.connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=TIMEOUT_S)
        self._headers = {
            "Authorization": f"Bearer {profile.token}",
            "Accept": "application/json, application/problem+json",
            "User-Agent": f"qmcctl/{VERSION}",
        }
        self._used = 0.0
        self.clock_offset_s: float | None = None  # the site's clock minus the one here, from the last answer

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, query)

    def post(self, path: str, content: Row | None = None) -> Any:
        """The request has an `Idempotency-Key`, so the site does its work once."""
        return self._call("POST", path, {}, content, {"Idempotency-Key": str(uuid.uuid4())})

    def rows(self, path: str, *, limit: int = 0, **query: Any) -> Iterator[Row]:
        """The rows of a list, over all its pages; at most `limit`, if it is not 0."""
        query |= {"page_size": min(limit or PAGE_SIZE, PAGE_SIZE)}
        found = 0
        while True:
            page = self.get(path, **query)
            for row in page["results"]:
                yield row
                found += 1
                if found == limit:
                    return
            if not page["next"]:
                return
            query = dict(parse_qsl(urlsplit(page["next"]).query))  # never another host

    def find(self, path: str, word: str, *fields: str) -> Row:
        """The object with this id, or the only one with exactly this word in one of `fields`. Raises: NoMatch."""
        try:
            return dict(self.get(f"{path}{uuid.UUID(word)}/"))
        except ValueError:
            pass
        matches = [row for row in self.rows(path, search=word) if word in [row[field] for field in fields]] if fields else []
        if len(matches) != 1:
            why = f"{len(matches)} objects have the name {word!r}" if matches else f"Nothing has the name or id {word!r}"
            raise NoMatch(f"{why} in {path}.", "Use the id. The list shows it with --json.")
        return matches[0]

    def close(self) -> None:
        self.connection.close()

    def _call(self, method: str, path: str, query: Mapping[str, Any], content: Row | None = None, headers: Row | None = None) -> Any:
        words = [(name, value) for name, value in query.items() if value not in (None, "", ())]
        target = f"/api/v1{path}" + (f"?{urlencode(words)}" if words else "")
        body = None if content is None else json.dumps(content).encode()
        sent = self._headers | (headers or {}) | ({} if body is None else {"Content-Type": "application/json"})
        if method != "GET" or time.monotonic() - self._used > KEPT_S:
            self.connection.close()  # a connection that the site closes meanwhile would lose the request
        try:
            try:
                answer, received = self._exchange(method, target, body, sent)
            except LOST:  # once more: a repeated create has the same Idempotency-Key
                self.connection.close()
                answer, received = self._exchange(method, target, body, sent)
        except (OSError, http.client.HTTPException) as exc:
            self.connection.close()
            raise cannot_connect(self.url, exc) from exc
        self._used = time.monotonic()
        self._note_clock(answer)
        return self._content(answer, received)

    def _exchange(self, method: str, target: str, body: bytes | None, headers: Row) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request(method, target, body, headers)
        answer = self.connection.getresponse()
        return answer, answer.read(LARGEST_ANSWER)

    def _note_clock(self, answer: http.client.HTTPResponse) -> None:
        try:
            said = parsedate_to_datetime(answer.getheader("Date") or "")
        except ValueError:
            return
        self.clock_offset_s = (said - datetime.now(UTC)).total_seconds()

    def _content(self, answer: http.client.HTTPResponse, received: bytes) -> Any:
        kind = answer.getheader("Content-Type") or ""
        try:
            content = json.loads(received) if "json" in kind else received.decode(errors="replace")
        except ValueError as exc:
            raise Away(f"{self.url} sent an answer that is no JSON, with status {answer.status}.", "Check what answers there.") from exc
        if answer.status < 300:
            return content
        if isinstance(content, dict) and "status" in content:
            raise Refused(content, answer.status)
        raise Away(
            f"{self.url} answered with status {answer.status}, but not as the API of a console does.",
            "Check the address: a proxy or another program may answer there.",
        )
