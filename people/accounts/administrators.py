"""Administrators: making the first one, and resetting a lost password."""

import secrets
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model

from agent.files import replace
from audit.actors import Actor
from audit.record import record
from people.factors.services import factors_delete
from people.models import ApiToken, Person
from people.roles.groups import role_give, root_admins
from people.roles.registry import Role
from pki.core.commands import QMC
from web.errors import InputInvalid

FIRST = "admin"
MOST_NAMED = 5
RESET = f"{QMC} reset_admin"


def administrators() -> list[str]:
    """The names of all active accounts with the role RootAdmin."""
    return list(root_admins().order_by("username").values_list("username", flat=True))


def password_file_of(name: str) -> Path:
    """The path of the file with the random password of `name`."""
    return settings.SECRETS_DIR / f"{name}-password"


def sign_in_words() -> str:
    """The administrators, and where their passwords are, as far as this machine knows."""
    found = administrators()
    if not found:
        return f"there is no administrator. Make one: {RESET} {FIRST}"
    with_file = [name for name in found if password_file_of(name).exists()]
    if with_file:
        return f"user {with_file[0]}, password in {password_file_of(with_file[0])}"
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"user {', '.join(found[:MOST_NAMED])}{more}, with the password set before. Lost password: {RESET} {found[0]}"


def administrator_make(*, name: str, password_file: Path | None, zone: Model, actor: Actor, now: datetime) -> bool:
    """Make the first administrator of `zone`, if there is none. Returns whether one was made. Raises: InputInvalid, OSError."""
    if User.objects.filter(groups__name=Role.ROOT_ADMIN).exists():
        return False
    _write(name, password_file, zone=zone, actor=actor, now=now, action="administrator.created")
    return True


def administrator_reset(
    *, name: str | None, password_file: Path | None, zone: Model, actor: Actor, now: datetime
) -> tuple[str, Path, bool, int]:
    """Set a new password for an administrator, or make the account. Its sessions end.

    Returns the name, the file that has the password, whether the account is new, and how many API tokens of that account still work.
    Raises: InputInvalid, OSError.
    """
    if name is None:
        found = administrators()
        if len(found) > 1:
            raise InputInvalid({"name": [f"There are several administrators: {', '.join(found)}. Name one: {RESET} {found[0]}"]})
        name = found[0] if found else FIRST
    is_new = not User.objects.filter(username=name).exists()
    file = _write(name, password_file, zone=zone, actor=actor, now=now, action="administrator.reset")
    return name, file, is_new, ApiToken.objects.filter(user__username=name).count()


def _write(name: str, password_file: Path | None, *, zone: Model, actor: Actor, now: datetime, action: str) -> Path:
    """Set the password, and remove second factors. The sessions end, because Django binds them to the password."""
    user = User.objects.filter(username=name).first() or User(username=name)
    before = user.pk is not None
    user.is_active = True
    file = password_file or password_file_of(name)
    try:
        user.clean_fields(exclude=["password"])
        if password_file is None:  # before the account: otherwise an error here leaves an account whose password nobody has
            replace(file, secrets.token_urlsafe(32).encode(), shared=False)
        password = file.read_text().strip()
        validate_password(password, user)
    except UnicodeDecodeError as exc:
        raise InputInvalid({"password": [f"{file} is not text. Nothing was changed."]}) from exc
    except ValidationError as exc:
        raise InputInvalid({"name": [f"{name[:80]}: {text} Nothing was changed." for text in exc.messages]}) from exc
    user.set_password(password)
    with transaction.atomic():
        user.save()
        role_give(user, Role.ROOT_ADMIN)
        Person.objects.filter(user=user).update(password_is_written=password_file is None)
        record(actor=actor, action=action, target=zone, detail={"name": name, "existed": before}, now=now)
        if removed := factors_delete(user):
            record(actor=actor, action="person.second-factors-reset", target=user.person, detail={"removed": removed}, now=now)
    if password_file is not None and file != password_file_of(name):
        password_file_of(name).unlink(missing_ok=True)  # it has the previous password
    return file
