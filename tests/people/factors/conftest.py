"""People who sign in with second factors."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests import factories
from tests.people.factors.keys import SecurityKey, code_now

PASSWORD, PAGE = "correct horse battery", "/account/second-factors/"


class Person:
    """A person in front of a browser, with an app, a security key and a list of recovery codes."""

    def __init__(self, name: str = "ann") -> None:
        self.name, self.browser, self.passkey = name, Client(), SecurityKey()
        self.app, self.codes, self.steps = "", list[str](), 0

    @property
    def user(self) -> User:
        return User.objects.get(username=self.name)

    def get(self, path: str, **options: Any) -> Any:
        return self.browser.get(path, secure=True, **options)

    def post(self, path: str, fields: dict[str, Any] | None = None, **options: Any) -> Any:
        return self.browser.post(path, fields or {}, secure=True, **options)

    def password(self, password: str = PASSWORD) -> Any:
        """The first step of the sign-in."""
        return self.post("/accounts/login/", {"login": self.name, "password": password})

    def confirm(self) -> None:
        """A fresh sign-in."""
        assert self.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302

    def sign_out(self) -> None:
        self.post("/accounts/logout/")

    def code(self) -> str:
        """The code that comes next: each is used once, and one of the next step is accepted too."""
        self.steps += 1
        return code_now(self.app, steps=self.steps - 1)

    def add_app(self) -> Any:
        """Add an authenticator app. The page shows recovery codes, if they are the first."""
        self.confirm()
        shown = self.get(f"{PAGE}app/").content.decode()
        self.app = re.findall(r'id="key-text">([A-Z2-7 ]+)<', shown)[0].replace(" ", "")
        signed = re.findall(r'name="key" value="([^"]+)"', shown)[0]
        self.steps = -1
        return self._codes(self.post(f"{PAGE}app/", {"name": "Phone", "code": self.code(), "key": signed}))

    def add_passkey(self, **options: Any) -> Any:
        self.confirm()
        shown = self.get(f"{PAGE}passkey/").content.decode()
        credential = self.passkey.made(options_in(shown), **options)
        return self._codes(self.post(f"{PAGE}passkey/", {"name": "Key", "credential": json.dumps(credential)}))

    def _codes(self, answer: Any) -> Any:
        self.codes = re.findall(r"<li><code>([\d-]+)</code></li>", answer.content.decode()) or self.codes
        return answer

    def step(self, code: str) -> Any:
        """The second step of the sign-in, with a code."""
        return self.post("/accounts/second-factor/", {"code": code})

    def is_signed_in(self) -> bool:
        return self.get("/account/").status_code == 200


def options_in(shown: str) -> dict[str, Any]:
    """What the page asks the browser for."""
    found: dict[str, Any] = json.loads(html.unescape(re.findall(r'data-options="([^"]+)"', shown)[0]))
    return found


@pytest.fixture
def ann(site_directory: Path) -> Person:
    """A RootAdmin who has signed in with the password."""
    factories.root_admin("ann", password=PASSWORD)
    person = Person()
    assert person.password().status_code == 302
    return person
