"""Who has a machine of the site knows more than its certificates: the pages say what, whether it was replaced, and where it is replaced."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from attention.needs import Look, needs
from audit.actors import SYSTEM
from audit.models import Event
from certs.certificates.issuer import issuing_root
from certs.database_key.services import database_key_transition
from certs.exports.services import ExportOptions
from certs.models import Certificate, DatabaseKey
from certs.roots.services import cluster_renew
from certs.states import DatabaseKeyStatus
from certs.zone.services import zone_current
from nodes.issuance.services import GenerationRequest, package_make
from nodes.models import Connection, Node
from nodes.registration.decommission import LOST, node_decommission
from nodes.revocation.exposure import secrets_kept
from people.models import ApiToken
from qmc.recreation.services import root_recreate
from tests import factories
from tests.certs.exports.exported import SECRET, held, made

pytestmark = pytest.mark.django_db
NAMES = ["Database key", "Passwords of connections", "Private key of the cluster certificate (QlikServiceCluster)", "API tokens"]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def rim(site_directory: Path) -> Node:
    """A registered node with two generations, and a connection with a password."""
    before = now() - timedelta(days=1)
    factories.connection(at=before, password="s3cret")
    node = factories.node(at=now(), generation=2)
    for generation in (1, 2):
        request = GenerationRequest(node, generation, Node.objects.filter(pk=node.pk), in_a_hurry=False, actor=SYSTEM)
        package_make(request, expires_at=now() + timedelta(days=1), now=now())
    Certificate.objects.filter(holder_id=node.pk, generation=1).update(status="superseded")
    return node


@pytest.fixture
def console(db: None) -> Client:
    made_client = Client()
    made_client.force_login(User.objects.create_superuser("ann"))
    return made_client


def buttons(page: str) -> set[str]:
    rooms = ["database_key:rotate", "connections:list", "roots:rotate", "expiry"]
    return {room for room in rooms if f'class="btn btn-sm mt-1" href="{reverse(room)}"' in page}


@pytest.mark.parametrize(("lost", "code"), [(True, "keyCompromise"), (False, "cessationOfOperation")])
def test_decommissioning_says_what_the_machine_knew(rim: Node, console: Client, lost: bool, code: str) -> None:
    url = reverse("nodes:remove", args=[rim.pk])
    page = console.get(url, secure=True).content.decode()
    assert all(name in page for name in NAMES)
    listed = Certificate.objects.accepted().filter(holder_id=rim.pk)
    assert all(certificate.serial[:12] in page for certificate in listed)  # what is revoked is what was listed, the superseded ones too
    assert buttons(page) == set()  # a new key would be delivered to that machine as long as it is a node
    serials = set(listed.values_list("serial", flat=True))
    page = console.post(url, {"lost": "yes"} if lost else {}, secure=True, follow=True).content.decode()
    revoked = Certificate.objects.filter(holder_id=rim.pk, status="revoked")
    assert (set(revoked.values_list("serial", flat=True)), {certificate.revocation_code for certificate in revoked}) == (serials, {code})
    assert all(name in page for name in NAMES)
    assert buttons(page) == {"database_key:rotate", "connections:list", "roots:rotate", "expiry"}
    assert (LOST in page) == lost


def test_a_machine_that_never_had_certificates_knows_nothing(site_directory: Path, console: Client) -> None:
    node = factories.node("new", at=now(), state="created")
    page = console.get(reverse("nodes:remove", args=[node.pk]), secure=True).content.decode()
    assert ("The machine was lost" in page, "Database key" in page) == (True, False)


def test_api_takes_that_the_machine_was_lost(rim: Node, console: Client) -> None:
    url = f"/api/v1/nodes/{rim.pk}/decommission/"
    assert console.post(url, {"lost": "perhaps"}, content_type="application/json", secure=True).status_code == 400
    assert console.post(url, {"lost": True}, content_type="application/json", secure=True).status_code == 202
    assert set(Certificate.objects.filter(holder_id=rim.pk).values_list("revocation_code", flat=True)) == {"keyCompromise"}


def test_what_was_replaced_since_is_said(rim: Node) -> None:
    left = now()
    node_decommission(actor=SYSTEM, node=rim, now=left, lost=True)

    def replaced() -> list[bool | None]:
        return [secret.replaced for secret in secrets_kept(Node.objects.get(pk=rim.pk), actor=SYSTEM, now=now())]

    assert replaced() == [False, False, False, None]
    assert [need.title for need in needs(Look(now())) if need.code == "secrets-known"] == [
        "rim1 was lost, and secrets that it knew are still in use"
    ]
    later = left + timedelta(minutes=5)
    old = DatabaseKey.objects.get()
    new = DatabaseKey.objects.create(
        version=2, status="delivered", key_id="ab" * 8, algorithm=old.algorithm, created_at=later, status_since=later
    )
    assert replaced() == [False, False, False, None]
    database_key_transition(version=old, to=DatabaseKeyStatus.READING, reason="", actor=SYSTEM, now=later)
    database_key_transition(version=new, to=DatabaseKeyStatus.WRITING, reason="", actor=SYSTEM, now=later)
    assert replaced() == [True, False, False, None]
    Connection.objects.update(changed_at=later)
    assert replaced() == [True, True, False, None]
    cluster_renew(zone=zone_current(), root=issuing_root(), actor=SYSTEM, now=later)
    assert replaced() == [True, True, True, None]
    assert "secrets-known" not in [need.code for need in needs(Look(now()))]


def test_a_compromised_key_leads_to_what_else_is_known(rim: Node, console: Client) -> None:
    certificate = Certificate.objects.get(holder_id=rim.pk, kind="client", generation=2)
    url = reverse("revocation:revoke", args=[certificate.pk])
    page = console.get(url, secure=True).content.decode()
    assert all(name in page for name in ["If the machine was lost or taken over", *NAMES])
    listed = list(Certificate.objects.filter(holder_id=rim.pk, kind="client").values_list("pk", flat=True))
    answer = console.post(url, {"code": "keyCompromise", "reason": "stolen", "listed": listed}, secure=True, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("revocation:exposure", args=[certificate.pk])
    assert buttons(answer.content.decode()) == {"database_key:rotate", "connections:list", "roots:rotate", "expiry"}
    detail = console.get(reverse("certs:detail", args=[certificate.pk]), secure=True).content.decode()
    assert reverse("revocation:exposure", args=[certificate.pk]) in detail
    assert console.get(reverse("revocation:exposure", args=[issuing_root().pk]), secure=True).status_code == 404


@pytest.mark.parametrize(("with_key", "known"), [(True, True), (False, False)])
def test_an_export_knows_the_database_key_only_if_it_carries_it(site_directory: Path, console: Client, with_key: bool, known: bool) -> None:
    (export,) = made(options=ExportOptions("pem", SECRET, include_secrets_key=with_key))
    certificate = held(export)["service"]
    page = console.get(reverse("revocation:revoke", args=[certificate.pk]), secure=True).content.decode()
    assert ("Database key" in page.partition("If the machine")[2], "Passwords of connections" in page) == (known, False)


@pytest.mark.parametrize(
    ("held", "named", "linked"),
    [
        pytest.param(["view_node"], False, set(), id="no reasons"),
        pytest.param(["view_node", "view_reason"], True, set(), id="no other page"),
        pytest.param(["view_node", "view_reason", "view_certificate"], True, {"expiry"}, id="the expiry page"),
    ],
)
def test_names_and_buttons_are_for_who_may(rim: Node, held: list[str], named: bool, linked: set[str]) -> None:
    node_decommission(actor=SYSTEM, node=rim, now=now())
    viewer = Client()
    user = User.objects.create_user("eve")
    user.user_permissions.set(Permission.objects.filter(codename__in=held))
    viewer.force_login(user)
    page = viewer.get(reverse("nodes:detail", args=[rim.pk]), secure=True).content.decode()
    assert ([name for name in NAMES if name in page] == NAMES, buttons(page)) == (named, linked)


def test_recreating_the_root_says_that_it_replaces_little(
    rim: Node, console: Client, site_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = console.get(reverse("recreate_root"), secure=True).content.decode().partition("<main")[2].partition("</main>")[0]
    for text in [*NAMES, "manage.py rotate_central_key", "manage.py rotate_root_passphrase", "Recreating the root replaces it."]:
        assert text in page
    assert ("Make a new root, which" in page, "that machine act" in page) == (False, False)
    monkeypatch.setattr("qmc.recreation.services.backup_verify", lambda **_: "")
    root_recreate(trust_zone="central.example", folder=site_directory / "backups", actor=SYSTEM, now=now())
    page = console.get(reverse("recreation"), secure=True).content.decode()
    assert buttons(page) == {"database_key:rotate", "connections:list", "expiry"}
    assert page.count("replaced since") == 1  # the cluster certificate


def test_a_token_is_ended_by_command(rim: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    user, client = User.objects.create_superuser("robot"), Client()
    token = factories.token(user, "nightly", at=now())
    headers = {"Authorization": f"Token {token}"}
    assert client.get("/api/v1/nodes/", headers=headers, secure=True).status_code == 200
    monkeypatch.setattr("qmc.management.site.database_require", lambda **_: None)  # the tests' database is in memory
    for words in (("robot", "weekly"), ("nobody", "nightly")):
        with pytest.raises(CommandError, match=r"Nothing was changed\."):
            call_command("revoke_token", words[0], name=words[1])
    call_command("revoke_token", "robot", name="nightly")
    assert client.get("/api/v1/nodes/", headers=headers, secure=True).status_code == 401
    assert (ApiToken.objects.usable().count(), Event.objects.filter(action="token.revoked").count()) == (0, 1)
    assert token not in capsys.readouterr().out
