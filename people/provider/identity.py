"""Who a person of the provider is here, and which roles the groups give. An identity is the issuer and the subject, never a name."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.db import transaction

from audit.actors import Actor, system_for
from audit.record import record
from people.accounts.services import account_make, is_last_root_admin, name_problem, name_taken, people_lock, person_held, roles_of
from people.models import Person
from people.provider.failures import SignInFailed
from people.provider.models import IdentityProvider
from people.provider.tokens import Claims
from people.roles.registry import Role


@dataclass(frozen=True)
class RolePlan:
    """How the roles of a person change. `given`: those of the provider afterwards. `kept`: what the last RootAdmin does not lose."""

    given: list[Role]
    added: list[Role]
    removed: list[Role]
    kept: list[Role]

    def after(self, held: Collection[Role]) -> list[Role]:
        return [role for role in Role if role in {*held, *self.added} - {*self.removed}]


def provider_actor(row: IdentityProvider) -> Actor:
    return system_for(f"the provider {row.name}")


def roles_mapped(row: IdentityProvider, groups: Collection[str]) -> list[Role]:
    """The roles of these groups."""
    names = {one["role"] for one in row.roles if one["group"] in groups}
    return [role for role in Role if role in names]


def person_of(row: IdentityProvider, subject: str) -> Person | None:
    found = SocialAccount.objects.filter(provider=row.issuer, uid=subject).first()
    return found.user.person if found else None


def role_plan(person: Person, mapped: Collection[Role]) -> RolePlan:
    """Roles that a RootAdmin gave stay. Those that the groups gave before, and no longer give, are removed."""
    held = roles_of(person.user)
    before = [role for role in held if role in person.provider_roles]
    removed = [role for role in before if role not in mapped]
    kept: list[Role] = [role for role in removed if role is Role.ROOT_ADMIN and is_last_root_admin(person.user)]
    given = [role for role in Role if role in kept or (role in mapped and (role in before or role not in held))]
    return RolePlan(given, [role for role in given if role not in held], [role for role in removed if role not in kept], kept)


def refusal(row: IdentityProvider, claims: Claims, person: Person | None, roles: Collection[Role]) -> SignInFailed | None:
    """Why this person may not sign in, if they would have `roles`."""
    failed = partial(SignInFailed, groups=claims.groups, identifier=claims.subject)
    if person is not None:
        if not person.user.is_active:
            return failed("deactivated", f"{person} is deactivated. Activate the account on its page.")
        return None if roles else _no_role(row, claims)
    if not row.creates_people:
        detail = f"No account is linked with the identifier {claims.subject}, and the settings create nobody. Link an account on its page."
        return failed("unknown-person", detail)
    if not roles:
        return _no_role(row, claims)
    if name_taken(claims.name):
        detail = (
            f"There is an account {claims.name}. Link it with the identifier {claims.subject} on its page, or change one of the two names."
        )
        return failed("name-taken", detail)
    if problem := name_problem(claims.name):
        given = f"The claim {row.name_claim} is “{claims.name}”." if claims.name else f"There is no claim {row.name_claim} with a name."
        return failed("name-unusable", f"{given} {problem} Name another claim in the settings.")
    return None


def _no_role(row: IdentityProvider, claims: Claims) -> SignInFailed:
    seen = (
        f"The claim {row.groups_claim} has: {', '.join(claims.groups)[:500]}."
        if claims.groups
        else f"The claim {row.groups_claim} has no groups."
    )
    remedy = claims.remark or "Give one of the groups a role in the settings, or change the groups at the provider."
    return SignInFailed("no-role", f"{seen} {remedy}", groups=claims.groups, identifier=claims.subject)


def person_sign_in(row: IdentityProvider, claims: Claims, *, now: datetime) -> Person:
    """The person of an identity, with the roles of the groups. A new person is created. Raises: SignInFailed."""
    mapped = roles_mapped(row, claims.groups)
    with transaction.atomic():
        people_lock()  # two sign-ins of one new person take turns
        person = person_of(row, claims.subject)
        if person is None:
            if exc := refusal(row, claims, None, mapped):
                raise exc
            return _created(row, claims, mapped, now=now)
        if person.user.is_active:
            roles_follow(row, person_held(person), mapped, now=now)
    # Outside: the roles that the groups no longer give are gone, even if the sign-in is refused for it.
    if exc := refusal(row, claims, person, roles_of(person.user)):
        raise exc
    return person


def _created(row: IdentityProvider, claims: Claims, mapped: list[Role], *, now: datetime) -> Person:
    detail = {"provider": row.name, "identifier": claims.subject, "groups": groups_of(row, claims.groups)}
    person = account_make(actor=provider_actor(row), username=claims.name, roles=mapped, detail=detail, now=now)
    person.provider_roles = [*mapped]
    person.save(update_fields=["provider_roles"])
    SocialAccount.objects.create(user=person.user, provider=row.issuer, uid=claims.subject)
    return person


def groups_of(row: IdentityProvider, groups: Collection[str]) -> list[str]:
    """Those of the groups that have a role."""
    return sorted({one["group"] for one in row.roles if one["group"] in groups})


def roles_follow(row: IdentityProvider, held: Person, mapped: Collection[Role], *, now: datetime) -> None:
    """Change the roles of a person, whose row is locked, as the groups say."""
    user, before = held.user, roles_of(held.user)
    plan = role_plan(held, mapped)
    if plan.added or plan.removed:
        user.groups.remove(*Group.objects.filter(name__in=plan.removed))
        user.groups.add(*Group.objects.filter(name__in=plan.added))
        detail = {"roles": sorted(plan.after(before)), "roles_before": sorted(before), "provider": row.name}
        record(actor=provider_actor(row), action="person.changed", target=held, detail=detail, now=now)
    if held.provider_roles != plan.given:
        held.provider_roles = [*plan.given]
        held.save(update_fields=["provider_roles"])
