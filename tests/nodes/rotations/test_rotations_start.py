"""A rotation begins only if it can end, nothing is offered that cannot begin, and exports are not cut off by surprise."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from attention.needs import Look, needs
from audit.actors import SYSTEM
from certs.certificates.issuer import issuing_root
from certs.certificates.services import certificate_withdraw
from certs.errors import ClockDoubtful
from certs.models import Certificate, Rotation
from certs.roots.services import root_drop, root_make
from certs.zone.services import zone_current
from jobs.clock import NAME
from jobs.models import Job, PeriodicWork
from nodes.automatic.services import automatic_renewal
from nodes.models import Node
from nodes.rotations.database_key import key_rotation_start
from nodes.rotations.root import exports_awaited, root_rotation_roll_back, root_rotation_start
from tests.certs.exports.exported import made
from tests.problems import error_fields

pytestmark = pytest.mark.django_db
ROOT, KEY = "root", "database-key"


def now() -> datetime:
    return datetime.now(UTC)


def client(*permissions: str) -> Client:
    """Somebody who may do these things alone, or everything where none is given."""
    made_client = Client()
    user = User.objects.create_user("ann", is_superuser=not permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    made_client.force_login(user)
    return made_client


def another_under_way() -> None:
    key_rotation_start(actor=SYSTEM, now=now())


def the_same_under_way() -> None:
    root_rotation_start(actor=SYSTEM, now=now())


def clock_has_jumped() -> None:
    PeriodicWork.objects.create(name=NAME, lease_until=now() + timedelta(minutes=30), last_success=now(), last_error="90000")


def root_expired() -> None:
    Certificate.objects.filter(kind="root").update(not_after=now() - timedelta(days=1))


def root_without_key() -> None:
    Certificate.objects.filter(kind="root").update(encrypted_private_key=None)


def no_root() -> None:
    Certificate.objects.filter(kind="root").update(status="revoked")


def central_without_certificates() -> None:
    for certificate in Certificate.objects.issued().filter(holder_id=Node.objects.get(is_central=True).pk):
        certificate_withdraw(certificate=certificate, reason="t", actor=SYSTEM, now=now())


BLOCKED: dict[Callable[[], None], tuple[str, tuple[str, ...]]] = {
    another_under_way: ("rotation to database key version 2 is in progress", (ROOT, KEY)),
    the_same_under_way: ("rotation to root 2 is in progress", (ROOT, KEY)),
    clock_has_jumped: ("Set its time source", (ROOT, KEY)),
    root_expired: ("recreate_root", (ROOT, KEY)),
    root_without_key: ("recreate the root", (KEY,)),
    no_root: ("recreate the root", (ROOT, KEY)),
    central_without_certificates: ("repair_central", (ROOT, KEY)),
}
CASES = [(state, kind) for state, (_, kinds) in BLOCKED.items() for kind in kinds]


@pytest.mark.parametrize(("state", "kind"), CASES, ids=[f"{state.__name__} {kind}" for state, kind in CASES])
def test_a_rotation_that_cannot_end_does_not_begin_and_is_not_offered(site_directory: Path, state: Callable[[], None], kind: str) -> None:
    state()
    text, before, console = BLOCKED[state][0], Rotation.objects.count(), client()
    answer = console.post("/api/v1/rotations/", {"kind": kind}, content_type="application/json", secure=True)
    assert (answer.status_code, text in answer.json()["detail"]) == ((503 if state is no_root and kind == ROOT else 409), True), (
        answer.json()
    )
    room = "roots" if kind == ROOT else "database_key"
    offered = console.get(reverse(f"{room}:rotate"), secure=True).content.decode()
    assert text in offered
    assert "btn-primary" not in offered.partition("<main")[2]
    assert console.post(reverse(f"{room}:rotate"), secure=True).status_code in (409, 503)
    assert f'href="{reverse(f"{room}:rotate")}"' not in console.get(reverse(f"{room}:show"), secure=True).content.decode()
    assert [need for need in needs(Look(now())) if need.url == reverse(f"{room}:rotate")] == []
    assert (Rotation.objects.count(), Job.objects.filter(title__startswith="Rotation").count()) == (before, before)


@pytest.mark.parametrize("state", [root_expired, clock_has_jumped, central_without_certificates], ids=lambda function: function.__name__)
def test_nothing_begins_automatically_that_cannot_end(site_directory: Path, state: Callable[[], None]) -> None:
    state()
    Certificate.objects.filter(kind="root").update(not_before=now() - timedelta(days=4000))  # long past half its life
    with contextlib.suppress(ClockDoubtful):
        automatic_renewal(now=now())
    assert Rotation.objects.count() == 0


@pytest.mark.parametrize("kind", [ROOT, KEY])
def test_what_can_begin_is_offered_to_who_may(site_directory: Path, kind: str) -> None:
    room, permission = ("roots", "rotate_root") if kind == ROOT else ("database_key", "rotate_databasekey")
    link = f'href="{reverse(f"{room}:rotate")}"'
    console = client("view_rotation", permission)
    assert link in console.get(reverse(f"{room}:show"), secure=True).content.decode()
    User.objects.get().user_permissions.set(Permission.objects.filter(codename="view_rotation"))
    assert link not in console.get(reverse(f"{room}:show"), secure=True).content.decode()


@pytest.mark.parametrize(
    ("body", "keeps"),
    [({"kind": ROOT}, True), ({"kind": ROOT, "keeps_for_exports": True}, True), ({"kind": ROOT, "keeps_for_exports": False}, False)],
    ids=str,
)
def test_the_old_root_is_kept_for_exports_unless_somebody_says_otherwise(site_directory: Path, body: dict, keeps: bool) -> None:
    (export,) = made()
    answer = client().post("/api/v1/rotations/", body, content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["keeps_for_exports"]) == (201, keeps)
    rotation, old = Rotation.objects.get(), issuing_root()
    new = root_make(zone=zone_current(), number=2, actor=SYSTEM, now=now())
    Rotation.objects.update(to_root=new, switched_at=now())
    rotation.refresh_from_db()
    assert [awaited.machine for awaited in exports_awaited(rotation, now=now())] == ([export.machine] if keeps else [])
    root_rotation_roll_back(actor=SYSTEM, rotation=rotation, now=now(), keeps_for_exports=not keeps)
    (other,) = made("renewed.example")
    Certificate.objects.filter(holder_id=other.pk).update(issuer=new)  # renewed under the new root, which goes now
    assert [awaited.machine for awaited in exports_awaited(rotation, now=now())] == ([] if keeps else [other.machine])
    assert old.status == "issued"


def test_the_database_key_has_nothing_to_keep(site_directory: Path) -> None:
    body = {"kind": KEY, "keeps_for_exports": True}
    answer = client().post("/api/v1/rotations/", body, content_type="application/json", secure=True)
    assert (answer.status_code, error_fields(answer.json())) == (400, ["keeps_for_exports"])


def test_the_plan_says_what_stops_working_and_when(site_directory: Path) -> None:
    made()
    console = client()
    page = console.get(reverse("roots:rotate"), secure=True).content.decode()
    for text in (
        "What stops working, and when",
        "At the earliest about 1 min after the start, when every node trusts both",
        "Then, when the new certificates of every node are verified",
        "1 export must be renewed by hand when the new root issues",
    ):
        assert text in page
    assert 'value="yes" checked' in " ".join(page.split())
    assert console.post(reverse("roots:rotate"), {"keeps_for_exports": "yes"}, secure=True).status_code == 302
    assert Rotation.objects.get().keeps_for_exports
    Rotation.objects.update(under_way=None, finished_at=now())
    console.post(reverse("roots:rotate"), secure=True)
    assert not Rotation.objects.get(under_way=True).keeps_for_exports


def test_the_heading_names_the_root_that_issues_by_now(site_directory: Path) -> None:
    """It is part of what the page loads again and again."""
    console, url = client(), reverse("roots:show")
    assert "CN=central.example-CA issues every certificate" in console.get(url, secure=True).content.decode()
    rotation = root_rotation_start(actor=SYSTEM, now=now())
    old, new = issuing_root(), root_make(zone=zone_current(), number=2, actor=SYSTEM, now=now())
    root_drop(root=old, reason="taken over", now=now())
    Rotation.objects.filter(pk=rotation.pk).update(from_root=old, to_root=new, under_way=None, finished_at=now())
    page = " ".join(console.get(url, secure=True).content.decode().split())
    assert 'id="root-head"> <h1>CN=central.example-CA-2 issues every certificate' in page
    assert "data-live=" in page.partition('id="root-head"')[0]
