"""One sign-in with the provider that is under way in a request."""

from dataclasses import dataclass, field

from django.http import HttpRequest

from people.provider.models import IdentityProvider
from people.provider.tokens import Claims


@dataclass
class Attempt:
    """`steps` are those that succeeded, as findings for the page of a test. `nonce` and `claims` are known when the code was exchanged and the ID token verified."""

    row: IdentityProvider
    steps: list[dict[str, str]] = field(default_factory=list)
    nonce: str = ""
    claims: Claims | None = None

    def done(self, title: str, text: str) -> None:
        self.steps.append({"level": "ok", "title": title, "remedy": text})


def attempt_begin(request: HttpRequest, row: IdentityProvider) -> None:
    request.provider_attempt = Attempt(row)  # type: ignore[attr-defined]


def attempt_of(request: HttpRequest) -> Attempt | None:
    return getattr(request, "provider_attempt", None)


def attempt_here(request: HttpRequest) -> Attempt:
    """The attempt of a request that has one."""
    found = attempt_of(request)
    assert found is not None
    return found
