"""The names under which browsers reach the console: accepted values of Host and Origin. docs/develop/architecture.md, "Addresses and names"."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import CSRFCheck

from certs.models import TrustZone
from certs.zone.services import console_url
from nodes.models import Node
from pki.core.addresses import url_host
from pki.core.commands import QMC
from pki.core.errors import InvalidName
from pki.core.origins import host_of, origin
from web import database_problem
from web.middleware import database_unavailable, error
from web.problems import problem_register

KEPT_S = 5  # after this time, a change by another process applies here
MOST_NAMED = 12
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
problem_register(400, "unknown-host")


@dataclass(frozen=True)
class Names:
    """The names. `hosts` is in the order in which pages list them."""

    hosts: tuple[str, ...]
    origins: frozenset[str]


def names_read() -> Names:
    """Read them from the environment and the site's data. Raises: DatabaseError."""
    zone, own = TrustZone.objects.current(), Node.objects.filter(is_central=True).first()
    base = console_url(zone)
    trusted = settings.QMC_TRUSTED_ORIGINS or (zone.trusted_origins if zone else [])
    origins = [*filter(None, [base]), *trusted]
    hosts = [zone.name.lower()] if zone else []
    hosts += [host_of(url) for url in origins]
    hosts += settings.QMC_ALLOWED_HOSTS or (zone.allowed_hosts if zone else [])
    # The names in this machine's certificate lead here.
    hosts += [url_host(name).lower() for name in ([own.host_name, own.address, *own.subject_alternative_names] if own else []) if name]
    return Names(tuple(dict.fromkeys(filter(None, [*hosts, *LOOPBACK]))), frozenset(origins))


class _Kept:
    """A cache for a few seconds, because every request needs the names."""

    names: Names | None = None
    until = 0.0


def names() -> Names:
    """The names, at most a few seconds old. While the database is unavailable, the last ones. Raises: DatabaseError if there are none."""
    if _Kept.names is None or time.monotonic() >= _Kept.until:
        try:
            _Kept.names = names_read()
        except DatabaseError:
            if _Kept.names is None:
                raise
        _Kept.until = time.monotonic() + KEPT_S
    return _Kept.names


def names_forget() -> None:
    """Forget the names, because this process has just changed them."""
    _Kept.names = None


def shown(text: str) -> str:
    """Text from a client, reduced to plain characters, for a message."""
    plain = "".join(character if character.isascii() and character.isprintable() else "?" for character in text[:100])
    return plain or "(none)"


def _own_address(request: HttpRequest) -> str:
    """The address of this machine that the request reached. A foreign page cannot have it as its name."""
    return url_host(str(request.META.get("SERVER_NAME", "")).removeprefix("::ffff:"))


class HostMiddleware:
    """Answer only requests for a name of this console. The refusal lists the names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            domain, _ = split_domain_port(request.get_host())
        except DisallowedHost:
            domain = ""
        # First without the database, so that the page about an unavailable database can be shown.
        if validate_host(domain, [_own_address(request), *LOOPBACK, *settings.QMC_ALLOWED_HOSTS]):
            return self.get_response(request)
        try:
            hosts = names().hosts
        except DatabaseError as exc:
            if database_problem.is_unavailable(exc):
                return database_unavailable(request, exc)
            raise
        return self.get_response(request) if validate_host(domain, hosts) else _unknown(request, domain, hosts[:MOST_NAMED])


def _unknown(request: HttpRequest, domain: str, hosts: Sequence[str]) -> HttpResponse:
    """The refusal. `domain` is empty if the Host header is not a name, so that no setting can allow it."""
    seen = shown(request.META.get("HTTP_HOST", ""))
    add = f"add the requested one on the page Settings, Addresses, or with `{QMC} set_addresses --allowed-host NAME` on the central node"
    remedy = f"Use one of these names, or {add}." if domain else f"{seen} is not a host name. Use one of these names."
    detail = f"This console does not answer for the host {seen}. It answers for {', '.join(hosts)}. {remedy}"
    return error(
        request, "400_host.html", slug="unknown-host", status=400, detail=detail, seen=seen, hosts=hosts, can_be_added=bool(domain)
    )


class OriginMixin:
    """The allowed origins of forms, besides the request's own."""

    @property
    def allowed_origins_exact(self) -> set[str]:
        return set(names().origins)

    @property
    def csrf_trusted_origins_hosts(self) -> list[str]:
        return [urlsplit(url).netloc for url in names().origins]


class OriginMiddleware(OriginMixin, CsrfViewMiddleware):
    """Django's check of forms, with origins from the site's data."""


class ApiOriginCheck(OriginMixin, CSRFCheck):
    """The same for API requests with a session."""


def foreign_origin(request: HttpRequest) -> str:
    """The origin of a form, if it is not an origin of this console. "" if it is one, or if it is unknown."""
    said = request.META.get("HTTP_ORIGIN") or ""
    if not said and (referer := request.META.get("HTTP_REFERER")):
        parts = urlsplit(referer)
        said = f"{parts.scheme}://{parts.netloc}"
    return "" if said in {"", f"https://{request.get_host()}", *names().origins} else said


def setting_for(said: str) -> str:
    """The base URL that would allow forms from `said`. "" if no setting helps."""
    try:
        return origin(said)
    except InvalidName:
        return ""


@dataclass(frozen=True)
class FormRefusal:
    """Why a form was refused. `origin` is where it came from, if that is another address; with the setting `base_url` it is accepted."""

    reason: str
    origin: str
    host: str
    base_url: str
    without_origin: bool
    without_cookie: bool

    @property
    def detail(self) -> str:
        """The reason in one line, with the setting that helps."""
        command = f"`{QMC} set_addresses --base-url {self.base_url}`, or QMC_BASE_URL."
        return f"CSRF check failed: {self.reason}" + (f" If people open the console there: {command}" if self.base_url else "")


def form_refusal(request: HttpRequest, reason: str) -> FormRefusal:
    """`reason` is Django's."""
    said = foreign_origin(request)
    return FormRefusal(
        reason=reason,
        origin=shown(said) if said else "",
        host=shown(request.get_host()),
        base_url=setting_for(said),
        without_origin=not (request.META.get("HTTP_ORIGIN") or request.META.get("HTTP_REFERER")),
        without_cookie="cookie" in reason.lower(),
    )
