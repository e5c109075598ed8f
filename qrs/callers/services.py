"""Who calls on port 4242, by the client certificate, and what the caller may do."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from audit.actors import Actor
from certs.exports.role import export_role_of
from nodes.models import Node
from nodes.node_api.caller import caller_read
from nodes.observation.callers import is_replaced
from people.roles.models import permissions_of
from people.roles.registry import Role
from qrs.errors import CallerRefused

UNKNOWN = "This client certificate may not call here. Use the central node's own, or the one of an export to which a RootAdmin gave a role on its page in the console."
REPLACED = "This client certificate was replaced. Use the newest one of {}."


@dataclass(frozen=True)
class Caller:
    """Who acts. `own` is set if it is a node other than the central node, which reads its own status only."""

    actor: Actor
    own: Node | None = None


class RoleHolder:
    """Has the permissions of a role, as they are now."""

    def __init__(self, role: str) -> None:
        self.role = role

    @cached_property
    def permissions(self) -> frozenset[str]:
        return permissions_of(self.role)

    def has_perm(self, perm: str) -> bool:
        return perm in self.permissions


def caller_of(*, sha256: str, address: str, claimed: str, now: datetime) -> Caller:
    """The caller with an accepted client certificate. `claimed` is the user that it names, which is recorded only. Raises: CallerRefused, ExportRefused."""
    found = caller_read(sha256)
    if found is None:
        return _export(sha256, address, claimed, now)
    node = found.node
    if is_replaced(found.certificate_status, found.superseded_at, now=now):
        raise CallerRefused(REPLACED.format(node))
    name = _named(node.name, claimed)
    if node.is_central:
        return Caller(Actor("node", name, RoleHolder(Role.ROOT_ADMIN)))
    return Caller(Actor("node", name), own=node)


def _export(sha256: str, address: str, claimed: str, now: datetime) -> Caller:
    """The caller with the certificate of an export. Raises: CallerRefused, ExportRefused."""
    row = export_role_of(sha256=sha256, address=address, now=now)
    if row is None:
        raise CallerRefused(UNKNOWN)
    return Caller(Actor("export", _named(row.export.machine, claimed), row, row.limit))


def _named(name: str, claimed: str) -> str:
    """The name of the actor, with the user that the client names."""
    return f"{name} as {claimed}" if claimed else name
