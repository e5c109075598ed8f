"""Roles, and the permissions that each of them has at first."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from audit.actors import roles_register


class Role(StrEnum):
    """A role of people and tokens. Each is a group of Django."""

    ROOT_ADMIN = "RootAdmin"
    SECURITY_ADMIN = "SecurityAdmin"
    DEPLOYMENT_ADMIN = "DeploymentAdmin"
    AUDIT_ADMIN = "AuditAdmin"
    VIEWER = "Viewer"


ROLES = [role.value for role in Role]
ABOUT = {
    Role.ROOT_ADMIN: "May do everything. Alone: people, tokens of others, settings, backups, and where alerts go.",
    Role.SECURITY_ADMIN: "Certificates, roots, keys, exports and browser certificates.",
    Role.DEPLOYMENT_ADMIN: "Nodes, connections and deployments.",
    Role.AUDIT_ADMIN: "Reads everything that is not secret, with the audit log. Changes nothing.",
    Role.VIEWER: "Reads states and expiry dates.",
}
READERS = (Role.SECURITY_ADMIN, Role.DEPLOYMENT_ADMIN, Role.AUDIT_ADMIN)
EVERYBODY = (*READERS, Role.VIEWER)

_registered: dict[str, tuple[Role, ...]] = {}
_about_accounts: set[str] = set()


def permissions_register(permissions: Mapping[str, tuple[Role, ...]], *, about_accounts: Iterable[str] = ()) -> None:
    """The roles that have each permission at first. RootAdmin has all. Raises: ValueError if a permission is registered twice.

    A token needs the scope `accounts` for those `about_accounts`, as for people and tokens.
    """
    _about_accounts.update(about_accounts)
    for permission, roles in permissions.items():
        if permission in _registered:
            raise ValueError(f"{permission} is registered twice")
        _registered[permission] = (Role.ROOT_ADMIN, *roles)


def is_about_accounts(permission: str) -> bool:
    return permission.startswith("people.") or permission in _about_accounts


def permissions_registered() -> dict[str, tuple[Role, ...]]:
    return dict(_registered)


@roles_register
def roles_with(permission: str) -> tuple[Role, ...]:
    """The roles that have `permission` at first, from the least mighty."""
    return tuple(reversed(_registered.get(permission, ())))
