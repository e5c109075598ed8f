"""The secrets on a machine besides its certificates, whether each was replaced since, and where to replace it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

from django.db.models import Count, Min, Q
from django.urls import reverse

from audit.actors import Actor
from certs.certificates.issuer import issuing_root
from certs.database_key.services import database_keys
from certs.models import Certificate, Export, Rotation
from certs.roots.services import cluster_in_force
from certs.states import DatabaseKeyStatus
from nodes.models import BrowserCertificate, Connection, Node
from nodes.rotations.services import PERMISSION, blocked_reason
from nodes.states import NodeState
from pki.core.commands import QMC
from sealing.errors import ZoneBroken, ZoneMissing

DECOMMISSION_FIRST = "Decommission the machine first, because a registered node gets every new secret."
NEW_ROOT = "Make a new root, which also replaces the cluster certificate. Then give each deployment the new public key."
DATABASE_KEY, PASSWORDS, CLUSTER_KEY = (
    "Database key",
    "Passwords of connections",
    "Private key of the cluster certificate (QlikServiceCluster)",
)
KEY, ROOT = Rotation.Kind.DATABASE_KEY, Rotation.Kind.ROOT


@dataclass(frozen=True)
class Secret:
    """A secret that was exposed, and how to replace it; `replaced` is None if this site cannot know it."""

    name: str
    text: str
    remedy: str
    replaced: bool | None = False
    place: Callable[[], str] = str
    button: str = ""

    @cached_property
    def url(self) -> str:
        """Where it can be replaced; empty if it cannot be replaced now, or not in the console. Found only for pages that show it."""
        return self.place()


def secrets_begun() -> dict[str, datetime | None]:
    """The secrets that every node knows, with the start of their use (for passwords, of the oldest); None for a secret that is not in use."""
    writing = next((version for version in database_keys() if version.status == DatabaseKeyStatus.WRITING), None)
    oldest = Connection.objects.exclude(password=None).aggregate(at=Min("changed_at"))["at"]
    try:
        cluster = cluster_in_force(issuing_root())
    except (ZoneMissing, ZoneBroken):
        cluster = None
    passwords = {PASSWORDS: oldest} if oldest else {}
    return {DATABASE_KEY: writing.created_at if writing else None, **passwords, CLUSTER_KEY: cluster.created_at if cluster else None}


def _is_replaced(begun: datetime | None, since: datetime) -> bool:
    return begun is not None and begun >= since


def secrets_not_replaced(nodes: Collection[Node]) -> list[tuple[Node, list[str]]]:
    """Which of `nodes`, all decommissioned and with certificates once, know what was not replaced since, by name; a fixed number of queries."""
    begun = secrets_begun()
    found = [(node, [name for name, at in begun.items() if not _is_replaced(at, node.state_since)]) for node in nodes]
    return [(node, names) for node, names in found if names]


def secrets_of_node(node: Node, *, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """The secrets of a node that has had certificates; `since` is when the machine was lost or decommissioned."""
    if not Certificate.objects.listed().filter(holder_id=node.pk).exists():
        return []
    first = "" if node.state == NodeState.DECOMMISSIONED else DECOMMISSION_FIRST
    found = secrets_of_every_node(since=since, first=first, actor=actor, now=now)
    browser = BrowserCertificate.objects.of_thumbprint(node.browser_thumbprint).first()
    if browser is not None:
        place = partial(_if_may, "nodes.view_browsercertificate", reverse("browser_certificates:detail", args=[browser.pk]), actor)
        remedy = "Ask its certificate authority to revoke it, and upload a new certificate with a new key."
        found.append(Secret(f"Browser certificate {browser}", "Its private key is in the node's store.", remedy, None, place, "Show"))
    return found


def secrets_of_every_node(*, since: datetime, first: str, cluster: str = "", actor: Actor, now: datetime) -> list[Secret]:
    """The secrets of every registered node; `first` precedes the remedy for secrets that nodes receive, `cluster` replaces that for the cluster key."""
    begun = secrets_begun()
    return [
        _database_key(begun, since, first, actor, now),
        *_connections(begun, since, actor),
        _cluster_key(begun, since, cluster or f"{NEW_ROOT} {first}".strip(), actor, now),
        Secret(
            "API tokens", "A token gives the rights of its user until it is revoked.",
            f"Revoke each token with `{QMC} revoke_token USER --name NAME`, and create new ones with `{QMC} create_token`. The expiry page lists them.",
            None, partial(_if_may, "certs.view_certificate", reverse("expiry"), actor), "Show tokens",
        ),
    ]  # fmt: skip


def secrets_of_export(export: Export, *, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """The secrets in the files of an export, besides its certificates."""
    return [_database_key(secrets_begun(), since, "", actor, now)] if export.include_secrets_key else []


def secrets_kept(node: Node, *, actor: Actor, now: datetime) -> list[Secret]:
    """The secrets of a decommissioned node; empty for any other node."""
    if node.state != NodeState.DECOMMISSIONED:
        return []
    return secrets_of_node(node, since=node.state_since, actor=actor, now=now)


def _if_may(permission: str, url: str, actor: Actor) -> str:
    return url if actor.has_perm(permission) else ""


def _start(kind: Rotation.Kind, url: str, actor: Actor, now: datetime) -> str:
    """The address of the page that starts a rotation, if it can start now and `actor` may start it; else ""."""
    return reverse(url) if actor.has_perm(PERMISSION[kind]) and not blocked_reason(kind, now=now) else ""


def _database_key(begun: Mapping[str, datetime | None], since: datetime, first: str, actor: Actor, now: datetime) -> Secret:
    return Secret(
        DATABASE_KEY, "It decrypts the passwords of connections, in the database and in every backup.",
        f"Make a new database key. {first}".strip(), _is_replaced(begun[DATABASE_KEY], since),
        partial(_start, KEY, "database_key:rotate", actor, now), "New database key…",
    )  # fmt: skip


def _connections(begun: Mapping[str, datetime | None], since: datetime, actor: Actor) -> Iterator[Secret]:
    if PASSWORDS not in begun:
        return
    kept = Connection.objects.exclude(password=None).order_by()
    found = kept.aggregate(old=Count("pk", filter=Q(changed_at__lt=since)), total=Count("pk"))
    yield Secret(
        PASSWORDS, f"Each node can read them. {found['old']} of {found['total']} passwords have not been changed since.",
        "Change each password at its data source, then here. A new database key does not change them.", _is_replaced(begun[PASSWORDS], since),
        partial(_if_may, "nodes.view_connection", reverse("connections:list"), actor), "Show connections",
    )  # fmt: skip


def _cluster_key(begun: Mapping[str, datetime | None], since: datetime, remedy: str, actor: Actor, now: datetime) -> Secret:
    return Secret(
        CLUSTER_KEY, "It signs tokens that deployments accept.",
        remedy,
        _is_replaced(begun[CLUSTER_KEY], since), partial(_start, ROOT, "roots:rotate", actor, now), "New root…",
    )  # fmt: skip
