"""Make and revoke tokens of API clients."""

import binascii
import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from people.accounts.services import roles_of
from people.models import ApiToken
from people.roles.models import permissions_of
from people.roles.registry import Role
from people.sign_in.networks import networks_read
from people.tokens.models import Scope
from web.errors import InputInvalid

PREFIX, RANDOM_BYTES, CHECK_DIGITS = "qmc_", 32, 8
LONGEST_NAME, MOST_TOKENS = 100, 200
LASTS, LONGEST, LONGEST_OF_ROOT_ADMIN = timedelta(days=90), timedelta(days=366), timedelta(days=3660)
OTHERS = "people.change_apitoken"


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def token_random() -> str:
    """A new token: the prefix, 256 random bits, and a CRC-32 of both (ISO 3309) that shows whether it is whole."""
    content = PREFIX + secrets.token_hex(RANDOM_BYTES)
    return content + _check(content)


def is_whole(token: str) -> bool:
    """Whether `token` has a form that tokens have. Tokens of earlier versions are 64 hexadecimal digits, without a check."""
    if not token.startswith(PREFIX):
        return len(token) == 2 * RANDOM_BYTES
    return secrets.compare_digest(token[-CHECK_DIGITS:].encode(), _check(token[:-CHECK_DIGITS]).encode())


def _check(content: str) -> str:
    return f"{binascii.crc32(content.encode()):08x}"


@transaction.atomic
def token_create(
    *,
    actor: Actor,
    owner: User,
    name: str,
    role: str = "",
    scopes: Iterable[str] = (Scope.READ, Scope.WRITE),
    addresses: Sequence[str] = (),
    expires_at: datetime | None = None,
    made_with: ApiToken | None = None,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Make a token that acts as `owner`. It lasts 90 days unless `expires_at` is given. Only its digest is stored.

    A token for another account needs the permission for tokens of others. `made_with` is the token of the request, if it has one:
    the new token gets at most its scopes and its role. Returns the row, and the token itself. Raises: PermissionRefused, InputInvalid.
    """
    actor.require("people.add_apitoken")
    is_own = isinstance(actor.user, User) and actor.user.pk == owner.pk
    if not is_own:
        actor.require(OTHERS)
    wanted = list(dict.fromkeys(scopes))
    role = role or (made_with.role if made_with else "")
    errors = _name_errors(name) | _scope_errors(wanted, made_with) | _role_errors(role, owner, made_with)
    networks, wrong = _networks(addresses)
    errors |= wrong | _expiry_errors(expires_at, may_be_long=actor.has_perm(OTHERS), now=now)
    if not errors and ApiToken.objects.usable().filter(user=owner).count() >= MOST_TOKENS:
        errors = {"name": [f"{owner.get_username()} has {MOST_TOKENS} tokens already. Revoke those that nobody uses."]}
    if errors:
        raise InputInvalid(errors)
    token, until, by = token_random(), expires_at or now + LASTS, actor.user if isinstance(actor.user, User) else None
    row = ApiToken.objects.create(
        user=owner, name=name, digest=token_digest(token), role=role, scopes=wanted, addresses=networks, created_at=now,
        created_by=by.person if by else None, created_with=made_with, expires_at=until,
    )  # fmt: skip
    detail = {"user": owner.get_username(), "role": role, "scopes": wanted, "addresses": networks, "expires_at": until.isoformat()}
    record(actor=actor, action="token.created", target=row, detail=detail, now=now)
    return row, token


@transaction.atomic
def token_expiry_set(*, actor: Actor, token: ApiToken, expires_at: datetime, now: datetime) -> ApiToken:
    """Let a token expire, or expire earlier. Raises: PermissionRefused; InputInvalid, also if it would last longer than before."""
    require_tokens(actor, [token])
    row = ApiToken.objects.select_for_update().get(pk=token.pk)
    if errors := _expiry_errors(expires_at, may_be_long=actor.has_perm(OTHERS), now=now):
        raise InputInvalid(errors)
    if row.revoked_at or (row.expires_at and row.expires_at < expires_at):
        raise InputInvalid(
            {"expires_at": ["A token never lasts longer than it did, and a revoked token stays revoked. Make another token."]}
        )
    before, row.expires_at = row.expires_at, expires_at
    row.save(update_fields=["expires_at"])
    detail = {
        "user": row.user.get_username(),
        "name": row.name,
        "expires_at": expires_at.isoformat(),
        "before": before.isoformat() if before else None,
    }
    record(actor=actor, action="token.expiry-set", target=row, detail=detail, now=now)
    return row


def require_tokens(actor: Actor, tokens: Collection[ApiToken]) -> None:
    """Raises: PermissionRefused, if the actor may not change these tokens: one of another account needs a permission of its own."""
    own = isinstance(actor.user, User) and all(token.user_id == actor.user.pk for token in tokens)
    actor.require("people.add_apitoken" if own else OTHERS)


@transaction.atomic
def tokens_revoke(*, actor: Actor, tokens: Iterable[ApiToken], also_created: bool = False, now: datetime) -> list[ApiToken]:
    """Revoke tokens, and on request those that were made with them. Their next request is refused. Returns those that worked before.

    Raises: PermissionRefused, if one belongs to another account and the actor may not revoke those.
    """
    asked = list(tokens)
    require_tokens(actor, asked)
    chosen = {token.pk for token in asked}
    while also_created and (more := set(ApiToken.objects.filter(created_with__in=chosen).values_list("pk", flat=True)) - chosen):
        chosen |= more
    revoked = list(ApiToken.objects.select_for_update().filter(pk__in=chosen, revoked_at=None).order_by("pk"))
    for row in revoked:
        row.revoked_at = now
        row.save(update_fields=["revoked_at"])
        record(actor=actor, action="token.revoked", target=row, detail={"user": row.user.get_username(), "name": row.name}, now=now)
    return revoked


def _name_errors(name: str) -> dict[str, list[str]]:
    if name.strip() and name.isprintable() and len(name) <= LONGEST_NAME:
        return {}
    return {"name": [f"A token has a name of 1 to {LONGEST_NAME} printable characters. No token was made."]}


def _scope_errors(scopes: Sequence[str], made_with: ApiToken | None) -> dict[str, list[str]]:
    if unknown := [scope for scope in scopes if scope not in Scope.values]:
        return {"scopes": [f"“{unknown[0][:40]}” is not a scope. Choose from: {', '.join(Scope.values)}."]}
    if not scopes:
        return {"scopes": ["Give at least one scope."]}
    if Scope.CALENDAR in scopes and len(scopes) > 1:
        return {"scopes": ["The address of a calendar has this token, and others can read it. So the scope calendar excludes all others."]}
    if made_with and (more := [scope for scope in scopes if scope not in made_with.scopes]):
        return {"scopes": [f"The token {made_with.name} cannot pass on the scope {more[0]}, because it does not have it."]}
    return {}


def _role_errors(role: str, owner: User, made_with: ApiToken | None) -> dict[str, list[str]]:
    """A role that the owner lacks would give the token nothing. A token passes on its own role, or a smaller one."""
    if not role:
        return {}
    if role not in list(Role):
        return {"role": [f"“{role[:40]}” is not a role. Choose from: {', '.join(Role)}."]}
    if made_with and made_with.role and not permissions_of(role) <= permissions_of(made_with.role):
        return {"role": [f"The token {made_with.name} has the role {made_with.role}, and {role} may do more. Choose a smaller role."]}
    if role not in roles_of(owner):
        return {"role": [f"{owner.get_username()} does not have the role {role}. Choose a role of this account."]}
    return {}


def _networks(addresses: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The networks, and what is wrong with the input."""
    try:
        return networks_read(addresses), {}
    except InputInvalid as exc:
        return [], exc.errors


def _expiry_errors(expires_at: datetime | None, *, may_be_long: bool, now: datetime) -> dict[str, list[str]]:
    if expires_at is None:
        return {}
    longest = LONGEST_OF_ROOT_ADMIN if may_be_long else LONGEST
    if not now < expires_at <= now + longest:
        who = "" if may_be_long else " A RootAdmin can make one that lasts longer."
        return {"expires_at": [f"Choose a time from now on, at most {longest.days} days away.{who}"]}
    return {}
