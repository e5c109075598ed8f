"""Codes of authenticator apps (RFC 6238) and recovery codes: each is used once."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from allauth.core.internal.cryptokit import compare_user_code, normalize_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from audit.actors import Actor
from audit.record import record
from people.sign_in.attempts import attempt
from pki.core import clocks

PERIOD, EARLY_OR_LATE, RECOGNIZED = 30, 1, timedelta(minutes=5)  # a code counts for its own period, and for one before and after
OTHER_WAYS = "Or use a passkey or a recovery code: these do not depend on a clock."


def code_use(*, request: HttpRequest, user: User, code: str, now: datetime) -> Authenticator:
    """Use a code of the authenticator app, or a recovery code. Returns its factor. Raises: ValidationError, which says what to do."""
    is_recovery = len(normalize_user_code(code)) == settings.MFA_RECOVERY_CODE_DIGITS
    with attempt(request, user, means="recovery code" if is_recovery else "totp", now=now):
        return _recovery_code_use(user, code, now) if is_recovery else _app_code_use(user, code, now)


@transaction.atomic
def _app_code_use(user: User, code: str, now: datetime) -> Authenticator:
    factor = Authenticator.objects.select_for_update().filter(user=user, type=Authenticator.Type.TOTP).first()
    if factor is None:
        raise ValidationError("This account has no authenticator app. Use a passkey or a recovery code.", "no-app")
    try:
        factor.data["step"] = step_used(decrypt(factor.data["secret"]), code, after=factor.data["step"], now=now)
    except ValidationError as exc:
        raise ValidationError(f"{exc.message} {OTHER_WAYS}", exc.code) from exc
    factor.save(update_fields=["data"])
    return factor


def step_used(secret: str, code: str, *, after: int, now: datetime) -> int:
    """The step whose code this is, later than the step `after`. Raises: ValidationError."""
    here = int(now.timestamp()) // PERIOD
    found = next(
        (step for step in _steps(here) if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step)))), None
    )
    if found is None:
        raise ValidationError(
            f"This code is wrong. Type the code that your app shows now. If it stays wrong, compare the clock of your phone with the clock of "
            f"the console, which shows {now:%H:%M:%S} UTC: they may differ by {PERIOD} seconds. Set the clock that is wrong.",
            "wrong",
        )
    if found <= after and after > here + EARLY_OR_LATE:
        raise ValidationError("The clock of the console was set back. Codes of an app are refused until it has caught up.", "clock")
    if found <= after:
        raise ValidationError(f"This code was used already. Wait until your app shows the next one, at most {PERIOD} seconds.", "used")
    if found < here - EARLY_OR_LATE:
        age = clocks.length(timedelta(seconds=(here - found) * PERIOD))
        raise ValidationError(
            f"This code is {age} old. Type the code that your app shows now. If this is that code, the clock of your phone is behind, or the "
            f"clock of the console ({now:%H:%M:%S} UTC) is ahead. Set the clock that is wrong.",
            "old",
        )
    return found


def _steps(here: int) -> Iterator[int]:
    """The steps whose codes are recognized, the likeliest first. A code of the future is not: that would say which codes come."""
    yield from range(here + EARLY_OR_LATE, here - int(RECOGNIZED.total_seconds()) // PERIOD - 1, -1)


@transaction.atomic
def _recovery_code_use(user: User, code: str, now: datetime) -> Authenticator:
    factor = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    codes = RecoveryCodes(factor) if factor else None
    if codes is None or not codes.validate_code(code):
        if codes and any(compare_user_code(actual=code, expected=one) for one in codes.generate_codes()):
            raise ValidationError("This recovery code was used already. Each one works once. Use another one.", "used")
        raise ValidationError("This recovery code is wrong. Compare it with your list, and check that the list is the newest.", "wrong")
    left = len(codes.get_unused_codes())
    record(
        actor=Actor("user", user.get_username(), user),
        action="person.recovery-code-used",
        target=user.person,
        detail={"left": left},
        now=now,
    )
    return codes.instance
