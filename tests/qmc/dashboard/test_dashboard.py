"""The parts of the dashboard, and what the overview shows before they are loaded."""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM, Actor
from certs.models import Certificate, TrustZone
from certs.states import CertificateStatus
from jobs.models import Job
from nodes.inventory.health import NodeHealth, health_counts, of_health, with_health
from nodes.models import Node, Observation, Renewal
from nodes.states import NodeState, RenewalStatus
from qmc.dashboard.view_models import certificates_part, keys_part, nodes_part
from tests import factories

DAY = timedelta(days=1)
PARTS = ("next-expiry", "nodes", "certificates", "keys")


@pytest.fixture
def zone(db: None) -> TrustZone:
    now = timezone.now()
    return TrustZone.objects.create(name="central", created_at=now, founded_at=now)


def a_node(name: str, *, seen: timedelta = timedelta(0), state: NodeState = NodeState.REGISTERED, kinds: str = "service client") -> Node:
    """A node whose certificates of `kinds` are valid. Another one, of a kind with a minus, is revoked, and with a plus, has expired."""
    now = timezone.now()
    node = factories.node(name, at=now, host_name=name, state=state, registered_at=now - 9 * DAY)
    Observation.objects.create(node=node, last_seen_at=now - seen, silent_at=now - seen + timedelta(minutes=3))
    for kind in kinds.split():
        end = now - DAY if kind[0] == "+" else now + 300 * DAY
        status = CertificateStatus.REVOKED if kind[0] == "-" else CertificateStatus.ISSUED
        factories.certificate(kind.lstrip("+-"), holder_id=node.pk, at=now, not_after=end, status=status, sha256=uuid.uuid4().hex)
    return node


def test_health_is_counted_as_each_node_has_it(zone: TrustZone) -> None:
    now = timezone.now()
    a_node("works")
    a_node("works too")
    a_node("silent", seen=DAY)
    a_node("revoked", kinds="service -client")
    a_node("expired", kinds="+service client")
    a_node("silent and revoked", seen=DAY, kinds="-service -client")
    a_node("renewed after a revocation", kinds="service client -client")
    a_node("waits", state=NodeState.AWAITING_PASSWORD)
    a_node("gone", state=NodeState.DECOMMISSIONED)
    health = dict(with_health(Node.objects.all(), now=now).values_list("name", "health"))
    assert health_counts(now=now) == {NodeHealth.WORKS: 3, NodeHealth.SILENT: 1, NodeHealth.REFUSED: 3, NodeHealth.NONE: 1}
    for value in NodeHealth:
        assert set(Node.objects.filter(of_health(value, now=now)).values_list("name", flat=True)) == {
            name for name in health if health[name] == value
        }
    drawn = nodes_part(SYSTEM, now)
    assert drawn.states.description == "awaiting password: 1, registered: 7."
    assert drawn.health.description == "works: 3, silent: 1, refused: 3, not in use: 1."


def test_what_happened_is_counted_by_week(zone: TrustZone) -> None:
    now = timezone.now()
    node = a_node("rim1")
    Certificate.objects.filter(kind="client").update(created_at=now - 8 * DAY)
    factories.certificate("client", holder_id=node.pk, at=now - 200 * DAY, not_after=now, generation=2, sha256=uuid.uuid4().hex)
    factories.certificate("client", holder_id=node.pk, at=now, not_after=now, generation=3, status=CertificateStatus.FAILED)
    for generation, status in ((2, RenewalStatus.PROVED), (3, RenewalStatus.FAILED)):
        Renewal.objects.create(node=node, generation=generation, actor="anna", created_at=now, status=status)
    for outcome in (Job.Outcome.FAILED, Job.Outcome.DONE):
        Job.objects.create(
            task="x", subject=uuid.uuid4(), title="x", actor="anna", created_at=now, next_attempt_at=now, outcome=outcome, finished_at=now
        )
    part = certificates_part(now)
    assert [column.count for column in part.signed.columns[-2:]] == [1, 1]
    assert (part.signed.total, part.renewed.total, part.failed.total) == (2, 1, 1)


def test_alerts_are_shown_to_people_who_may_see_them(zone: TrustZone) -> None:
    reader = User.objects.create_user("reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_certificate"))
    for person, alerts in (
        (Actor("user", "reader", reader), None),
        (Actor("user", "root", User.objects.create_superuser("root")), "critical: 0, warning: 0, information: 0."),
    ):
        found = keys_part(person, timezone.now()).alerts
        assert (found and found.description) == alerts


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_loaded_into_the_overview_and_is_a_page_too(zone: TrustZone, part: str) -> None:
    client = factories.administrator("admin")
    a_node("rim1")
    address = f"/overview/{part}/"
    assert f'hx-get="{address}"' in client.get("/", secure=True).content.decode()
    loaded = client.get(address, headers={"HX-Request": "true"}, secure=True).content.decode()
    assert "<html" not in loaded
    page = client.get(address, secure=True).content.decode()
    assert "<html" in page
    for picture in re.findall(r"<svg class=\"picture\".*?</svg>", loaded, re.DOTALL):
        assert 'role="img"' in picture
        assert "<title" in picture
        assert "<desc" in picture
    assert loaded.count('class="picture"') == loaded.count("Show the numbers")


def test_people_without_certificates_get_the_nodes_only(zone: TrustZone) -> None:
    reader = User.objects.create_user("reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_node"))
    client = Client()
    client.force_login(reader)
    page = client.get("/", secure=True).content.decode()
    assert re.findall(r'hx-get="(/overview/[^"]+|/expiry/picture/)"', page) == ["/overview/nodes/"]
    assert [client.get(f"/overview/{part}/", secure=True).status_code for part in PARTS] == [403, 200, 403, 403]
