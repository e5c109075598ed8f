"""Actors: a person, a token, a node, or the system itself."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

RolesOf = Callable[[str], Sequence[str]]
_roles_of: list[RolesOf] = []


def roles_register(roles_of: RolesOf) -> RolesOf:
    """Register the function that names the roles with a permission, the least mighty first."""
    _roles_of.append(roles_of)
    return roles_of


class PermissionHolder(Protocol):
    """The methods of a user account that an actor uses."""

    def has_perm(self, perm: str) -> bool: ...


class PermissionRefused(Exception):
    """The actor lacks a permission."""

    def __init__(self, actor: "Actor", permission: str) -> None:
        roles = [role for roles_of in _roles_of for role in roles_of(permission)]
        needed = f"the role {' or '.join(roles)}" if roles else f"the permission {permission}"
        limit = actor.limit(permission) if actor.limit else ""
        super().__init__(limit or f"{actor.label} may not do this. It needs {needed}. Ask a RootAdmin for it.")
        self.actor, self.permission = actor, permission


@dataclass(frozen=True)
class Actor:
    """The person, node or process that acts. `user` decides permissions. The system itself has every permission, a node has none.

    `limit` says why a permission of `user` may not be used here, and "" if it may. `token` is the id of the token that acts.
    """

    kind: str
    name: str
    user: PermissionHolder | None = None
    limit: Callable[[str], str] | None = None
    token: uuid.UUID | None = None

    @property
    def label(self) -> str:
        return self.name if self.kind in ("user", "system") else f"{self.kind} {self.name}"

    def has_perm(self, permission: str) -> bool:
        if self.kind == "system":
            return True
        if self.limit and self.limit(permission):
            return False
        return self.user is not None and self.user.has_perm(permission)

    def require(self, permission: str) -> None:
        """Raises: PermissionRefused."""
        if not self.has_perm(permission):
            raise PermissionRefused(self, permission)


SYSTEM = Actor("system", "system")


def system_for(label: str) -> Actor:
    """The system, working on a request of `label`. The log names both."""
    return Actor("system", label if label.startswith("system") else f"system for {label}")
