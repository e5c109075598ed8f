"""Passkeys (WebAuthn): what the browser is asked, and checks of its answer."""

import ipaddress
from typing import Any

from allauth.mfa.webauthn.internal import auth
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

# What a credential of a wrong shape raises in fido2, which reads it before any check.
MALFORMED = (TypeError, ValueError, KeyError, AttributeError, IndexError)
REFUSED = "This passkey was not accepted. Try again. If it stays so, use another second factor."


def name_of(request: HttpRequest) -> str:
    """The host of the console as this browser knows it, without the port."""
    host = request.get_host()
    return (host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host).strip("[]")


def possible_at(request: HttpRequest) -> bool:
    """Whether the console was opened by a name: passkeys belong to one, and WebAuthn refuses IP addresses."""
    try:
        ipaddress.ip_address(name_of(request))
    except ValueError:
        return True
    return False


def creation_options(user: User) -> dict[str, Any]:
    """What the browser is asked for a new passkey. It knows its person (PIN, finger, face), so that it can replace the password."""
    options: dict[str, Any] = auth.begin_registration(user, passwordless=True)
    return options


def credential_checked(credential: Any) -> dict[str, Any]:
    """The credential of a new passkey. Raises: ValidationError."""
    try:
        auth.parse_registration_response(credential)
        auth.complete_registration(credential)
    except MALFORMED as exc:
        raise ValidationError(REFUSED, "passkey") from exc
    return dict(credential)


def owner_of(credential: Any) -> User:
    """The account that a passkey names. Nothing is proved yet. Raises: ValidationError."""
    try:
        auth.parse_authentication_response(credential)
        owner: User = auth.extract_user_from_response(credential)
    except MALFORMED as exc:
        raise ValidationError(REFUSED, "passkey") from exc
    return owner
