"""What whoever has a machine of the site knows beside its own certificates, whether it was replaced since, and where it is replaced."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from audit.actors import Actor
from certs.certificates.issuer import issuing_root
from certs.models import Certificate, DatabaseKey, Export, Rotation
from certs.roots.services import cluster_in_force
from nodes.models import BrowserCertificate, Connection, Node
from nodes.rotations.services import PERMISSION, blocked_reason
from nodes.states import NodeState
from sealing.errors import ZoneBroken, ZoneMissing

DECOMMISSION_FIRST = "Decommission the machine first: a registered node gets each new one."
NEW_ROOT = "Make a new root, which replaces the cluster certificate too; then give each deployment the new public key."
KEY, ROOT = Rotation.Kind.DATABASE_KEY, Rotation.Kind.ROOT


@dataclass(frozen=True)
class Secret:
    """One secret that is known, and how it is replaced; `replaced` is None where this site cannot see that.

    `url` is empty where it cannot be replaced now, or not in the console.
    """

    name: str
    text: str
    remedy: str
    replaced: bool | None = False
    url: str = ""
    button: str = ""


def secrets_of_node(node: Node, *, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """What a node of this site knows, if it ever had certificates; `since` is when it was lost or left."""
    if not Certificate.objects.listed().filter(holder_id=node.pk).exists():
        return []
    first = "" if node.state == NodeState.DECOMMISSIONED else DECOMMISSION_FIRST
    found = secrets_of_every_node(since=since, first=first, actor=actor, now=now)
    browser = BrowserCertificate.objects.of_thumbprint(node.browser_thumbprint).first()
    if browser is not None:
        url = reverse("browser_certificates:detail", args=[browser.pk]) if actor.has_perm("nodes.view_browsercertificate") else ""
        remedy = "Let its authority revoke it, and upload a successor with a new key."
        found.append(Secret(f"Browser certificate {browser}", "Its private key is in that node's store.", remedy, None, url, "Show"))
    return found


def secrets_of_every_node(*, since: datetime, first: str, cluster: str = "", actor: Actor, now: datetime) -> list[Secret]:
    """What each registered node knows; `first` is said of what is delivered to nodes, `cluster` is another remedy for the cluster key."""
    return [
        _database_key(since, first, actor, now),
        *_connections(since, actor),
        _cluster_key(since, cluster or f"{NEW_ROOT} {first}".strip(), actor, now),
        Secret(
            "API tokens", "Whoever has a token has the rights of its user until it is revoked.",
            "Revoke each with manage.py revoke_token USER --name NAME, and make new ones with manage.py create_token. The expiry board lists them.",
            None, reverse("expiry"), "Show tokens",
        ),
    ]  # fmt: skip


def secrets_of_export(export: Export, *, since: datetime, actor: Actor, now: datetime) -> list[Secret]:
    """What the files of an export hold beside its own certificates."""
    return [_database_key(since, "", actor, now)] if export.include_secrets_key else []


def secrets_kept(node: Node, *, actor: Actor, now: datetime) -> list[Secret]:
    """The same for a node that was decommissioned; empty for any other."""
    if node.state != NodeState.DECOMMISSIONED:
        return []
    return secrets_of_node(node, since=node.state_since, actor=actor, now=now)


def _start(kind: Rotation.Kind, url: str, actor: Actor, now: datetime) -> str:
    """The page that starts a rotation, if it can be started and `actor` may."""
    return reverse(url) if actor.has_perm(PERMISSION[kind]) and not blocked_reason(kind, now=now) else ""


def _database_key(since: datetime, first: str, actor: Actor, now: datetime) -> Secret:
    writing = DatabaseKey.objects.writing()
    return Secret(
        "Database key", "It opens the encrypted passwords of connections, in the database and in every backup.",
        f"Make a new database key. {first}".strip(), writing is not None and writing.created_at >= since,
        _start(KEY, "database_key:rotate", actor, now), "New database key…",
    )  # fmt: skip


def _connections(since: datetime, actor: Actor) -> Iterator[Secret]:
    kept = Connection.objects.exclude(password=None)
    old, total = kept.filter(changed_at__lte=since).count(), kept.count()
    if total == 0:
        return
    yield Secret(
        "Passwords of connections", f"Each node reads them. {old} of {total} were not changed since.",
        "Change each password where it is used, then here: a new database key changes none of them.", old == 0,
        reverse("connections:list") if actor.has_perm("nodes.view_connection") else "", "Show connections",
    )  # fmt: skip


def _cluster_key(since: datetime, remedy: str, actor: Actor, now: datetime) -> Secret:
    try:
        current = cluster_in_force(issuing_root())
    except (ZoneMissing, ZoneBroken):
        current = None
    return Secret(
        "Private key of the cluster certificate (QlikServiceCluster)", "It signs tokens that deployments accept.",
        remedy,
        current is not None and current.created_at >= since, _start(ROOT, "roots:rotate", actor, now), "New root…",
    )  # fmt: skip
