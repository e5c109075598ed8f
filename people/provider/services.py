"""The settings of the provider: checked and saved. The client secret is encrypted with the central key, and no event or answer has it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from audit.actors import Actor
from audit.record import record
from outbound.connections import authorities_problem
from outbound.http import HOST, url_checked
from people.provider.models import ONLY, IdentityProvider
from people.roles.registry import Role
from web.errors import InputInvalid

PERMISSION = "people.change_identityprovider"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
WELL_KNOWN = "/.well-known/openid-configuration"
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749, section 3.3
LONGEST_SECRET, LONGEST_GROUP, LONGEST_AUTHORITIES = 1000, 300, 50_000
MOST_SCOPES, MOST_HOSTS, MOST_ROLES = 20, 10, 100
LONGEST = {"name": 60, "issuer": 200, "client_id": 200, "name_claim": 100, "groups_claim": 100}
SETTINGS = (
    *LONGEST,
    "scopes",
    "roles",
    "further_hosts",
    "authorities",
    "creates_people",
    "checks_second_factor",
    "local_for_root_admins_only",
    "enabled",
)


@transaction.atomic
def provider_save(*, actor: Actor, now: datetime, client_secret: str = "", **changes: Any) -> IdentityProvider:
    """Change what is given; the rest stays, and so does a secret that is "". `changes` are among `SETTINGS`.

    Raises: PermissionRefused, InputInvalid, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require(PERMISSION)
    IdentityProvider.objects.get_or_create(pk=ONLY, defaults={"changed_at": now})
    row = IdentityProvider.objects.select_for_update().get(pk=ONLY)
    changed = {name: value for name, value in changes.items() if value != getattr(row, name)}
    for name, value in changed.items():
        setattr(row, name, value)
    errors = dict(_problems(row)) | _secret_problems(client_secret, row, "issuer" in changed)
    if errors:
        raise InputInvalid({name: [text] for name, text in errors.items()})
    detail: dict[str, Any] = {name: "changed" if name == "authorities" else value for name, value in changed.items()}
    if client_secret:  # it always counts as changed. Otherwise the answer would say whether it equals the stored one
        row.client_secret, detail["client_secret"] = client_secret, "set"
    if detail:
        row.changed_at = now
        row.save()
        record(actor=actor, action="provider.changed", target=row, detail=detail, now=now)
    return row


def _problems(row: IdentityProvider) -> Iterator[tuple[str, str]]:
    """The fields that cannot be saved as they are, with the remedies."""
    for name, longest in LONGEST.items():
        value = getattr(row, name)
        if not 1 <= len(value) <= longest or not value.isprintable() or value != value.strip():
            yield name, f"Enter 1 to {longest} printable characters, without spaces at the start or end."
    if text := _issuer_problem(row.issuer):
        yield "issuer", text
    if text := _scopes_problem(row.scopes):
        yield "scopes", text
    if text := _roles_problem(row.roles):
        yield "roles", text
    if len(row.further_hosts) > MOST_HOSTS or not all(HOST.fullmatch(host) for host in row.further_hosts):
        yield "further_hosts", f"Enter at most {MOST_HOSTS} host names, without a port or a path."
    if text := authorities_problem(row.authorities):
        yield "authorities", text


def _issuer_problem(issuer: str) -> str:
    try:
        parts = url_checked(issuer)
    except ValueError as exc:
        return str(exc)
    if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        return "Enter an address that begins with https://. Only a provider on localhost can have http://."
    if issuer.endswith(WELL_KNOWN):
        return f"Enter the issuer itself, without {WELL_KNOWN}. The console adds it."
    return "Remove what follows ? or #." if parts.query or parts.fragment else ""


def _scopes_problem(scopes: Sequence[str]) -> str:
    if len(scopes) > MOST_SCOPES or len(set(scopes)) < len(scopes) or not all(SCOPE.fullmatch(scope) for scope in scopes):
        return f"Enter at most {MOST_SCOPES} different scopes of ASCII characters."
    return "" if "openid" in scopes else "Add the scope openid. Without it, the provider gives no identity."


def _roles_problem(rows: Sequence[Mapping[str, str]]) -> str:
    if len(rows) > MOST_ROLES:
        return f"Enter at most {MOST_ROLES} rows of groups and roles."
    for row in rows:
        group, role = row["group"], row["role"]
        if not 1 <= len(group) <= LONGEST_GROUP or not group.isprintable() or group != group.strip():
            return f"A group has 1 to {LONGEST_GROUP} printable characters, without spaces at the start or end."
        if role not in list(Role):
            return f"“{role[:40]}” is not a role. The roles are: {', '.join(Role)}."
    return "Enter each group once for a role." if len({tuple(sorted(row.items())) for row in rows}) < len(rows) else ""


def _secret_problems(given: str, row: IdentityProvider, has_new_issuer: bool) -> dict[str, str]:
    text = ""
    if given and (len(given) > LONGEST_SECRET or not given.isascii() or not given.isprintable()):
        text = f"A client secret has at most {LONGEST_SECRET} printable ASCII characters."
    elif not given and row.client_secret is None:
        text = "Enter the client secret. The provider shows it where this console is registered as a client."
    elif not given and has_new_issuer:
        text = "Enter the client secret again, because the issuer is another one. A secret is sent only where it was entered for."
    return {"client_secret": text} if text else {}


def host_of(issuer: str) -> str:
    return urlsplit(issuer).hostname or ""
