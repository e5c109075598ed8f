"""Rows and clients that many tests need. A test names only the fields that it is about."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from alerts.models import Alert, Channel, Delivery, Message, QueuedMessage
from audit.actors import SYSTEM
from audit.models import Segment
from bulk.models import BulkWork
from certs.certificates.services import renew_at
from certs.models import Certificate, Export
from certs.names.services import names_take
from nodes.inventory.intervals import FIRST_CALL
from nodes.inventory.names import names_of
from nodes.models import Connection, Node, Observation
from people.roles.groups import role_give
from people.roles.registry import Role
from people.tokens.services import token_create
from pki.core.roles import Kind
from pki.core.verify import fingerprint


def root_admin(name: str, **fields: Any) -> User:
    """An account with the role RootAdmin."""
    user = User.objects.create_user(name, **fields)
    role_give(user, Role.ROOT_ADMIN)
    return user


def token(user: User, name: str, *, lasts: timedelta | None = None, at: datetime, **fields: Any) -> str:
    """A token of `user`, made `at` that time for 90 days, or as long as `lasts` says."""
    return token_create(actor=SYSTEM, owner=user, name=name, expires_at=at + lasts if lasts else None, now=at, **fields)[1]


def administrator(name: str = "ann") -> Client:
    """A client that a new administrator has signed in with."""
    client = Client()
    client.force_login(root_admin(name))
    return client


def node(name: str = "rim1", *, at: datetime, **fields: Any) -> Node:
    """A node that was created and registered `at` that time. Its names are not in the register of names."""
    state = fields.get("state", "registered")
    plain = {"host_name": f"{name}.example", "state": state, "state_since": at, "created_at": at}
    if state == "registered":
        plain["registered_at"] = at
    return Node.objects.create(name=name, **plain | fields)


def registered_node(**fields: Any) -> Node:
    """A node in its first generation that was registered just now, with its names in the register of names."""
    now = timezone.now()
    made = node(at=now, **{"address": "10.0.0.5", "generation": 1} | fields)
    names_take(requested=[names_of(made)], now=now)
    return made


def certificate(kind: str, *, holder_id: uuid.UUID, at: datetime, **fields: Any) -> Certificate:
    """The row of a certificate that was issued `at` that time for 900 days."""
    plain: dict[str, Any] = {
        "status": "issued", "subject": f"CN={kind}", "serial": uuid.uuid4().hex, "key_type": "EC P-256", "not_before": at,
        "not_after": at + timedelta(days=900), "lease_until": at, "created_at": at,
    }  # fmt: skip
    plain |= fields
    due = renew_at(Kind(kind), plain["not_before"], plain["not_after"], int(plain["serial"], 16))
    return Certificate.objects.create(kind=kind, holder_id=holder_id, **{"renew_at": due} | plain)


def called(at: datetime, **nodes: Any) -> None:
    """The last call of these nodes was `at` that time."""
    Observation.objects.filter(**nodes).update(last_seen_at=at, silent_at=at + FIRST_CALL)


def client_certificate(of: Node, der: bytes, *, at: datetime, **fields: Any) -> Certificate:
    """The row of the certificate `der`, with which the node calls."""
    return certificate("client", holder_id=of.pk, at=at, **{"sha256": fingerprint(der), "subject": "CN=QlikClient"} | fields)


def connection(name: str = "Sales", *, at: datetime, **fields: Any) -> Connection:
    return Connection.objects.create(
        name=name, **{"type": "odbc", "connection_string": "DSN=s", "created_at": at, "changed_at": at} | fields
    )


def export(machine: str = "a.example", *, at: datetime, **fields: Any) -> Export:
    """An export that was made `at` that time, without certificates and files."""
    plain = {"format": "pem", "status": "made", "status_since": at, "batch": uuid.uuid4(), "created_at": at}
    return Export.objects.create(machine=machine, **plain | fields)


def bulk_work(*, at: datetime, **fields: Any) -> BulkWork:
    """A renewal of no nodes that was begun `at` that time."""
    plain = {"action": "nodes.renew", "title": "Renew 2 nodes", "actor": "ann", "request": uuid.uuid4(), "total": 2, "created_at": at}
    return BulkWork.objects.create(**plain | fields)


def channel(name: str = "ops", *, at: datetime, **fields: Any) -> Channel:
    """A channel that was created `at` that time, with no values."""
    return Channel.objects.create(name=name, **{"kind": "webhook", "created_at": at, "changed_at": at} | fields)


def segment(*, at: datetime) -> Segment:
    return Segment.objects.create(
        first=1, last=2, digest="ab" * 32, since=at, until=at, status="written", size=9, sha256="cd" * 32, created_at=at, created_by="ann"
    )


def alert(code: str = "node-silent", *, at: datetime, **fields: Any) -> Alert:
    """An alert that was opened `at` that time, without messages."""
    plain = {
        "subject": "rim7", "severity": "critical", "title": "rim7 has not called for 14 min", "text": "It called last from 10.4.2.17.",
        "remedy": "Start its agent.", "url": "/nodes/", "opened_at": at, "changed_at": at,
    }  # fmt: skip
    return Alert.objects.create(code=code, **plain | fields)


def message(about: Alert, change: str = "opened", *, at: datetime, **fields: Any) -> Message:
    """The next message about an alert, with its present facts. It is queued for no channel."""
    about.version = about.messages.count()
    about.save(update_fields=["version"])
    plain = {
        "severity": about.severity,
        "title": about.title,
        "text": about.text,
        "remedy": about.remedy,
        "number": about.version,
        "routed_at": at,
    }
    return Message.objects.create(alert=about, change=change, at=at, **plain | fields)


def delivery(to: Channel, *messages: Message, at: datetime, state: str = "sent", **fields: Any) -> Delivery:
    """A delivery of these messages, `at` that time."""
    plain = {"title": messages[0].title if messages else "Test message", "created_at": at, "changed_at": at, "attempts": 1}
    made = Delivery.objects.create(channel=to, state=state, **plain | fields)
    for message in messages:
        QueuedMessage.objects.create(message=message, channel=to, due_at=at, delivery=made)
    return made
