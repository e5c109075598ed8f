"""The cluster certificate by every door: what nodes prove, deployments and their tokens, facts about the site, ticks and delivery."""

import base64
import json
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from agent import cluster as agent_cluster
from agent.store import Installed, Store
from attention.needs import Look, needs
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.cluster.services import cluster_current, cluster_pfx, token_checked, token_sign
from certs.models import Certificate, DatabaseKey, Deployment, TrustZone
from jobs.models import Job
from nodes.cluster.deployments import deployment_change, deployment_create, deployment_delete
from nodes.cluster.services import cluster_deliver, cluster_nodes, site_set, tick_set
from nodes.errors import InputInvalid
from nodes.models import Node, Observation, Renewal
from nodes.node_api.caller import Caller
from nodes.node_api.heartbeat import heartbeat
from pki.cluster import proofs
from pki.cluster import tokens as cluster
from pki.core import keys
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.core.verify import fingerprint
from pki.exchange.package import Package
from pki.exchange.report import Report
from pki.foreign import pfx
from sitekit.authority import Authority
from tests import factories
from tests.problems import error_fields

NOW = datetime.now(UTC).replace(microsecond=0)
GOOD = {"name": "Europe", "api_address": "https://tenant.eu.example.com", "audience": "tenant.eu.example.com"}
FACTS = {"installation": "upgrade", "upgraded_from": "June 2020", "release": "September 2020", "app_distribution": "uses"}
API, PASSWORD = "/api/v1", "correct horse battery"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def store(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("node"))
    made.install(package, now=datetime.now(UTC))
    return made


@pytest.fixture(scope="session")
def successor(authority: Authority) -> Pair:
    return authority.pair(Kind.CLUSTER)


@dataclass
class Zone:
    """A founded trust zone with one root and one cluster certificate, whose central node has these installed."""

    installed: Installed
    root: Certificate
    cluster: Certificate
    central: Node

    @property
    def key(self):
        return keys.from_pem(agent_cluster.place(self.installed).read_bytes(), own=True)


def row(certificate: Any, kind: Kind, *, generation: int = 1, **fields: Any) -> Certificate:
    return Certificate.objects.create(
        kind=kind, status="issued", subject=kind, serial=f"{certificate.serial_number:x}", sha256=fingerprint(certificate),
        der=certificate.public_bytes(Encoding.DER), generation=generation, not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc, key_type="RSA-2048", lease_until=NOW, created_at=NOW - timedelta(minutes=1), **fields,
    )  # fmt: skip


def node(name: str, **fields: Any) -> Node:
    return Node.objects.create(
        **{
            "name": name,
            "host_name": f"{name}.example",
            "state": "registered",
            "state_since": NOW,
            "created_at": NOW,
            "registered_at": NOW,
            "generation": 1,
        }
        | fields
    )


@pytest.fixture
def zone(store: Store, settings: Any) -> Zone:
    settings.NODE_STORE = store.home
    installed = store.current()
    assert installed is not None
    DatabaseKey.objects.create(
        version=1, status="writing", key_id=installed.database_key().key_id.hex(), algorithm="AES-256-GCM", created_at=NOW, status_since=NOW
    )
    TrustZone.objects.create(name="central.example", created_at=NOW, founded_at=NOW)
    root = row(installed.roots[0], Kind.ROOT)
    pem = keys.to_pem(keys.from_pem(agent_cluster.place(installed).read_bytes(), own=True))
    return Zone(
        installed, root, row(installed.cluster, Kind.CLUSTER, issuer=root, sealed_private_key=pem), node("central", is_central=True)
    )


@pytest.fixture
def client(zone: Zone) -> Client:
    """An administrator's."""
    return factories.administrator("admin")


def report_of(zone: Zone, **changes: Any) -> Report:
    """A heartbeat as the agent on the wire sends it, read by the node API."""
    content = {
        "generation": 1, "trusts": [zone.root.sha256], "revocation_lists": {}, "installed": {"cluster": zone.cluster.sha256}, "served": {},
        "database_keys": [zone.installed.database_key().key_id.hex()], "proofs": {}, "clock": NOW.isoformat(), "listening": True,
    }  # fmt: skip
    return Report.parse(json.dumps(content | changes).encode())


def send_heartbeat(zone: Zone, at: Node, now: datetime = NOW, **changes: Any) -> str:
    """One heartbeat. The next challenge."""
    caller = Caller(Node.objects.get(pk=at.pk), 0, "issued", None, is_disputed=False, has_renewal=False, site_digest=None)
    answer = heartbeat(caller=caller, report=report_of(zone, **changes), now=now)
    assert Observation.objects.get(node=at).cluster_challenge == answer.cluster_challenge
    return answer.cluster_challenge


def proved(at: Node) -> tuple[Any, str]:
    seen = Observation.objects.get(node=at)
    return seen.cluster_proved_at, seen.cluster_proved_sha256


def test_a_node_proves_the_key_that_it_reports(zone: Zone) -> None:
    rim = node("rim1")
    first = send_heartbeat(zone, rim)
    assert proved(rim) == (None, "")
    second = send_heartbeat(
        zone, rim, NOW + timedelta(minutes=1), cluster_proof=proofs.proof_make(zone.key, node=str(rim.pk), challenge=first)
    )
    assert proved(rim) == (NOW + timedelta(minutes=1), zone.cluster.sha256)
    assert (len(first), second) == (64, "")
    send_heartbeat(zone, rim, NOW + timedelta(minutes=2))  # an agent that has just started has no challenge yet
    assert proved(rim) == (NOW + timedelta(minutes=1), zone.cluster.sha256)
    third = send_heartbeat(zone, rim, NOW + timedelta(minutes=61))
    assert (len(third), third != first) == (64, True)
    assert send_heartbeat(zone, rim, NOW + timedelta(minutes=62)) == third
    assert proved(rim) == (NOW + timedelta(minutes=1), zone.cluster.sha256)
    send_heartbeat(zone, rim, NOW + timedelta(minutes=63), cluster_proof=proofs.proof_make(zone.key, node=str(rim.pk), challenge=third))
    assert proved(rim) == (NOW + timedelta(minutes=63), zone.cluster.sha256)
    (state,) = cluster_nodes([Node.objects.select_related("observation").get(pk=rim.pk)], in_force=zone.cluster)
    assert (state.state, state.verified) == ("cluster_proved", True)


def test_what_does_not_prove_is_not_believed(zone: Zone, successor: Pair) -> None:
    rim, other = node("rim1"), node("rim2")
    foreign = keys.from_pem(successor.private_key, own=True)
    old = send_heartbeat(zone, rim)
    Observation.objects.filter(node=rim).update(cluster_challenge="")
    challenge = send_heartbeat(zone, rim)
    for said, changes in {
        proofs.proof_make(zone.key, node=str(other.pk), challenge=challenge): {},
        proofs.proof_make(zone.key, node=str(rim.pk), challenge=old): {},  # replayed
        proofs.proof_make(foreign, node=str(rim.pk), challenge=challenge): {},
        proofs.proof_make(zone.key, node=str(rim.pk), challenge=challenge): {"installed": {"cluster": "e" * 64}},
        "nonsense": {},
        "..": {},
    }.items():
        Observation.objects.filter(node=rim).update(cluster_challenge=challenge)
        send_heartbeat(zone, rim, cluster_proof=said, **changes)
        assert proved(rim) == (None, ""), said
    Certificate.objects.filter(pk=zone.cluster.pk).update(status="revoked")
    challenge = send_heartbeat(zone, rim)
    send_heartbeat(zone, rim, cluster_proof=proofs.proof_make(zone.key, node=str(rim.pk), challenge=challenge))
    assert proved(rim) == (None, "")


def test_a_proof_ends_with_the_certificate_that_it_was_of(zone: Zone) -> None:
    rim = node("rim1")
    send_heartbeat(zone, rim, cluster_proof=proofs.proof_make(zone.key, node=str(rim.pk), challenge=send_heartbeat(zone, rim)))
    assert proved(rim)[1] == zone.cluster.sha256
    send_heartbeat(zone, rim, installed={"cluster": "e" * 64})
    assert proved(rim) == (None, "")


def test_the_agent_signs_what_the_console_verifies(zone: Zone) -> None:
    said = agent_cluster.proof(zone.installed, "ab" * 32)
    proofs.proof_check(said or "", zone.installed.cluster, node=zone.installed.node, challenge="ab" * 32)
    assert agent_cluster.proof(zone.installed, "") is None


BAD = [
    *(("name", text) for text in ("", " ", "x" * 101, "x" * 10_240, "a\nb", "a\0b", " Europe", "EUROPE", "\u202eeporuE")),
    *(("audience", text) for text in ("", "x" * 201, "a\tb", " x")),
    *(
        ("api_address", text)
        for text in (
            "", "javascript:alert(1)", "http://tenant.example", "tenant.example", "https://", "https:///path", "https://user:secret@tenant.example",
            "https://tenant.example:99999", "https://tenant.example:0", "https://tenant.example:x", "https://[::1", "https://tenant.example/ path",
            "https://tenant.example/?a=b", "https://tenant.example/#x", "https://tenänt.example", "https://tenant.example\\@evil.example",
            "file:///etc/passwd", "ftp://tenant.example", "//tenant.example", "https://tenant.example/" + "x" * 500, "https://a\n.example", "data:,x",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("field", "text"), BAD, ids=lambda value: repr(value)[:40])
def test_bad_text_names_the_field_and_changes_nothing(field: str, text: str) -> None:
    deployment_create(actor=SYSTEM, now=NOW, **GOOD)
    held = deployment_create(actor=SYSTEM, now=NOW, **(GOOD | {"name": "Asia"}))
    before = list(Deployment.objects.values()), Event.objects.count()
    for save in (
        lambda: deployment_create(actor=SYSTEM, now=NOW, **(GOOD | {"name": "new"} | {field: text})),
        lambda: deployment_change(actor=SYSTEM, deployment=held, now=NOW, **{field: text}),
    ):
        with pytest.raises(InputInvalid) as refused:
            save()
        assert set(refused.value.errors) == {field}
        assert all(line.endswith(".") for texts in refused.value.errors.values() for line in texts)
    assert (list(Deployment.objects.values()), Event.objects.count()) == before


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", 5),
        ("audience", None),
        ("api_address", ["x"]),
        ("name", "a\ud800"),
        ("name", "x" * 10_240),
        ("api_address", "javascript:alert(1)"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_api_answers_bad_input_with_400(client: Client, field: str, text: Any) -> None:
    deployment_create(actor=SYSTEM, now=NOW, **(GOOD | {"name": "europe"}))
    answer = client.post(f"{API}/deployments/", json.dumps(GOOD | {"name": "new"} | {field: text}), content_type="application/json")
    assert (answer.status_code, answer.json()["type"], error_fields(answer.json())) == (400, "urn:trust-zone:invalid", [field])


@pytest.mark.parametrize(
    "text",
    ["https://tenant.eu.example.com", "https://t.example:8443/api/v1", "https://[2001:db8::1]/", "HTTPS://T.EXAMPLE", "https://10.0.0.1/x"],
)
def test_an_https_address_is_kept_as_it_was_given(text: str) -> None:
    assert deployment_create(actor=SYSTEM, now=NOW, **(GOOD | {"api_address": text})).api_address == text


def test_a_deployment_lives_in_the_api(client: Client) -> None:
    made = client.post(f"{API}/deployments/", json.dumps(GOOD), content_type="application/json")
    assert made.status_code == 201
    path = f"{API}/deployments/{made.json()['id']}/"
    assert client.get(path).json() == made.json()
    assert [result["id"] for result in client.get(f"{API}/deployments/?search=EUR").json()["results"]] == [made.json()["id"]]
    assert client.get(f"{API}/deployments/?search=nowhere").json() == {"results": [], "next": None}
    changed = client.put(path, json.dumps(GOOD | {"audience": "other"}), content_type="application/json")
    assert (changed.status_code, changed.json()["audience"]) == (200, "other")
    assert client.put(path, json.dumps({"name": "x"}), content_type="application/json").status_code == 400
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == client.delete(path).status_code == 404
    assert list(Event.objects.order_by("sequence").values_list("action", flat=True)) == [
        "deployment.created", "deployment.changed", "deployment.deleted"
    ]  # fmt: skip


def test_a_test_token_holds_and_is_kept_nowhere(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    europe, asia = (deployment_create(actor=SYSTEM, now=NOW, **(GOOD | {"name": name, "audience": name})) for name in ("europe", "asia"))
    with caplog.at_level(logging.DEBUG):
        made = client.post(f"{API}/deployments/{europe.pk}/test-token/", content_type="application/json")
        page = client.post(f"/cluster/deployments/{europe.pk}/test-token/")
    assert (made.status_code, made["Cache-Control"], page["Cache-Control"]) == (201, "no-store", "no-store")
    token = made.json()["token"]
    for event in Event.objects.all():
        assert "eyJ" not in json.dumps(event.detail)
    assert token not in caplog.text
    assert "eyJ" not in client.get(f"/cluster/deployments/{europe.pk}/").content.decode()
    asked = [
        ({"token": token}, True),
        ({"token": token, "deployment": str(europe.pk)}, True),
        ({"token": token, "deployment": str(asia.pk)}, False),
    ]
    asked += [({"token": f" {token}\n"}, True), ({"token": token[:-1]}, False), ({"token": ""}, False)]
    for content, holds in asked:
        answer = client.post(f"{API}/cluster/check-token/", json.dumps(content), content_type="application/json")
        assert (answer.status_code, answer.json()["accepted"]) == (200, holds), content
    unknown = client.post(
        f"{API}/cluster/check-token/", json.dumps({"token": token, "deployment": str(uuid.uuid4())}), content_type="application/json"
    )
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:trust-zone:not-found")
    for content in ({}, {"token": 5}, {"token": token, "deployment": "x"}, []):
        assert client.post(f"{API}/cluster/check-token/", json.dumps(content), content_type="application/json").status_code == 400


def test_a_token_of_a_superseded_key_is_named(zone: Zone, successor: Pair) -> None:
    deployment = deployment_create(actor=SYSTEM, now=NOW, **GOOD)
    token = token_sign(actor=SYSTEM, deployment=deployment, now=NOW).text
    replaced(zone, successor)
    assert token_checked(actor=SYSTEM, token=token, deployment=None, now=NOW).accepted
    Certificate.objects.filter(pk=zone.cluster.pk).update(status="superseded")
    found = token_checked(actor=SYSTEM, token=token, deployment=None, now=NOW)
    assert not found.accepted
    assert "which is superseded" in " ".join(finding.text for finding in found.findings)


def replaced(zone: Zone, successor: Pair) -> Certificate:
    """The site has another cluster certificate in force; the one before counts beside it."""
    from_pem = keys.from_pem(successor.private_key, own=True)
    certificate = x509.load_pem_x509_certificate(successor.certificate)
    return row(certificate, Kind.CLUSTER, generation=2, issuer=zone.root, sealed_private_key=keys.to_pem(from_pem))


def test_jwks_has_both_keys_while_one_is_replaced(client: Client, zone: Zone, successor: Pair) -> None:
    def kids() -> list[str]:
        answer = client.get(f"{API}/cluster/jwks/")
        assert (answer["Content-Type"], answer["Content-Disposition"]) == ("application/jwk-set+json", 'attachment; filename="jwks.json"')
        return [key["kid"] for key in answer.json()["keys"]]

    first = kids()
    newest = replaced(zone, successor)
    assert kids() == [cluster.key_id(newest.x509()), *first]
    assert client.get(f"{API}/cluster/public-key/").content.decode() == cluster.public_pem(newest.x509())
    Certificate.objects.filter(pk=zone.cluster.pk).update(status="superseded")
    assert kids() == [cluster.key_id(newest.x509())]


def test_the_api_lists_each_node(client: Client, zone: Zone, successor: Pair) -> None:
    rim, silent = node("rim1"), node("rim2")
    send_heartbeat(zone, rim)
    send_heartbeat(zone, zone.central, installed={"cluster": "e" * 64})
    replaced(zone, successor)
    answer = client.get(f"{API}/cluster/?page_size=2").json()
    assert (answer["certificate"]["kind"], answer["manual_configuration"]["required"]) == ("cluster", False)
    further = client.get(answer["next"]).json()
    found = {
        result["name"]: (result["present"], result["current"], result["verified"]) for result in answer["results"] + further["results"]
    }
    assert found == {"central": (False, False, False), rim.name: (True, False, False), silent.name: (False, False, False)}


RELEASES = ["Septembre 2020", "September 20", "2020", "x" * 10_240, "March 2020", "September\n2020", "<script>", "\u0000"]


@pytest.mark.parametrize("field", ["upgraded_from", "release"])
@pytest.mark.parametrize("text", RELEASES, ids=lambda value: repr(value)[:20])
def test_a_release_that_is_none_is_refused_with_what_to_give(client: Client, field: str, text: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        site_set(actor=SYSTEM, now=NOW, **(FACTS | {field: text}))
    assert "such as September 2020" in refused.value.errors[field][0]
    assert client.post("/cluster/site/", FACTS | {field: text}).status_code == 400
    answer = client.put(f"{API}/cluster/site/", json.dumps(FACTS | {field: text}), content_type="application/json")
    assert (answer.status_code, error_fields(answer.json())) == (400, [field])
    assert TrustZone.objects.get().installation == "new"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"installation": "other"}, "installation"), ({"app_distribution": "x" * 10_000}, "app_distribution"), ({"upgraded_from": ""}, "upgraded_from"),
        ({"release": ""}, "release"), ({"release": "June 2020"}, "release"), ({"release": "April 2020"}, "release"), ({"installation": "new"}, "upgraded_from"),
    ],
    ids=str,
)  # fmt: skip
def test_facts_that_do_not_fit_are_refused(zone: Zone, changes: dict[str, str], field: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        site_set(actor=SYSTEM, now=NOW, **(FACTS | changes))
    assert set(refused.value.errors) == {field}


def test_facts_go_through_the_api(client: Client) -> None:
    node("rim1")
    factories.node("rim9", at=NOW, state="created")  # not part of the site before it is registered
    path, none = f"{API}/cluster/site/", {"installation": "new", "app_distribution": "none"}
    for facts, required in ((FACTS, True), (FACTS | {"app_distribution": "none"}, False), (none, False)):
        answer = client.put(path, json.dumps(facts), content_type="application/json")
        assert (answer.status_code, answer.json()["manual_configuration"]["required"], answer.json()["nodes"]) == (200, required, 2)
        assert client.get(path).json() == answer.json()
    for wrong in ({}, {"installation": 5, "app_distribution": "none"}, none | {"release": None}, []):
        assert client.put(path, json.dumps(wrong), content_type="application/json").status_code == 400


def test_what_was_typed_stays_after_an_error(client: Client) -> None:
    page = client.post("/cluster/site/", FACTS | {"release": "Septembre 2020"}).content.decode()
    assert 'value="Septembre 2020"' in page
    assert 'value="June 2020"' in page


def cluster_need() -> list[str]:
    return [need.title for need in needs(Look(timezone.now())) if "QlikServiceCluster" in need.title]


def test_required_is_a_need_until_every_node_has_proved_it(client: Client, zone: Zone) -> None:
    rim = node("rim1")
    for holder in (zone.central, rim):
        send_heartbeat(zone, holder)
    assert cluster_need() == []
    assert site_set(actor=SYSTEM, now=NOW, **FACTS).required
    assert cluster_need() == ["2 of 2 nodes still need the QlikServiceCluster certificate"]
    for holder in (zone.central, rim):
        challenge = send_heartbeat(zone, holder)
        send_heartbeat(zone, holder, cluster_proof=proofs.proof_make(zone.key, node=str(holder.pk), challenge=challenge))
    assert cluster_need() == []
    assert "Every node is verified" in client.get("/cluster/manual/").content.decode()
    assert Event.objects.filter(action="site.facts_set").count() == 1
    site_set(actor=SYSTEM, now=NOW, **FACTS)
    assert Event.objects.filter(action="site.facts_set").count() == 1


def test_a_tick_is_a_claim_until_the_node_proves_it(client: Client, zone: Zone, successor: Pair) -> None:
    rim = node("rim1")
    send_heartbeat(zone, rim)
    newest = replaced(zone, successor)

    def state() -> tuple[bool, bool, bool]:
        (found,) = cluster_nodes(Node.objects.filter(pk=rim.pk), in_force=cluster_current())
        return found.ticked, found.current, found.verified

    assert client.post(f"/cluster/manual/{rim.pk}/tick/", {"done": "yes"}).status_code == 302
    assert state() == (True, False, False)
    assert "marked, not verified" in client.get("/cluster/manual/").content.decode()
    challenge = send_heartbeat(zone, rim, installed={"cluster": newest.sha256})
    assert state() == (True, True, False)
    own = keys.from_pem(successor.private_key, own=True)
    proof = proofs.proof_make(own, node=str(rim.pk), challenge=challenge)
    send_heartbeat(zone, rim, installed={"cluster": newest.sha256}, cluster_proof=proof)
    assert state() == (True, True, True)
    Certificate.objects.filter(pk=newest.pk).update(created_at=NOW + timedelta(days=1))  # a later one: the tick was of another
    assert state()[0] is False
    tick_set(actor=SYSTEM, node=rim, on=False, now=NOW)
    assert list(Event.objects.for_target(rim.pk).values_list("action", "actor")) == [
        ("cluster.unticked", "system"),
        ("cluster.ticked", "admin"),
    ]


def test_one_button_renews_calling_nodes_without_it(client: Client, zone: Zone, successor: Pair) -> None:
    rim, silent, has_it = node("rim1"), node("rim2"), node("rim3")
    newest = replaced(zone, successor)
    for holder, at, held in (
        (rim, timezone.now(), zone.cluster),
        (silent, NOW - timedelta(days=1), zone.cluster),
        (has_it, timezone.now(), newest),
    ):
        send_heartbeat(zone, holder, at, installed={"cluster": held.sha256})
    send_heartbeat(zone, zone.central, timezone.now(), installed={"cluster": newest.sha256})
    page = client.post("/cluster/manual/deliver/").content.decode()
    assert "Delivery started for rim1" in page
    assert "rim2: is silent" in page
    assert list(Renewal.objects.values_list("node__name", flat=True)) == ["rim1"]
    assert Job.objects.filter(title="Renewal of rim1").count() == 1
    assert "rim1: A renewal is already in progress" in client.post("/cluster/manual/deliver/", {"node": str(rim.pk)}).content.decode()
    assert "Every node has it" in client.post("/cluster/manual/deliver/", {"node": "nonsense"}).content.decode()
    assert client.get("/cluster/manual/deliver/").status_code == 405


def test_the_pfx_wants_a_fresh_sign_in_and_is_audited(client: Client, zone: Zone) -> None:
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user)
    form = {"form": "aes-256", "password": "a password of mine", "again": "a password of mine"}
    asked = client.get("/cluster/pfx/")
    assert (asked.status_code, asked.url) == (302, "/accounts/reauthenticate/?next=%2Fcluster%2Fpfx%2F")
    assert client.post("/cluster/pfx/", form).url == "/cluster/pfx/"
    assert "a password of mine" not in json.dumps(dict(client.session))
    assert client.post(asked.url, {"password": "wrong"}).status_code == 200
    assert client.get("/cluster/pfx/").status_code == 302
    assert client.post(asked.url, {"password": PASSWORD}).url == "/cluster/pfx/"
    assert client.get("/cluster/pfx/").status_code == 200
    for wrong, said in (({"again": "another"}, "differ"), ({"password": "short", "again": "short"}, "5 characters"), ({"password": "pässwörter über alles"}, "US keyboard"), ({"form": "des"}, "valid choice")):  # fmt: skip
        page = client.post("/cluster/pfx/", form | wrong)
        assert page.status_code == 400
        assert said in page.content.decode()
        assert "a password of mine" not in page.content.decode()
    answer = client.post("/cluster/pfx/", form)
    assert (answer.status_code, answer["Cache-Control"], answer["Content-Type"]) == (200, "no-store", "application/x-pkcs12")
    key, certificate, _ = pkcs12.load_key_and_certificates(answer.content, b"a password of mine")
    assert (fingerprint(certificate), key.public_key()) == (zone.cluster.sha256, certificate.public_key())
    (event,) = Event.objects.filter(action="cluster.exported")
    assert (event.actor, event.detail) == ("admin", {"form": "aes-256", "sha256": zone.cluster.sha256})


ALLOWED = {
    "certs.view_deployment": [("get", "/cluster/check-token/"), ("get", f"{API}/deployments/")],
    "certs.view_certificate": [
        ("get", "/cluster/"),
        ("get", "/cluster/site/"),
        ("get", f"{API}/cluster/jwks/"),
        ("get", f"{API}/cluster/public-key/"),
    ],
    "nodes.view_node": [("get", "/cluster/manual/")],
    "certs.add_deployment": [("get", "/cluster/deployments/new/")],
}


@pytest.mark.parametrize("permission", ALLOWED)
def test_only_who_may_sees_it(client: Client, permission: str) -> None:
    somebody = Client()
    user = User.objects.create_user("somebody")
    somebody.force_login(user)
    app, codename = permission.split(".")
    user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    for permitted, doors in ALLOWED.items():
        for method, path in doors:
            assert getattr(somebody, method)(path).status_code == (200 if permitted == permission else 403), path


def test_services_ask_for_permission(zone: Zone) -> None:
    nobody, deployment = Actor("node", "rim1"), deployment_create(actor=SYSTEM, now=NOW, **GOOD)
    for act in (
        lambda: deployment_create(actor=nobody, now=NOW, **GOOD),
        lambda: deployment_change(actor=nobody, deployment=deployment, now=NOW),
        lambda: deployment_delete(actor=nobody, deployment=deployment, now=NOW),
        lambda: token_sign(actor=nobody, deployment=deployment, now=NOW),
        lambda: token_checked(actor=nobody, token="", deployment=None, now=NOW),
        lambda: cluster_pfx(actor=nobody, password="x" * 12, form=pfx.PfxForm.AES, now=NOW),
        lambda: site_set(actor=nobody, now=NOW, **FACTS),
        lambda: tick_set(actor=nobody, node=zone.central, on=True, now=NOW),
        lambda: cluster_deliver(actor=nobody, nodes=[], now=NOW),
    ):
        with pytest.raises(PermissionRefused):
            act()


def test_a_trust_zone_without_its_certificate_is_reported_on_every_page(client: Client, zone: Zone) -> None:
    Certificate.objects.filter(pk=zone.cluster.pk).update(status="revoked")
    for path in ("/cluster/", "/cluster/manual/"):
        page = client.get(path)
        assert (page.status_code, "Restore it from a backup" in page.content.decode()) == (503, True)
    assert client.get(f"{API}/cluster/jwks/").json()["type"] == "urn:trust-zone:trust-zone-broken"
    TrustZone.objects.all().delete()
    assert "manage.py init" in client.get("/cluster/site/").content.decode()


def test_every_page_answers(client: Client, zone: Zone) -> None:
    deployment = deployment_create(actor=SYSTEM, now=NOW, **GOOD)
    send_heartbeat(zone, zone.central)
    for path in (
        "",
        "?search=nowhere",
        "?sort=node",
        "?sort=-state",
        "?sort=evil&page=99",
        "?search=%00",
        "manual/?search=cen",
        "site/",
        "manual/",
        "check-token/",
        "deployments/new/",
        f"deployments/{deployment.pk}/",
        f"deployments/{deployment.pk}/remove/",
    ):
        assert client.get(f"/cluster/{path}").status_code == 200, path
    header = base64.urlsafe_b64encode(b'{"alg": "\\ud800"}').decode().rstrip("=")
    for token in ("a.b.c", f"{header}.e30.", "x" * 8192):
        page = client.post("/cluster/check-token/", {"token": token}).content.decode()
        assert "This token is refused" in page
    assert client.post("/cluster/check-token/", {"token": ""}).status_code == 400
    assert client.post("/cluster/deployments/new/", GOOD | {"api_address": "javascript:alert(1)"}).status_code == 400
    assert client.post("/cluster/deployments/new/", GOOD | {"name": "Asia"}).status_code == 302
    assert client.post(f"/cluster/deployments/{deployment.pk}/remove/").status_code == 302
