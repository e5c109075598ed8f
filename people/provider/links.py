"""Links of people with their identity at the provider: made by the person, or by a RootAdmin."""

from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from people.accounts.services import PERMISSION, person_held, sessions_end
from people.models import Person
from people.provider.identity import person_of, roles_follow
from people.provider.models import IdentityProvider, provider_current
from people.provider.tokens import LONGEST_SUBJECT
from web.errors import InputInvalid

NONE = "No provider is configured. Save one in the settings first."


def links_of(user: User) -> list[SocialAccount]:
    return list(SocialAccount.objects.filter(user=user).order_by("pk"))


def link_own(*, user: User, row: IdentityProvider, subject: str, now: datetime) -> None:
    """A person links their own account with the identity that they just proved. Raises: InputInvalid."""
    _link(Actor("user", user.get_username(), user), user.person, row, subject, now=now)


def link_by_administrator(*, actor: Actor, person: Person, identifier: str, now: datetime) -> None:
    """Raises: PermissionRefused, InputInvalid."""
    actor.require(PERMISSION)
    row = provider_current()
    if row is None:
        raise InputInvalid({"identifier": [NONE]})
    _link(actor, person, row, identifier, now=now)


@transaction.atomic
def _link(actor: Actor, person: Person, row: IdentityProvider, subject: str, *, now: datetime) -> None:
    held = person_held(person)
    if held.is_service:
        raise InputInvalid({"identifier": [f"{held} is a service account. It cannot sign in."]})
    if not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable() or subject != subject.strip():
        raise InputInvalid(
            {"identifier": [f"An identifier has 1 to {LONGEST_SUBJECT} printable characters, and no spaces at its start or end."]}
        )
    other, links = person_of(row, subject), SocialAccount.objects.filter(user=held.user, provider=row.issuer)
    if other is not None and other.pk != held.pk:
        raise InputInvalid({"identifier": [f"This identity is linked with {other}. Remove that link first."]})
    if links.exclude(uid=subject).exists():
        raise InputInvalid({"identifier": [f"{held} is linked with another identity. Remove that link first."]})
    if not links.exists():
        SocialAccount.objects.create(user=held.user, provider=row.issuer, uid=subject)
        detail = {"provider": row.name, "issuer": row.issuer, "identifier": subject}
        record(actor=actor, action="person.linked", target=held, detail=detail, now=now)


def link_remove_own(*, user: User, now: datetime) -> None:
    """A person removes the link of their own account. Raises: InputInvalid."""
    if not user.has_usable_password():
        raise InputInvalid(
            {"person": ["You have no password, so you could not sign in any more. Ask a RootAdmin for a one-time link first."]}
        )
    _unlink(Actor("user", user.get_username(), user), user.person, now=now)


def link_remove(*, actor: Actor, person: Person, now: datetime) -> None:
    """Raises: PermissionRefused."""
    actor.require(PERMISSION)
    _unlink(actor, person, now=now)


@transaction.atomic
def _unlink(actor: Actor, person: Person, *, now: datetime) -> None:
    """Remove the links of a person, and the roles that the provider gave. Sessions end."""
    held, row = person_held(person), provider_current()
    if row is not None:
        roles_follow(row, held, [], now=now)
    had_roles, was_linked = bool(held.provider_roles), bool(SocialAccount.objects.filter(user=held.user).delete()[0])
    if had_roles:
        held.provider_roles = []  # the last RootAdmin keeps that role, from now on as if a RootAdmin had given it
        held.save(update_fields=["provider_roles"])
    if was_linked:
        sessions_end(held.user)
    if was_linked or had_roles:
        record(actor=actor, action="person.unlinked", target=held, detail={}, now=now)
