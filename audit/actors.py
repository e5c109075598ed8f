"""Who does something: a person, a token, a node, or the system itself."""

from dataclasses import dataclass
from typing import Protocol


class PermissionHolder(Protocol):
    """What an actor needs of a user account."""

    def has_perm(self, perm: str) -> bool: ...


class PermissionRefused(Exception):
    """The actor may not do this."""

    def __init__(self, actor: "Actor", permission: str) -> None:
        super().__init__(f"{actor.label} lacks the permission {permission}. Ask an administrator to grant it.")
        self.permission = permission


@dataclass(frozen=True)
class Actor:
    """The one who acts. `user` answers for permissions; the system itself may do everything, a node nothing."""

    kind: str
    name: str
    user: PermissionHolder | None = None

    @property
    def label(self) -> str:
        return self.name if self.kind in ("user", "system") else f"{self.kind} {self.name}"

    def has_perm(self, permission: str) -> bool:
        if self.kind == "system":
            return True
        return self.user is not None and self.user.has_perm(permission)

    def require(self, permission: str) -> None:
        """Raises: PermissionRefused."""
        if not self.has_perm(permission):
            raise PermissionRefused(self, permission)


SYSTEM = Actor("system", "system")


def system_for(label: str) -> Actor:
    """The system at work on what `label` asked for, so that the log names both."""
    return Actor("system", label if label.startswith("system") else f"system for {label}")
