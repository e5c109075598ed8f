"""Second factors: add, rename and remove one's own, and make recovery codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.contrib.auth.models import User
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from audit.actors import Actor
from audit.record import record
from people.factors.codes import step_used
from people.roles.rules import requires_factor
from web.errors import InputInvalid

KINDS = {"totp": "authenticator app", "webauthn": "passkey"}
SALT, KEY_LASTS_S = "people.factors.key", 3600


def factors_of(user: User) -> QuerySet[Authenticator]:
    """The second factors of an account, without its recovery codes."""
    rows: QuerySet[Authenticator] = Authenticator.objects.filter(user=user)
    return rows.exclude(type=Authenticator.Type.RECOVERY_CODES).order_by("created_at", "pk")


def factor_kinds(user: User) -> list[str]:
    return [KINDS[factor.type] for factor in factors_of(user)]


def recovery_codes_left(user: User) -> int:
    codes = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(codes).get_unused_codes()) if codes else 0


def key_begin(user: User) -> tuple[str, str]:
    """A key for a new authenticator app: in plain text, and signed for this account. It is stored when its first code is right."""
    secret = generate_totp_secret()
    return secret, signing.dumps([user.pk, secret], salt=SALT)


def key_of(user: User, signed: str) -> str:
    """The key that was begun for this account. Raises: InputInvalid."""
    try:
        owner, secret = signing.loads(signed, salt=SALT, max_age=KEY_LASTS_S)
    except signing.BadSignature:
        owner, secret = None, ""
    if owner != user.pk:
        raise InputInvalid({"code": ["This page was open for too long. Remove the entry from your app, and scan the new QR code."]})
    return str(secret)


@transaction.atomic
def app_add(*, actor: Actor, user: User, name: str, key: str, code: str, now: datetime) -> list[str]:
    """Add an authenticator app, whose first code proves that it has the key. Returns new recovery codes, if there were none. Raises: InputInvalid."""
    _lock(user)
    if factors_of(user).filter(type=Authenticator.Type.TOTP).exists():
        raise InputInvalid({"code": ["This account has an authenticator app already. Remove it first."]})
    try:
        step = step_used(key, code, after=0, now=now)
    except ValidationError as exc:
        raise InputInvalid({"code": list(exc.messages)}) from exc
    factor = TOTP.activate(user, key).instance
    factor.data |= {"name": name, "step": step}
    factor.save(update_fields=["data"])
    return _added(actor, user, factor, now)


@transaction.atomic
def passkey_add(*, actor: Actor, user: User, name: str, credential: dict[str, Any], now: datetime) -> list[str]:
    """Add a passkey, whose credential was checked. Returns new recovery codes, if there were none."""
    _lock(user)
    return _added(actor, user, WebAuthn.add(user, name, credential).instance, now)


def _added(actor: Actor, user: User, factor: Authenticator, now: datetime) -> list[str]:
    _record(actor, user, "person.factor-added", _detail(factor), now)
    has_codes = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).exists()
    return [] if has_codes else recovery_codes_make(actor=actor, user=user, now=now)


@transaction.atomic
def factor_rename(*, actor: Actor, factor: Authenticator, name: str, now: datetime) -> None:
    held = Authenticator.objects.select_for_update().get(pk=factor.pk)
    before = _detail(held)
    held.data["name"] = name
    held.save(update_fields=["data"])
    _record(actor, held.user, "person.factor-renamed", _detail(held) | {"name_before": before["name"]}, now)


@transaction.atomic
def factor_remove(*, actor: Actor, factor: Authenticator, now: datetime) -> None:
    """Remove a second factor. Recovery codes go with the last one. Raises: InputInvalid, if a role requires one and it is the last."""
    user = _lock(factor.user)
    if not factors_of(user).exclude(pk=factor.pk).exists():
        if roles := list(requires_factor().filter(role__user=user).values_list("role__name", flat=True)):
            raise InputInvalid(
                {"factor": [f"This is your last second factor, and your role {roles[0]} requires one. Add another one first."]}
            )
        Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    factor.delete()
    _record(actor, user, "person.factor-removed", _detail(factor), now)


@transaction.atomic
def recovery_codes_make(*, actor: Actor, user: User, now: datetime) -> list[str]:
    """Make ten recovery codes. Earlier ones end. No other answer has them. Raises: InputInvalid, if there is no second factor."""
    _lock(user)
    if not factors_of(user).exists():
        raise InputInvalid({"codes": ["Recovery codes replace a lost second factor, and there is none. Add one first."]})
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    _record(actor, user, "person.recovery-codes-made", {"codes": len(codes)}, now)
    return codes


def factors_delete(user: User) -> list[str]:
    """Remove all second factors of an account. The caller records it. Returns their kinds."""
    kinds = factor_kinds(user)
    Authenticator.objects.filter(user=user).delete()
    return kinds


def _detail(factor: Authenticator) -> dict[str, str]:
    return {"kind": KINDS[factor.type], "name": factor.data["name"]}


def _lock(user: User) -> User:
    """Changes of one person's factors take turns."""
    return User.objects.select_for_update().get(pk=user.pk)


def _record(actor: Actor, user: User, action: str, detail: dict[str, Any], now: datetime) -> None:
    record(actor=actor, action=action, target=user.person, detail=detail, now=now)


def grouped(codes: Sequence[str]) -> list[str]:
    """Codes in groups of four, which are easier to type."""
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]
