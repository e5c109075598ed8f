"""Browser certificates through services, pages and APIs: uploaded, requested, chosen, sent to nodes, deleted and reported."""

import base64
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agent.store import Installed, Store
from attention.needs import Look, needs
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.models import Certificate, DatabaseKey
from nodes.browser_certificates.services import (
    browser_certificate_answer,
    browser_certificate_choose,
    browser_certificate_delete,
    browser_certificate_request,
    browser_certificate_upload,
    choice_for,
    chosen_certificate,
)
from nodes.browser_certificates.verdict import findings
from nodes.browser_certificates.view_models import WHY, browser_status
from nodes.errors import ChoiceBlocked, IllegalNodeTransition, InputInvalid
from nodes.inventory.view_models import history
from nodes.models import BrowserCertificate, Node, Observation
from nodes.observation.served_certificates import served_certificates
from pki.core import keys
from pki.core.verify import fingerprint
from pki.exchange.package import Package
from pki.foreign import browser_choice
from pki.foreign.browser_choice import PROBLEMS, BrowserChoice
from pki.foreign.uploaded import File
from tests import factories
from tests.problems import error_fields
from tests.public_authority import NOW, Signed, intermediate, p256, sign

API = "/api/v1/browser-certificates/"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def store(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What this machine has installed."""
    made = Store(tmp_path_factory.mktemp("node"))
    made.install(package, now=package.expires_at - timedelta(hours=20))
    return made


@pytest.fixture(autouse=True)
def zone(store: Store, settings: Any) -> Installed:
    settings.NODE_STORE = store.home
    installed = store.current()
    assert installed is not None
    DatabaseKey.objects.create(
        version=1, status="writing", key_id=installed.database_key().key_id.hex(), algorithm="AES-256-GCM", created_at=NOW, status_since=NOW
    )
    return installed


@pytest.fixture
def client() -> Client:
    """An administrator's."""
    return factories.administrator("admin")


@pytest.fixture(scope="module")
def leaf() -> Signed:
    return sign(issuer=intermediate(), key=p256(5), names=("www.example", "rim1.example"))


def pem(leaf: Signed) -> bytes:
    return leaf.pem + intermediate().pem + keys.to_pem(leaf.key)


def upload(leaf: Signed, **more: Any) -> BrowserCertificate:
    return browser_certificate_upload(actor=SYSTEM, files=[File("www.pem", pem(leaf))], now=NOW, **more)


@pytest.fixture
def node() -> Node:
    return factories.node(at=NOW)


def choice(node: Node) -> BrowserChoice | None:
    return choice_for(node, chosen_certificate(node), with_key=True)


def choose(node: Node, thumbprint: str) -> Node:
    return browser_certificate_choose(actor=SYSTEM, node=node, thumbprint=thumbprint, now=NOW)


def actions() -> list[str]:
    return list(Event.objects.order_by("sequence").values_list("action", flat=True))


def test_what_is_brought_is_kept_with_its_key_sealed(leaf: Signed) -> None:
    made = upload(leaf)
    assert (made.name, made.state, made.source, made.names) == ("www.example", "ready", "uploaded", ["www.example", "rim1.example"])
    assert (made.thumbprint, made.sha256) == leaf.foreign.thumbprints
    assert made.certificates == [leaf.pem.decode(), intermediate().pem.decode()]
    assert keys.from_pem(BrowserCertificate.objects.get().private_key.open()).public_key() == leaf.certificate.public_key()
    assert actions() == ["browser_certificate.uploaded"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM nodes_browsercertificate")
        assert b"PRIVATE KEY" not in repr(cursor.fetchall()).encode()
    assert "PRIVATE" not in json.dumps(list(Event.objects.values_list("detail", flat=True)))


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({}, "files", "already exists: www.example"),
        ({"name": "WWW.example"}, "name", "already exists"),
        ({"name": " x"}, "name", "no space at the start or end"),
        ({"name": "x" * 101}, "name", "1 to 100"),
        ({"name": "a\nb"}, "name", "printable"),
    ],
)
def test_what_cannot_be_kept_names_the_field(leaf: Signed, more: dict[str, str], field: str, words: str) -> None:
    upload(leaf)
    with pytest.raises(InputInvalid) as refused:
        upload(leaf, **more)
    assert [words in text for text in refused.value.errors[field]] == [True]
    assert BrowserCertificate.objects.count() == 1


def test_a_name_that_is_taken_gets_a_number(leaf: Signed) -> None:
    assert [upload(pair).name for pair in (leaf, sign(), sign())] == ["www.example", "www.example 2", "www.example 3"]


# The request and its answer


def requested(**more: Any) -> BrowserCertificate:
    return browser_certificate_request(actor=SYSTEM, host_names=["www.example", "*.corp.example"], key_type="EC P-256", now=NOW, **more)


def answered(waiting: BrowserCertificate, *certificates: bytes) -> BrowserCertificate:
    files = [File(f"{number}.cer", content) for number, content in enumerate(certificates)]
    return browser_certificate_answer(actor=SYSTEM, certificate=waiting, files=files, now=NOW)


def signed_for(waiting: BrowserCertificate) -> Signed:
    """What an authority makes of it: it has the request alone."""
    asked = x509.load_pem_x509_csr(waiting.csr.encode())
    assert asked.is_signature_valid
    made = sign("www.example", issuer=intermediate(), key=keys.from_pem(waiting.private_key.open()))
    assert made.certificate.public_key() == asked.public_key()
    return made


def test_a_request_is_answered_once_and_for_its_own_key() -> None:
    waiting, other = requested(name="Next year"), requested(name="Another")
    assert BrowserCertificate.objects.ready().count() == 0
    with pytest.raises(InputInvalid, match="made for another key"):
        answered(waiting, signed_for(other).pem)
    made = signed_for(waiting)
    assert answered(waiting, intermediate().pem, made.pem).certificates == [made.pem.decode(), intermediate().pem.decode()]
    assert (waiting.state, waiting.name, waiting.source) == ("ready", "Next year", "request")
    assert choice(choose_new(waiting)).private_key == waiting.private_key.open()
    with pytest.raises(InputInvalid, match="add nothing"):
        answered(waiting, made.pem)
    assert actions()[:3] == ["browser_certificate.requested", "browser_certificate.requested", "browser_certificate.answered"]


def choose_new(certificate: BrowserCertificate) -> Node:
    made = factories.node("w", at=NOW, host_name="www.example")
    return choose(made, certificate.thumbprint)


def test_a_request_whose_key_does_not_open_takes_no_answer() -> None:
    waiting = requested()
    made = signed_for(waiting)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE nodes_browsercertificate SET private_key = %s", [b"x" * 80])
    with pytest.raises(IllegalNodeTransition, match="Make another request"):
        answered(BrowserCertificate.objects.get(), made.pem)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"host_names": []}, "host_names"),
        ({"host_names": ["a b"]}, "host_names"),
        ({"host_names": ["*.example"]}, "host_names"),
        ({"key_type": "RSA-1024"}, "key_type"),
        ({"name": " "}, "name"),
    ],
)
def test_a_request_that_no_authority_takes_is_not_made(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        browser_certificate_request(actor=SYSTEM, now=NOW, **({"host_names": ["www.example"], "key_type": "EC P-256"} | given))
    assert list(refused.value.errors) == [field]
    assert BrowserCertificate.objects.count() == 0


# Choosing


def test_chosen_by_a_thumbprint_however_it_was_pasted(leaf: Signed, node: Node) -> None:
    made = upload(leaf)
    pasted = "\u200e" + " ".join(made.thumbprint[at : at + 2].upper() for at in range(0, 40, 2))
    assert choose(node, pasted).browser_thumbprint == made.thumbprint
    assert node.browser_chosen_at == NOW
    assert choose(node, made.thumbprint) == node  # the same again is no change
    assert choose(node, made.sha256).browser_thumbprint == made.sha256
    assert choose(node, " ").browser_thumbprint == ""
    assert actions() == ["browser_certificate.uploaded", *["node.browser_certificate_chosen"] * 3]
    assert [row.text.split(":")[0] for row in history(node).rows] == [
        "Browser certificate no longer chosen; the trust zone's certificate is used", "Browser certificate chosen", "Browser certificate chosen",
    ]  # fmt: skip


def test_what_no_browser_would_take_is_not_chosen(node: Node) -> None:
    for made in (sign(names=("elsewhere.example",)), sign(begins=NOW - timedelta(days=100), names=("rim1.example",))):
        with pytest.raises(ChoiceBlocked) as blocked:
            choose(node, upload(made).thumbprint)
        assert [finding.code for finding in blocked.value.findings if finding.level == "blocker"] != []
    with pytest.raises(InputInvalid, match="39 symbols"):
        choose(node, "a" * 39)
    node.state = "decommissioned"
    with pytest.raises(IllegalNodeTransition):
        choose(node, "a" * 40)
    assert Node.objects.get().browser_thumbprint == ""


def test_chosen_before_it_was_here_hands_out_no_key_that_a_blocker_would_have_kept(node: Node) -> None:
    short = sign("Old CA", issuer=intermediate(), key=rsa.generate_private_key(65537, 1024), names=(), ca=True, purposes=())
    ended = sign("www.example", names=("rim1.example",), begins=NOW - timedelta(days=91))
    for made, above, words in ((sign(issuer=short, names=("rim1.example",)), short, "RSA-1024"), (ended, intermediate(), "It expired on")):
        chosen = choose(node, made.foreign.thumbprints[0])
        files = [File("www.pem", made.pem + above.pem + keys.to_pem(made.key))]
        browser_certificate_upload(actor=SYSTEM, files=files, now=NOW)
        delivered = choice(chosen)
        assert delivered is not None
        assert (delivered.certificates[0], delivered.private_key) == (made.pem, None)
        assert choice_for(chosen, chosen_certificate(chosen)).revision == delivered.revision
        problem = browser_choice.usable(delivered, names=["rim1.example"], now=NOW)
        status = browser_status(heard(chosen, browser=browser(chosen, problem)))
        assert (status.state, words in status.text, bool(status.remedy)) == ("fallen_back", True, True)


def test_chosen_before_it_was_here_and_fine_is_handed_out(leaf: Signed, node: Node) -> None:
    chosen = choose(node, leaf.foreign.thumbprints[0])
    upload(leaf)
    assert choice(chosen).private_key == keys.to_pem(leaf.key)


def test_symbols_that_cannot_be_printed_are_kept_by_no_database(node: Node) -> None:
    made = upload(sign("www\0", issuer=intermediate(), names=("rim1.example\0",)))
    assert (made.name, made.names) == ("www\ufffd", ["rim1.example\ufffd"])
    assert "\0" not in "".join([made.subject, *made.names, *made.notes])


def test_names_are_looked_at_before_a_key_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(rsa, "generate_private_key", lambda *args, **more: made.append(1))
    for names in ([], ["a b"], ["a.example"] * 51):
        with pytest.raises(InputInvalid):
            browser_certificate_request(actor=SYSTEM, host_names=names, now=NOW)
    assert made == []


def test_what_is_chosen_somewhere_is_not_deleted(leaf: Signed, node: Node) -> None:
    made = upload(leaf)
    choose(node, made.sha256)
    with pytest.raises(IllegalNodeTransition, match="chosen for rim1"):
        browser_certificate_delete(actor=SYSTEM, certificate=made, now=NOW)
    choose(node, "")
    for _ in range(2):
        browser_certificate_delete(actor=SYSTEM, certificate=made, now=NOW)
    assert BrowserCertificate.objects.count() == 0
    assert actions()[-1] == "browser_certificate.deleted"


def test_a_requests_key_is_not_deleted_by_an_empty_choice(node: Node) -> None:
    """Nodes that have chosen nothing, and a request that has no thumbprint yet, do not meet."""
    waiting = requested()
    assert choice(node) is None
    browser_certificate_delete(actor=SYSTEM, certificate=waiting, now=NOW)


def test_services_ask_who_may(leaf: Signed, node: Node) -> None:
    nobody = Actor("user", "nobody", User.objects.create_user("nobody"))
    made = upload(leaf)
    for refused in (
        lambda: browser_certificate_upload(actor=nobody, files=[], now=NOW),
        lambda: browser_certificate_request(actor=nobody, host_names=["x"], now=NOW),
        lambda: browser_certificate_answer(actor=nobody, certificate=made, files=[], now=NOW),
        lambda: browser_certificate_choose(actor=nobody, node=node, thumbprint="", now=NOW),
        lambda: browser_certificate_delete(actor=nobody, certificate=made, now=NOW),
    ):
        with pytest.raises(PermissionRefused):
            refused()


# The answers to a node, and its reports


def heard(node: Node, **fields: Any) -> Node:
    Observation.objects.update_or_create(node=node, defaults={"last_seen_at": NOW} | fields)
    return Node.objects.get(pk=node.pk)


def browser(node: Node, problem: str = "") -> dict[str, str]:
    chosen = choice(node)
    return {"revision": chosen.revision if chosen else "", "problem": problem}


def test_the_status_of_a_choice(leaf: Signed, node: Node) -> None:
    made = upload(leaf)
    assert browser_status(node).state == "none"
    node = choose(node, made.thumbprint)
    assert browser_status(node).state == "on_its_way"
    assert browser_status(heard(node)).remedy.startswith("If this does not change, update the agent")
    assert browser_status(heard(node, browser={"revision": "", "problem": ""})).state == "on_its_way"
    assert browser_status(heard(node, browser=browser(node))).state == "on_its_way"  # fetched, and not installed yet
    installed = {"service": "a" * 64, "browser": made.sha256}
    node = heard(node, browser=browser(node), installed=installed, served={"service": "a" * 64, "proxy": made.sha256, "engine": "b" * 64})
    status = browser_status(node)
    assert (status.state, status.certificate, status.serves) == ("in_use", made, ("proxy",))
    assert [(service.name, service.color) for service in served_certificates(node)] == [
        ("The agent", "green"),
        ("engine", "orange"),
        ("proxy", "green"),
    ]
    assert browser_status(choose(node, "")).state == "on_its_way"
    assert browser_status(heard(node, browser={"revision": "", "problem": ""})).state == "none"


def test_a_proxy_that_still_serves_what_was_chosen_before_is_named(leaf: Signed, node: Node) -> None:
    made = upload(leaf)
    node = heard(node, installed={"service": "a" * 64, "browser": "a" * 64}, served={"service": "a" * 64, "proxy": made.sha256})
    assert "still serves www.example" in served_certificates(node)[1].words


def test_overview_names_a_proxy_that_has_not_loaded_what_was_chosen(leaf: Signed, node: Node) -> None:
    made = upload(leaf)
    node = choose(node, made.thumbprint)

    def need_titles(at: datetime, **served: str) -> list[str]:
        heard(node, browser=browser(node), installed={"service": "a" * 64, "browser": made.sha256}, served=served, last_seen_at=at)
        return [need.title for need in needs(Look(at)) if "browser certificate" in need.title]

    late = NOW + timedelta(minutes=11)
    assert need_titles(NOW, proxy="a" * 64) == []
    assert need_titles(late, service="a" * 64) == need_titles(late, proxy=made.sha256, engine="a" * 64) == []
    assert need_titles(late, proxy="a" * 64) == [f"{node}: no service serves its browser certificate"]


@pytest.mark.parametrize("problem", sorted(PROBLEMS))
def test_why_it_fell_back_is_said_everywhere(problem: str, node: Node, client: Client) -> None:
    choose(node, "ab" * 20)
    node = heard(Node.objects.get(), browser=browser(Node.objects.get(), problem), last_seen_at=NOW)
    why, remedy = WHY[problem]
    status = browser_status(node)
    assert (status.state, status.problem) == ("fallen_back", problem)
    (need,) = [other for other in needs(Look(NOW)) if "browser certificate" in other.title]
    assert (why in need.text, need.remedy) == (True, remedy)
    page = client.get(f"/nodes/{node.pk}/").content.decode()
    assert why in page.replace("&#x27;", "'")
    assert "abababab" in page


def test_overview_names_what_ends_soon_where_it_is_chosen(node: Node) -> None:
    made = upload(sign(names=("rim1.example",), begins=NOW - timedelta(days=70)))

    def colors_and_titles() -> list[tuple[str, str]]:
        return [(need.color, need.title) for need in needs(Look(NOW)) if "browser certificate" in need.title]

    assert colors_and_titles() == []
    choose(node, made.thumbprint)
    assert colors_and_titles() == [("orange", "The browser certificate www.example expires in 20 days")]
    BrowserCertificate.objects.update(not_after=NOW - timedelta(seconds=1))
    assert colors_and_titles() == [("red", "The browser certificate www.example has expired")]


def report(**fields: Any) -> bytes:
    content = {"generation": 1, "clock": NOW.isoformat(), "trusts": [], "revocation_lists": {}, "installed": {}, "served": {}, "listening": True,
            "database_keys": [], "proofs": {}}  # fmt: skip
    return json.dumps(content | fields).encode()


class TestNodeApi:
    """What nodes ask on 4242."""

    @pytest.fixture
    def ask(self, node: Node, zone: Installed, settings: Any) -> Any:
        settings.ROOT_URLCONF = "qmc.urls_node"
        for kind, held in (("client", zone.client), ("service", zone.service)):
            der = held.public_bytes(Encoding.DER)
            factories.certificate(
                kind, holder_id=node.pk, at=NOW, subject=kind, sha256=fingerprint(der), der=der, not_after=NOW, generation=0
            )

        def ask(path: str = "/api/v1/browser-certificate/", certificate: x509.Certificate = zone.client, content: Any = None) -> Any:
            scope = {"asgi.scope": {"state": {"peer_certificate": certificate.public_bytes(Encoding.DER)}}}
            if content is None:
                return Client().get(path, **scope)
            return Client().post(path, content, content_type="application/json", **scope)

        return ask

    def test_the_node_gets_what_was_chosen_for_it(self, ask: Any, leaf: Signed, node: Node, package: Package) -> None:
        assert (ask().status_code, ask().json()["type"]) == (404, "urn:trust-zone:nothing-chosen")
        made = upload(leaf)
        choose(node, made.thumbprint)
        answer = ask()
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/jose")
        opened = browser_choice.open(answer.content, keys.from_pem(package.service.private_key))
        assert opened == choice(Node.objects.get())
        assert browser_choice.usable(opened, names=["rim1.example"], now=NOW) == ""
        choose(node, "c" * 40)
        opened = browser_choice.open(ask().content, keys.from_pem(package.service.private_key))
        assert (opened.thumbprint, opened.certificates, opened.private_key) == ("c" * 40, (), None)

    def test_a_key_that_does_not_open_is_none(self, ask: Any, leaf: Signed, node: Node, package: Package) -> None:
        made = upload(leaf)
        choose(node, made.thumbprint)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE nodes_browsercertificate SET private_key = %s", [b"x" * 80])
        opened = browser_choice.open(ask().content, keys.from_pem(package.service.private_key))
        assert browser_choice.usable(opened, names=["rim1.example"], now=NOW) == "no-private-key"
        assert [finding.level for finding in findings(BrowserCertificate.objects.get(), now=NOW) if finding.code == "private-key"] == [
            "blocker"
        ]

    def test_who_is_no_node_gets_nothing(self, ask: Any, leaf: Signed, node: Node, zone: Installed) -> None:
        choose(node, upload(leaf).thumbprint)
        assert ask(certificate=zone.service).status_code == 403
        Node.objects.update(state="decommissioned")
        assert ask().status_code == 403

    def test_without_a_service_certificate_it_is_not_sealed(self, ask: Any, leaf: Signed, node: Node) -> None:
        choose(node, upload(leaf).thumbprint)
        Certificate.objects.filter(kind="service").delete()
        assert (ask().status_code, ask().json()["type"]) == (409, "urn:trust-zone:not-now")

    def test_the_heartbeat_names_the_revision_and_history_what_became_of_it(self, ask: Any, leaf: Signed, node: Node) -> None:
        def send_heartbeat(**fields: Any) -> dict[str, Any]:
            answer = ask("/api/v1/heartbeat/", content=report(**fields))
            assert answer.status_code == 200, answer.content
            return answer.json()

        assert send_heartbeat()["browser"] == ""
        choose(node, upload(leaf).thumbprint)
        revision = choice(Node.objects.get()).revision
        assert send_heartbeat()["browser"] == revision
        for problem in ("", "", "expired", "expired", ""):
            send_heartbeat(browser={"revision": revision, "problem": problem})
        taken = [row.text for row in history(Node.objects.get()).rows][:3]
        assert taken == [
            "The node uses the chosen browser certificate",
            "The node uses the trust zone's certificate for browsers instead: it has expired",
            "The node uses the chosen browser certificate",
        ]

    def test_a_heartbeat_asks_no_more_than_once_for_what_is_chosen(self, ask: Any, leaf: Signed, node: Node) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                ask("/api/v1/heartbeat/", content=report(browser={"revision": "", "problem": ""}))
            return len(captured)

        queries()
        before = queries()
        choose(node, upload(leaf).thumbprint)
        assert queries() <= before + 1


# The REST API


class TestApi:
    def post(self, client: Client, fields: dict[str, Any], path: str = API) -> Any:
        return client.post(path, json.dumps(fields), content_type="application/json")

    @pytest.mark.parametrize("form", ["pem", "base64"])
    def test_it_is_uploaded_as_text_and_its_key_is_never_returned(self, client: Client, form: str) -> None:
        write = (lambda content: content.decode()) if form == "pem" else (lambda content: base64.b64encode(content).decode())
        made = current()
        fields = {
            "name": "Web",
            "certificate": write(made.pem),
            "chain": write(intermediate().pem),
            "private_key": write(keys.to_pem(made.key)),
        }
        answer = self.post(client, fields)
        assert answer.status_code == 201, answer.content
        answered = answer.json()
        assert (answered["name"], answered["state"], answered["chosen_for"], answered["csr"]) == ("Web", "ready", [], "")
        assert {finding["level"] for finding in answered["findings"]} == {"ok"}
        assert "PRIVATE" not in answer.content.decode()

    def test_choosing_and_deleting(self, client: Client, node: Node) -> None:
        fresh = current()
        made = self.post(client, {"certificate": pem(fresh).decode()}).json()
        path = f"/api/v1/nodes/{node.pk}/browser-certificate/"
        chosen = client.put(path, json.dumps({"thumbprint": made["thumbprint"].upper()}), content_type="application/json")
        assert (chosen.status_code, chosen.json()["state"], chosen.json()["certificate"]) == (200, "on_its_way", made["id"])
        assert client.get(f"{API}{made['id']}/").json()["chosen_for"] == [{"id": str(node.pk), "name": "rim1"}]
        refused = client.delete(f"{API}{made['id']}/")
        assert (refused.status_code, "rim1" in refused.json()["detail"]) == (409, True)
        assert client.put(path, json.dumps({"thumbprint": ""}), content_type="application/json").json()["state"] == "none"
        assert client.delete(f"{API}{made['id']}/").status_code == 204
        assert client.get(f"{API}{made['id']}/").status_code == 404

    def test_what_blocks_is_answered_with_its_findings(self, client: Client, node: Node) -> None:
        made = self.post(client, {"certificate": pem(sign(names=("elsewhere.example",))).decode()}).json()
        path = f"/api/v1/nodes/{node.pk}/browser-certificate/"
        answer = client.put(path, json.dumps({"thumbprint": made["thumbprint"]}), content_type="application/json")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:trust-zone:choice-blocked")
        assert "names-of-node" in {finding["code"] for finding in answer.json()["findings"] if finding["level"] == "blocker"}

    def test_a_request_and_its_answer(self, client: Client) -> None:
        made = self.post(client, {"host_names": ["www.example"], "key_type": "EC P-256"}).json()
        assert (made["state"], made["not_after"], made["findings"]) == ("awaiting_answer", None, [])
        assert made["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
        row = BrowserCertificate.objects.get()
        answer = self.post(
            client, {"certificate": signed_for(row).pem.decode(), "chain": intermediate().pem.decode()}, f"{API}{row.pk}/answer/"
        )
        assert (answer.status_code, answer.json()["state"]) == (200, "ready")
        assert self.post(client, {"certificate": "x"}, f"{API}{row.pk}/answer/").status_code == 400
        assert [result["name"] for result in client.get(API).json()["results"]] == ["www.example"]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({}, "certificate"),
            ({"certificate": "x", "host_names": ["a.example"]}, "certificate"),
            ({"certificate": ""}, "files"),
            ({"certificate": "hello"}, "files"),
            ({"certificate": 5}, "certificate"),
            ({"certificate": "\ud800"}, "certificate"),
            ({"certificate": "A" * 300_000}, "files"),
            ({"host_names": "a.example"}, "host_names"),
            ({"host_names": ["a b"]}, "host_names"),
            ({"host_names": ["a.example"], "key_type": "DSA"}, "key_type"),
            ({"host_names": ["a.example"], "name": 5}, "name"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_nonsense_names_the_field(self, client: Client, fields: dict[str, Any], field: str) -> None:
        answer = self.post(client, fields)
        assert (answer.status_code, field in error_fields(answer.json())) == (400, True), answer.content
        assert BrowserCertificate.objects.count() == 0

    @pytest.mark.parametrize("body", ["[]", "5", "{", '{"thumbprint": 5}', '{"thumbprint": null}', "{}", '{"thumbprint": "xyz"}'])
    def test_a_choice_that_is_none_is_refused(self, client: Client, node: Node, body: str) -> None:
        assert client.put(f"/api/v1/nodes/{node.pk}/browser-certificate/", body, content_type="application/json").status_code == 400


def current() -> Signed:
    """Valid by the clock of the doors."""
    return sign(issuer=intermediate(), names=("rim1.example",), begins=timezone.now() - timedelta(days=1))


# The pages


def chosen_file(content: bytes, name: str = "www.pem") -> io.BytesIO:
    made = io.BytesIO(content)
    made.name = name
    return made


class TestPages:
    def test_several_files_are_uploaded_together_and_what_was_typed_stays(self, client: Client) -> None:
        made = current()
        wrong = client.post("/browser-certificates/upload/", {"files": [chosen_file(made.pem)], "name": "Web", "passphrase": "s3cret"})
        page = wrong.content.decode()
        assert (wrong.status_code, "Choose the key file as well" in page, 'value="Web"' in page, "s3cret" in page) == (
            400,
            True,
            True,
            False,
        )
        files = [chosen_file(content) for content in (keys.to_pem(made.key), made.pem, intermediate().pem)]
        done = client.post("/browser-certificates/upload/", {"files": files, "name": "Web"}, follow=True)
        assert "No node uses it until you choose it below." in done.content.decode()
        assert BrowserCertificate.objects.get().name == "Web"

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"", "neither a certificate"), (b"PK\x03\x04", "Unpack it"), (b"x" * 300_000, "256 KiB"), (bytes(range(256)), "Export it again")],
        ids=["empty", "zip", "large", "binary"],
    )
    def test_what_cannot_be_read_is_said_beside_the_files(self, client: Client, content: bytes, words: str) -> None:
        answer = client.post("/browser-certificates/upload/", {"files": [chosen_file(content, "a" * 150)]})
        assert (answer.status_code, words in answer.content.decode()) == (400, True)

    def test_without_files_it_says_so(self, client: Client) -> None:
        answer = client.post("/browser-certificates/upload/", {"files": "text"})
        assert (answer.status_code, "Choose a file." in answer.content.decode()) == (400, True)

    def test_chosen_with_a_button_or_by_thumbprint(self, client: Client, node: Node) -> None:
        made = upload(current())
        page = client.get(f"/browser-certificates/{made.pk}/").content.decode()
        assert 'Choose<span class="visually-hidden"> for rim1' in page
        assert client.post(f"/browser-certificates/{made.pk}/choose/", {"node": str(node.pk)}).status_code == 302
        assert Node.objects.get().browser_thumbprint == made.thumbprint
        path = f"/nodes/{node.pk}/browser-certificate/"
        assert f'value="{made.sha256}" selected' in client.get(path).content.decode()
        wrong = client.post(path, {"pick": made.sha256, "thumbprint": "no"})
        assert (wrong.status_code, "does not occur in a thumbprint" in wrong.content.decode()) == (400, True)
        assert client.post(path, {"pick": "", "thumbprint": "ab " * 20}).status_code == 302
        assert Node.objects.get().browser_thumbprint == "ab" * 20
        assert client.post(path, {"pick": "", "thumbprint": ""}).status_code == 302
        assert Node.objects.get().browser_thumbprint == ""

    def test_its_page_asks_as_often_for_many_nodes_as_for_one(self, client: Client) -> None:
        made, asked = upload(sign(issuer=intermediate(), names=("rim1.example", "rim2.example", "rim3.example"))), []
        for name in ("rim1", "rim2", "rim3"):
            chooser = factories.node(name, at=NOW)
            choose(heard(chooser), made.thumbprint)
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/browser-certificates/{made.pk}/")
            asked.append(len(queries))
        assert asked[1] == asked[2]

    def test_what_blocks_has_no_button_and_is_refused_all_the_same(self, client: Client, node: Node) -> None:
        made = upload(sign(names=("elsewhere.example",)))
        assert "/choose/" not in client.get(f"/browser-certificates/{made.pk}/").content.decode()
        for path, fields in ((f"/browser-certificates/{made.pk}/choose/", {"node": str(node.pk)}),
                           (f"/nodes/{node.pk}/browser-certificate/", {"pick": made.sha256})):  # fmt: skip
            assert client.post(path, fields).status_code == 409
        assert client.post(f"/browser-certificates/{made.pk}/choose/", {"node": "x"}).status_code == 404

    def test_a_request_is_shown_downloaded_and_answered(self, client: Client) -> None:
        wrong = client.post("/browser-certificates/request/", {"host_names": "a b\nwww.example", "key_type": "EC P-256"})
        assert (wrong.status_code, "a b\nwww.example" in wrong.content.decode()) == (400, True)
        assert client.post("/browser-certificates/request/", {"host_names": "www.example\r\n", "key_type": "EC P-256"}).status_code == 302
        row = BrowserCertificate.objects.get()
        assert "BEGIN CERTIFICATE REQUEST" in client.get(f"/browser-certificates/{row.pk}/").content.decode()
        assert client.get(f"/browser-certificates/{row.pk}/request.csr").content.decode() == row.csr
        path = f"/browser-certificates/{row.pk}/answer/"
        other = client.post(path, {"files": [chosen_file(sign().pem)]})
        assert (other.status_code, "made for another key" in other.content.decode()) == (400, True)
        assert client.post(path, {"files": [chosen_file(signed_for(row).pem)]}).status_code == 302
        assert client.get(f"/browser-certificates/{row.pk}/chain.pem").content.startswith(b"-----BEGIN CERTIFICATE-----")

    def test_deleted_when_no_node_has_chosen_it(self, client: Client, node: Node) -> None:
        made = upload(current())
        Node.objects.update(browser_thumbprint=made.thumbprint)
        path = f"/browser-certificates/{made.pk}/remove/"
        assert b"Delete certificate" not in client.get(path).content
        assert client.post(path).status_code == 409
        Node.objects.update(browser_thumbprint="")
        assert client.post(path, follow=True).status_code == 200
        assert BrowserCertificate.objects.count() == 0

    def test_the_list_and_who_may_see_it(self, client: Client, node: Node) -> None:
        assert "No browser certificates yet." in client.get("/browser-certificates/").content.decode()
        made = upload(current())
        Node.objects.update(browser_thumbprint=made.thumbprint, is_central=True)
        page = client.get("/browser-certificates/").content.decode()
        assert ("rim1" in page, "This console" in page) == (True, True)
        reader = User.objects.create_user("reader")
        reader.user_permissions.add(*Permission.objects.filter(codename__in=["view_node", "view_browsercertificate"]))
        client.force_login(reader)
        assert client.get(f"/browser-certificates/{made.pk}/").status_code == 200
        for path in ("upload/", "request/", f"{made.pk}/remove/", f"{made.pk}/answer/"):
            assert client.get(f"/browser-certificates/{path}").status_code == 403
        assert client.get(f"/nodes/{node.pk}/browser-certificate/").status_code == 403
