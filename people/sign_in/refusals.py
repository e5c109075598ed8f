"""Refused changes of people and tokens in the audit log: one event in ten minutes for each account or token and permission."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from audit.actors import PermissionRefused
from audit.models import Outcome
from audit.record import record
from people.sign_in.guessing import first_of_ten_minutes
from web.middleware import address_of
from web.refusals import refusals_register

LONGEST_PATH = 200


@refusals_register
def record_refused(request: HttpRequest, exc: PermissionRefused) -> None:
    """A loop of refused requests writes one event."""
    user, now = exc.actor.user, timezone.now()
    if not isinstance(user, User):
        return
    if first_of_ten_minutes("refused", str(user.pk), exc.actor.label, exc.permission, now=now):
        detail = {
            "permission": exc.permission,
            "method": request.method,
            "path": request.path[:LONGEST_PATH],
            "address": address_of(request),
        }
        record(actor=exc.actor, action="permission.refused", target=user.person, detail=detail, outcome=Outcome.REFUSED, now=now)
