"""Automatic renewals at given moments: none twice, none without a later expiry date, none for silent nodes."""

import contextlib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.actors import SYSTEM
from certs.certificates.services import renew_at
from certs.errors import ClockDoubtful, RotationRefused
from certs.models import Certificate, Rotation, TrustZone
from certs.revocation.lists import list_issue, trust_in_force
from nodes.automatic import services
from nodes.automatic.services import AGAIN, automatic_renewal, calls_follow_clock, renewals_due
from nodes.models import Node, Observation, Renewal
from nodes.rotations.root import root_rotation_exclude, root_rotation_roll_back, root_rotation_start
from pki.core.roles import Kind
from tests import factories

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def node(site_directory: Path) -> Node:
    """The central node, which has just called."""
    node = Node.objects.get()
    sha256 = {certificate.kind: certificate.sha256 for certificate in Certificate.objects.all()}
    installed = {kind: sha256[kind] for kind in ("service", "client", "cluster")}
    Observation.objects.create(node=node, last_seen_at=NOW, trusts=[sha256["root"]], installed=installed, listening=False)
    return node


def lives(kind: str, *, since: int, left: int, at: datetime = NOW) -> None:
    """The certificates of `kind` began `since` days before `at`, and end `left` days after it."""
    for certificate in Certificate.objects.filter(kind=kind):
        certificate.not_before, certificate.not_after = at - since * DAY, at + left * DAY
        certificate.renew_at = renew_at(Kind(kind), certificate.not_before, certificate.not_after, int(certificate.serial, 16))
        certificate.save()


def hears(at: datetime) -> None:
    factories.called(at)


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), DAY, 9000 * DAY])
def test_who_is_silent_is_not_online_because_the_clock_was_set_back(node: Node, ahead: timedelta) -> None:
    hears(NOW + ahead)
    for later in (timedelta(0), timedelta(minutes=1)):
        calls_follow_clock(now=NOW + later)
    assert Node.objects.get().online(NOW + timedelta(minutes=1))
    assert not Node.objects.get().online(NOW + timedelta(minutes=4))


@pytest.mark.parametrize(
    ("since", "left", "due"),
    [(100, 265, False), (243, 122, False), (260, 105, True), (364, 1, True), (400, -35, True)],
)  # fmt: skip
def test_what_is_due_is_renewed_once(node: Node, since: int, left: int, due: bool) -> None:
    lives("service", since=since, left=left)
    for _ in range(2):
        automatic_renewal(now=NOW)
    assert Renewal.objects.count() == int(due)


def test_who_is_silent_is_due_and_not_renewed(node: Node) -> None:
    lives("client", since=300, left=65)
    hears(NOW - DAY)
    automatic_renewal(now=NOW)
    assert ([due.node for due in renewals_due(now=NOW)], Renewal.objects.count()) == ([node], 0)


def test_what_the_root_cuts_waits_for_a_younger_one_that_the_node_trusts(node: Node) -> None:
    for kind in ("root", "service", "client"):
        lives(kind, since=1700, left=40)
    TrustZone.objects.update(rotates_by_itself=False)
    assert renewals_due(now=NOW) == []
    lives("root", since=10, left=1800)
    assert [due.node for due in renewals_due(now=NOW)] == [node]
    Observation.objects.update(trusts=["another root"])
    assert renewals_due(now=NOW) == []


def test_nodes_that_cannot_be_renewed_keep_no_other_node_waiting(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "BATCH", 2)
    lives("client", since=300, left=65)
    client = Certificate.objects.get(kind="client")
    for number in range(5):  # they do not trust the root
        blocked = factories.node(f"rim{number}", at=NOW, id=uuid.UUID(int=number + 1))
        Observation.objects.create(node=blocked, last_seen_at=NOW)
        factories.certificate("client", holder_id=blocked.pk, at=client.not_before, not_after=client.not_after)
    automatic_renewal(now=NOW)
    assert [renewal.node for renewal in Renewal.objects.select_related("node")] == [node]


@pytest.mark.parametrize("silence", [timedelta(minutes=3), timedelta(minutes=30)])
def test_silence_keeps_its_distance_when_the_clock_is_set_back(node: Node, silence: timedelta) -> None:
    Observation.objects.update(last_seen_at=NOW + DAY, silent_at=NOW + DAY + silence)
    calls_follow_clock(now=NOW)
    seen = Observation.objects.get()
    assert (seen.last_seen_at, seen.silent_at) == (NOW, NOW + silence)


def test_a_failed_renewal_is_tried_again_after_an_hour(node: Node) -> None:
    lives("service", since=300, left=65)
    automatic_renewal(now=NOW)
    Renewal.objects.update(status="failed", reason="as if")
    for later, number in ((AGAIN / 2, 1), (AGAIN + timedelta(seconds=1), 2)):
        hears(NOW + later)
        automatic_renewal(now=NOW + later)
        assert Renewal.objects.count() == number


@pytest.mark.parametrize(("since", "by_itself", "starts"), [(29, True, False), (31, True, True), (31, False, False)])
def test_the_root_is_replaced_at_half_its_life(node: Node, since: int, by_itself: bool, starts: bool) -> None:
    lives("root", since=since, left=60 - since)
    TrustZone.objects.update(rotates_by_itself=by_itself)
    for _ in range(2):
        automatic_renewal(now=NOW)
    assert Rotation.objects.filter(kind="root", actor="system").count() == int(starts)


def test_a_cluster_certificate_that_is_due_gets_a_successor_and_ends_when_every_node_holds_it(node: Node) -> None:
    lives("cluster", since=300, left=65)
    for _ in range(2):
        automatic_renewal(now=NOW)
    new, old = Certificate.objects.filter(kind="cluster").order_by("-generation")
    assert (new.status, old.status, new.sealed_private_key is not None) == ("issued", "issued", True)
    later = NOW + 15 * DAY  # everybody has had his share of the spread by then
    hears(later)
    assert [due.not_after for due in renewals_due(now=later)] == [old.not_after]
    automatic_renewal(now=later)
    assert Renewal.objects.count() == 1
    Observation.objects.update(cluster_sha256=new.sha256)
    automatic_renewal(now=later)
    assert Certificate.objects.get(pk=old.pk).status == "superseded"


def test_a_rotation_that_was_rolled_back_does_not_start_again_automatically(node: Node) -> None:
    lives("root", since=60, left=40)
    automatic_renewal(now=NOW)
    root_rotation_roll_back(actor=SYSTEM, rotation=Rotation.objects.get(), now=NOW)
    automatic_renewal(now=NOW)
    assert list(Rotation.objects.values_list("rolled_back", "under_way")) == [(True, None)]


@pytest.mark.parametrize(("behind_s", "believed"), [(0, True), (-3500, True), (-3700, False), (40 * 30 * 86400, False)])
def test_nothing_is_automatic_under_a_clock_that_most_nodes_contradict(node: Node, behind_s: int, believed: bool) -> None:
    lives("service", since=300, left=65)
    for number in range(3):
        offset = behind_s if number else 0
        other = factories.node(f"rim{number}", at=NOW)
        Observation.objects.create(node=other, last_seen_at=NOW, clock_offset_s=offset)
    with contextlib.nullcontext() if believed else pytest.raises(ClockDoubtful, match="NTP"):
        automatic_renewal(now=NOW)
    assert Renewal.objects.count() == int(believed)


def test_a_roll_back_to_a_root_that_ends_soon_is_refused_and_exclusions_are_decided_anew(node: Node) -> None:
    rotation = root_rotation_start(actor=SYSTEM, now=NOW)
    other = factories.node("rim", at=NOW)
    root_rotation_exclude(actor=SYSTEM, rotation=rotation, node=other, reason="its disk", now=NOW)
    with pytest.raises(RotationRefused, match="central"):
        root_rotation_exclude(actor=SYSTEM, rotation=rotation, node=node, reason="no", now=NOW)
    lives("root", since=1700, left=20)
    with pytest.raises(RotationRefused, match="expires too soon"):
        root_rotation_roll_back(actor=SYSTEM, rotation=rotation, now=NOW)
    lives("root", since=10, left=1800)
    root_rotation_roll_back(actor=SYSTEM, rotation=rotation, now=NOW)
    assert (rotation.excluded, rotation.finished_at) == ([], NOW)


def test_few_revocation_lists_are_kept_and_their_numbers_grow(node: Node) -> None:
    root = Certificate.objects.get(kind="root")
    numbers = [list_issue(root=root, now=NOW + number * timedelta(hours=1)).number for number in range(5)]
    assert numbers == sorted(set(numbers))
    assert list(root.revocation_lists.values_list("number", flat=True)) == numbers[:-4:-1]
    assert trust_in_force() == {root.sha256: numbers[-1]}
