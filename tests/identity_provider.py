"""A real OpenID Connect provider in a process of its own, and a person's browser that has no window."""

import contextlib
import html
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

from django.test import Client

PROGRAM = Path(__file__).with_suffix(".mjs")
CLIENT, SECRET = "console", "the-secret-of-the-console"
CALLBACK = "/accounts/provider/callback/"


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class IdentityProvider:
    """The process. `switch` changes what it does: see identity_provider.mjs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process, self.issuer = process, process.stdout.readline().strip()

    def switch(self, **switches: Any) -> None:
        body = json.dumps(switches).encode()
        build_opener().open(Request(f"{self.issuer}/switches", body, method="POST"), timeout=30).close()

    def reset(self) -> None:
        self.switch(groups=["admins"], claims={}, clock_s=0, answers={}, delay_s=0)

    def answers(self, path: str, text: Any = "", status: int = 200, **headers: str) -> None:
        """Let one address answer this."""
        text = text if isinstance(text, str) else json.dumps(text)
        self.switch(answers={path: {"status": status, "text": text, "headers": {"content-type": "application/json"} | headers}})

    def document(self) -> dict[str, Any]:
        with build_opener().open(f"{self.issuer}/.well-known/openid-configuration", timeout=30) as answer:
            return dict(json.load(answer))


@contextlib.contextmanager
def identity_provider(**configuration: Any) -> Iterator[IdentityProvider]:
    client = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [f"https://testserver{CALLBACK}"]} | configuration.pop(
        "client", {}
    )
    with subprocess.Popen(
        ["node", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"client": client, **configuration}) + "\n")
        process.stdin.flush()
        try:
            yield IdentityProvider(process)
        finally:
            process.kill()


def way_there(answer: Any) -> str:
    """The address that a page leads to."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.content.decode())
    assert found, answer.content.decode()
    return html.unescape(found[1])


def at_provider(url: str, name: str = "anna", go: str = "yes") -> str:
    """Sign in at the provider as `name`, or cancel. Returns the address that the browser comes back to, without its host."""
    browser = build_opener(HTTPCookieProcessor(), _Stay())
    body = None
    for _ in range(10):
        try:
            answer = browser.open(Request(url, body), timeout=30)
        except OSError as exc:
            answer = exc  # type: ignore[assignment]  # a redirect, or a refusal
        status, content = answer.status, answer.read().decode()  # type: ignore[attr-defined]
        if 300 <= status < 400:
            url, body = urljoin(url, answer.headers["Location"]), None  # type: ignore[attr-defined]
            if urlsplit(url).path == CALLBACK:
                return f"{CALLBACK}?{urlsplit(url).query}"
        else:
            assert "<form" in content, (status, content[:2000])
            body = urlencode({"name": name, "go": go}).encode()
    raise AssertionError("the provider redirects without an end")


def leave(client: Client, begin: str = "/accounts/provider/", **form: str) -> str:
    """Begin at the console. Returns the address at the provider."""
    return way_there(client.post(begin, form, secure=True))


def sign_in(client: Client, name: str = "anna", *, begin: str = "/accounts/provider/", go: str = "yes", **form: str) -> Any:
    """The whole way, and the answer of the console at its end."""
    return client.get(at_provider(leave(client, begin, **form), name, go), secure=True, headers={"Accept": "text/html"})
