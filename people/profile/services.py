"""What people change about their own account."""

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from people.accounts.administrators import password_file_of
from people.models import DateForm, Person, Theme
from web.errors import InputInvalid
from web.time_zones import time_zone_problem


def password_change(*, user: User, password: str, now: datetime) -> str:
    """Set a new password of one's own. All other sessions end. A password file that the console wrote is deleted.

    Returns what remains to be done by hand, "" if nothing does. Raises: InputInvalid.
    """
    if user.check_password(password):
        raise InputInvalid({"password": ["This is your present password. Choose another one."]})
    try:
        validate_password(password, user)
    except ValidationError as exc:
        raise InputInvalid({"password": list(exc.messages)}) from exc
    with transaction.atomic():
        person = Person.objects.select_for_update().get(user=user)
        user.set_password(password)
        user.save(update_fields=["password"])
        written = person.password_is_written
        person.password_is_written = False
        person.save(update_fields=["password_is_written"])
        record(actor=Actor("user", user.get_username(), user), action="person.password-set", target=person, detail={}, now=now)
    return _file_delete(user) if written else ""


def appearance_change(*, user: User, time_zone: str | None = None, date_form: str | None = None, theme: str | None = None) -> None:
    """Set how pages look to this person. None leaves a value as it is. It is no event: nobody else sees a difference.

    Raises: InputInvalid.
    """
    given = {"time_zone": time_zone, "date_form": date_form, "theme": theme}
    values = {name: value for name, value in given.items() if value is not None}
    errors = {}
    if time_zone and (problem := time_zone_problem(time_zone)):
        errors["time_zone"] = [problem]
    for name, choices in (("date_form", DateForm), ("theme", Theme)):
        if values.get(name, choices.values[0]) not in choices.values:
            errors[name] = [f"This choice does not exist. Use one of: {', '.join(choices.values)}."]
    if errors:
        raise InputInvalid(errors)
    Person.objects.filter(user=user).update(**values)


def _file_delete(user: User) -> str:
    file = password_file_of(user.get_username())
    try:
        file.unlink(missing_ok=True)
    except OSError as exc:
        return f"{file} still has the first password, and cannot be deleted here ({exc.strerror}). Delete it by hand."
    return ""


@transaction.atomic
def session_end(*, user: User, pk: int, now: datetime) -> bool:
    """End one session of one's own. Returns whether it existed."""
    row = UserSession.objects.filter(user=user, pk=pk).first()
    if row is None:
        return False
    Session.objects.filter(session_key=row.session_key).delete()
    row.delete()
    record(actor=Actor("user", user.get_username(), user), action="person.signed-out", target=user.person, detail={"sessions": 1}, now=now)
    return True
