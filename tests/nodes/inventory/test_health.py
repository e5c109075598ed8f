"""State and health are two things: a registered node may be silent, and an export that was made may be refused."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from certs.exports.health import ExportHealth
from certs.exports.health import health_of as export_health_of
from certs.models import Certificate, Export
from nodes.inventory.health import NodeHealth, health_of
from nodes.models import Node, Observation
from tests import factories
from web.templatetags.console import state_label

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
WORKS = "<span>works</span>"


def certificate(kind: str, holder: uuid.UUID, **fields: Any) -> Certificate:
    plain = {"subject": f"CN={kind}", "serial": uuid.uuid4().hex, "not_before": NOW - DAY, "not_after": NOW + 900 * DAY, "lease_until": NOW}
    return Certificate.objects.create(
        **plain
        | {"kind": kind, "status": "issued", "holder_id": holder, "key_type": "EC P-256", "created_at": NOW, "generation": 1}
        | fields
    )


def node(*, seen: timedelta | None = timedelta(0), state: str = "registered", name: str = "rim1") -> Node:
    made = factories.node(name, at=NOW, state=state, registered_at=NOW - 3 * DAY if state == "registered" else None)
    if seen is not None:
        Observation.objects.create(node=made, last_seen_at=datetime.now(UTC) - seen)
    for kind in ("service", "client"):
        certificate(kind, made.pk)
    return made


def revoke(**which: Any) -> Callable[[], object]:
    return lambda: Certificate.objects.filter(**which).update(status="revoked")


NODES: dict[str, tuple[dict[str, Any], Callable[[], object], NodeHealth]] = {
    "calls": ({}, bool, NodeHealth.WORKS), "silent": ({"seen": 2 * DAY}, bool, NodeHealth.SILENT), "never called": ({"seen": None}, bool, NodeHealth.SILENT),
    "its service certificate is revoked": ({}, revoke(kind="service"), NodeHealth.REFUSED), "its client certificate is revoked": ({}, revoke(kind="client"), NodeHealth.REFUSED),
    "silent and revoked": ({"seen": 2 * DAY}, revoke(kind="client"), NodeHealth.REFUSED),
    "expired": ({}, lambda: Certificate.objects.update(not_after=NOW - DAY), NodeHealth.REFUSED), "only created": ({"state": "created"}, bool, NodeHealth.NONE),
    "failed": ({"state": "failed"}, bool, NodeHealth.NONE),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "happens", "health"), NODES.values(), ids=NODES.keys())
def test_health_of_a_node(client: Client, fields: dict[str, Any], happens: Callable[[], object], health: NodeHealth) -> None:
    made = node(**fields)
    happens()
    assert health_of(made, now=datetime.now(UTC)) == health
    client.force_login(User.objects.create_superuser("ann"))
    for node_health in NodeHealth:
        page = client.get(f"/nodes/?health={node_health}", secure=True).content.decode()
        assert ("rim1.example" in page) is (node_health == health), node_health
    for path in ("/nodes/", f"/nodes/{made.pk}/"):
        assert (WORKS in client.get(path, secure=True).content.decode()) is (health == "works"), path


@pytest.mark.parametrize("health", [member for kind in (NodeHealth, ExportHealth) for member in kind if member.value != "none"])
def test_a_filter_has_the_word_of_the_badge(health: NodeHealth | ExportHealth) -> None:
    assert health.label == state_label(health.value)


def export(**fields: Any) -> Export:
    plain = {
        "machine": "reports.example",
        "format": "pem",
        "status": "made",
        "status_since": NOW,
        "batch": uuid.uuid4(),
        "made_generation": 1,
        "generation": 1,
    }
    made = Export.objects.create(**plain | {"actor": "ann", "created_at": NOW, "made_at": NOW, "not_after": NOW + 900 * DAY} | fields)
    root = certificate("root", uuid.uuid4())
    for kind in ("service", "client"):
        certificate(kind, made.pk, issuer=root)
    return made


EXPORTS: dict[str, tuple[dict[str, Any], Callable[[], object], ExportHealth]] = {
    "in order": ({}, bool, ExportHealth.WORKS), "revoked certificate": ({}, revoke(kind="client"), ExportHealth.REFUSED),
    "its root was dropped": ({}, lambda: Certificate.objects.filter(kind="root").update(status="superseded"), ExportHealth.REFUSED),
    "expires soon": ({"not_after": NOW + 9 * DAY}, bool, ExportHealth.EXPIRING), "has expired": ({"not_after": NOW - DAY}, bool, ExportHealth.EXPIRED),
    "not made yet": ({"made_generation": 0, "status": "requested"}, bool, ExportHealth.NONE),
    "the last renewal failed": ({"status": "failed", "generation": 2}, bool, ExportHealth.WORKS),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "happens", "health"), EXPORTS.values(), ids=EXPORTS.keys())
def test_health_of_an_export(client: Client, fields: dict[str, Any], happens: Callable[[], object], health: ExportHealth) -> None:
    made = export(**fields)
    happens()
    assert export_health_of(made, now=datetime.now(UTC)) == health
    client.force_login(User.objects.create_superuser("ann"))
    for export_health in ExportHealth:
        page = client.get(f"/exports/?health={export_health}", secure=True).content.decode()
        assert ("reports.example" in page) is (export_health == health), export_health
    for path in ("/exports/", f"/exports/{made.pk}/"):
        assert (WORKS in client.get(path, secure=True).content.decode()) is (health == "works"), path
