"""People: create, change, deactivate, sign out."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from people.accounts.links import link_end, link_make, person_of_link
from people.factors.services import factors_delete
from people.models import ApiToken, Person
from people.roles.groups import root_admins
from people.roles.registry import Role
from web.errors import InputInvalid

PERMISSION = "people.change_person"
LONGEST_NAME = 100
TAKEN = "There is already an account with this name, or one that differs only by case. Choose another name."


def roles_of(user: User) -> list[Role]:
    """The roles of an account, the mightiest first. It uses groups that were prefetched."""
    held = {group.name for group in user.groups.all()}
    return [role for role in Role if role in held]


@transaction.atomic
def person_create(
    *, actor: Actor, username: str, roles: Collection[str] = (), is_service: bool = False, now: datetime
) -> tuple[Person, str]:
    """Create an account. Returns it, and the path of the one-time link, "" for a service account. Raises: PermissionRefused, InputInvalid."""
    person = account_make(
        actor=actor, username=username, roles=roles, is_service=is_service, detail={"service_account": is_service}, now=now
    )
    return person, "" if is_service else link_make(person, now=now)


@transaction.atomic
def account_make(
    *, actor: Actor, username: str, roles: Collection[str], is_service: bool = False, detail: Mapping[str, object], now: datetime
) -> Person:
    """Create an account without a password and without a link. Raises: PermissionRefused, InputInvalid."""
    actor.require(PERMISSION)
    problem = TAKEN if name_taken(username) else name_problem(username)
    errors = ({"username": [problem]} if problem else {}) | _role_errors(roles)
    if errors:
        raise InputInvalid(errors)
    user = User(username=username)
    user.set_unusable_password()
    user.save()
    person = user.person
    person.is_service = is_service
    person.save(update_fields=["is_service"])
    user.groups.set(Group.objects.filter(name__in=roles))
    record(actor=actor, action="person.created", target=person, detail={"roles": sorted(roles), **detail}, now=now)
    return person


@transaction.atomic
def person_change(
    *, actor: Actor, person: Person, roles: Collection[str] | None = None, is_active: bool | None = None, now: datetime
) -> Person:
    """Change roles, deactivate or activate. A deactivated person is signed out, and their tokens are refused.

    Raises: PermissionRefused; InputInvalid, also if nobody would be RootAdmin.
    """
    actor.require(PERMISSION)
    held = person_held(person)
    user, detail = held.user, dict[str, object]()
    if roles is not None:
        if errors := _role_errors(roles) | _provider_role_errors(held, roles):
            raise InputInvalid(errors)
        before = roles_of(user)
        if set(before) != set(roles):
            user.groups.remove(*Group.objects.filter(name__in=set(before) - set(roles)))
            user.groups.add(*Group.objects.filter(name__in=roles))
            detail |= {"roles": sorted(roles), "roles_before": sorted(before)}
    if is_active is not None and is_active != user.is_active:
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        detail["is_active"] = is_active
        if not is_active:
            sessions_end(user)
            link_end(held)
    if detail:
        _root_admin_required("roles" if roles is not None else "is_active")
        record(actor=actor, action="person.changed", target=held, detail=detail, now=now)
    return held


@transaction.atomic
def person_sign_out(*, actor: Actor, person: Person, now: datetime) -> int:
    """End all sessions of a person. Tokens stay. Returns how many sessions ended. Raises: PermissionRefused."""
    actor.require(PERMISSION)
    ended = sessions_end(person_held(person).user)
    record(actor=actor, action="person.signed-out", target=person, detail={"sessions": ended}, now=now)
    return ended


@transaction.atomic
def person_factors_reset(*, actor: Actor, person: Person, now: datetime) -> list[str]:
    """Remove all second factors of a person, and end the sessions. Returns the kinds that were removed. Raises: PermissionRefused, InputInvalid."""
    actor.require(PERMISSION)
    held = person_held(person)
    removed = factors_delete(held.user)
    if not removed:
        raise InputInvalid({"person": [f"{held} has no second factor."]})
    sessions_end(held.user)
    record(actor=actor, action="person.second-factors-reset", target=held, detail={"removed": removed}, now=now)
    return removed


@transaction.atomic
def person_link(*, actor: Actor, person: Person, now: datetime) -> str:
    """Make another one-time link. The password stays until the link is used. Returns its path. Raises: PermissionRefused, InputInvalid."""
    actor.require(PERMISSION)
    held = person_held(person)
    if held.is_service or not held.user.is_active:
        raise InputInvalid(
            {"person": [f"{held} cannot sign in, so a link would be useless. Activate the account first, or create a person."]}
        )
    record(actor=actor, action="person.link-made", target=held, detail={}, now=now)
    return link_make(held, now=now)


@transaction.atomic
def link_use(*, secret: str, password: str, now: datetime) -> Person | None:
    """Set the password with a one-time link, which ends. All sessions end, too. Returns None if the link does not work. Raises: InputInvalid."""
    person = person_of_link(secret, now=now, lock=True)
    if person is None:
        return None
    try:
        validate_password(password, person.user)
    except ValidationError as exc:
        raise InputInvalid({"password": list(exc.messages)}) from exc
    person.user.set_password(password)
    person.user.save(update_fields=["password"])
    Person.objects.filter(pk=person.pk).update(password_is_written=False)
    link_end(person)
    sessions_end(person.user)
    record(actor=Actor("user", person.user.get_username(), person.user), action="person.password-set", target=person, detail={}, now=now)
    return person


def sessions_end(user: User) -> int:
    """End all sessions of an account. Returns how many."""
    keys = list(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
    UserSession.objects.filter(user=user).delete()
    return Session.objects.filter(session_key__in=keys).delete()[0]


def tokens_of(person: Person) -> "Sequence[ApiToken]":
    return list(ApiToken.objects.usable().filter(user=person.user).order_by("name", "pk"))


def people_lock() -> None:
    """Changes of people take turns, so that two cannot remove the last two RootAdmins at once."""
    Group.objects.select_for_update().get_or_create(name=Role.ROOT_ADMIN)


def person_held(person: Person) -> Person:
    """The row, locked."""
    people_lock()
    return Person.objects.select_related("user").select_for_update(of=("self",)).get(pk=person.pk)


def _root_admin_required(field: str) -> None:
    """Raises: InputInvalid, if nobody who can sign in has the role RootAdmin any more."""
    if not _root_admins_with_password():
        raise InputInvalid(
            {field: ["This is the last person with the role RootAdmin who can sign in. Give the role to another person first."]}
        )


def _root_admins_with_password() -> list[User]:
    """They can sign in while no provider answers."""
    return [user for user in root_admins().filter(person__is_service=False) if user.has_usable_password()]


def is_last_root_admin(user: User) -> bool:
    return _root_admins_with_password() == [user]


def _provider_role_errors(held: Person, roles: Collection[str]) -> dict[str, list[str]]:
    if lost := [role for role in held.provider_roles if role not in roles]:
        text = f"Groups of the provider give {held} the role {lost[0]} at each sign-in. Change the groups there, or remove the link with the provider."
        return {"roles": [text]}
    return {}


def _role_errors(roles: Collection[str]) -> dict[str, list[str]]:
    if unknown := [role for role in roles if role not in list(Role)]:
        return {"roles": [f"“{unknown[0][:40]}” is not a role. The roles are: {', '.join(Role)}."]}
    return {}


def name_taken(name: str) -> bool:
    return User.objects.filter(username__iexact=name).exists()


def name_problem(name: str) -> str:
    """Why a new account cannot have this name; "" if it can."""
    text = ""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        text = f"A user name has 1 to {LONGEST_NAME} printable characters, and no spaces at its start or end."
    elif unicodedata.normalize("NFKC", name) != name:
        text = f"This name can be written in two ways. Use “{unicodedata.normalize('NFKC', name)}”."
    elif len(scripts := _scripts(name)) > 1:
        text = f"The letters of this name are of several scripts ({', '.join(sorted(scripts))}), so it could be mistaken for another one. Use one script."
    else:
        try:
            User.username_validator(name)
        except ValidationError:
            text = "A user name has letters, digits and @ . + - _ only."
    return text


def _scripts(name: str) -> set[str]:
    """The scripts of the letters, such as Latin: the first word of the Unicode name of a letter."""
    return {unicodedata.name(letter, "unknown").split()[0].capitalize() for letter in name if letter.isalpha()}
