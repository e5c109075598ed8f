"""Rows that older code kept, or that were damaged: no page, list or call of a node fails over one, and the node that chose it falls back."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.models import User
from django.test import Client

from agent.store import Installed
from attention.needs import Look, needs
from nodes.models import BrowserCertificate, Node, Observation
from pki.core import ber, keys
from pki.core.verify import fingerprint
from pki.exchange.package import Package
from pki.foreign import browser_choice
from tests import factories
from tests.foreign_files import ODD, PSS_WITHOUT_PARAMETERS, resigned
from tests.public_authority import NOW, Signed, intermediate, p256, sign
from tests.slow import one_of

pytestmark = pytest.mark.django_db
THUMBPRINT = "ab" * 20
GOOD = sign(issuer=intermediate(), key=p256(5), names=("rim1.example",))
# What a row may hold → whether it can be read here at all.
ROWS: dict[str, tuple[list[bytes], bool]] = {
    "PSS without parameters": ([resigned(GOOD, intermediate(), lambda signed: signed, algorithm=PSS_WITHOUT_PARAMETERS)], True),
    **{name: ([resigned(GOOD, intermediate(), change)], True) for name, change in ODD.items()},
    "an odd intermediate": ([GOOD.pem, resigned(intermediate(), intermediate(), ODD["a star in a PrintableString"])], True),
    "cut short": ([ber.pem("CERTIFICATE", GOOD.foreign.der[:-9])], False),
    "a damaged intermediate": ([GOOD.pem, ber.pem("CERTIFICATE", b"0\x03\x02\x01\x05")], False),
    "no certificate": ([b"hello"], False),
    "an empty text": ([b""], False),
    "nothing": ([], False),
    "no base64": ([b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"], False),
}


@pytest.fixture
def node(zone: Installed) -> Node:
    """The central node, which has chosen the row's certificate and called once since."""
    made = factories.node(at=NOW, is_central=True, browser_thumbprint=THUMBPRINT, browser_chosen_at=NOW)
    Observation.objects.create(node=made, last_seen_at=NOW, browser={"revision": "", "problem": ""})
    return made


def row(certificates: list[bytes], key: Signed = GOOD) -> BrowserCertificate:
    return BrowserCertificate.objects.create(
        name="broken", source="uploaded", state="ready", thumbprint=THUMBPRINT, sha256="cd" * 32, subject="CN=www", names=["rim1.example"],
        not_before=NOW - timedelta(days=1), not_after=NOW + timedelta(days=20), certificates=[certificate.decode("latin-1") for certificate in certificates],
        private_key=keys.to_pem(key.key), actor="older code", created_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("case", one_of(3, ROWS))
def test_no_page_and_no_list_fails_over_a_row_that_cannot_be_used(case: str, node: Node) -> None:
    certificates, is_readable = ROWS[case]
    kept, client = row(certificates), Client()
    client.force_login(User.objects.create_superuser("admin"))
    one, of_node = f"/browser-certificates/{kept.pk}/", f"/nodes/{node.pk}/"
    api = [f"/api/v1{path}" for path in ("/browser-certificates/", one, of_node, f"{of_node}browser-certificate/", "/expiry/", "/nodes/")]
    pages = ["/", "/nodes/", "/expiry/", "/browser-certificates/", one, f"{one}remove/", of_node, f"{of_node}browser-certificate/"]
    for path in [*pages, *api]:
        assert client.get(path).status_code == 200, path
    found = client.get(f"/api/v1{one}").json()["findings"]
    blockers = [finding for finding in found if finding["level"] == "blocker"]
    assert all(blocker["title"] and blocker["remedy"] for blocker in blockers)
    assert ([blocker["code"] for blocker in blockers] == ["unreadable"]) is not is_readable
    if not is_readable:
        assert "It cannot be read" in client.get(one).content.decode()
        refused = client.post(f"{one}choose/", {"node": str(node.pk)})
        assert (refused.status_code, "It cannot be read" in refused.content.decode()) == (409, True)
    list(needs(Look(NOW)))


@pytest.mark.parametrize("case", [name for name, (_, is_readable) in ROWS.items() if not is_readable])
def test_the_node_that_chose_it_falls_back_and_the_console_says_why(
    case: str, node: Node, zone: Installed, package: Package, settings: Any
) -> None:
    kept = row(ROWS[case][0])
    settings.ROOT_URLCONF = "qmc.urls_node"
    for kind, held in (("client", zone.client), ("service", zone.service)):
        der = held.public_bytes(Encoding.DER)
        factories.certificate(kind, holder_id=node.pk, at=NOW, subject=kind, sha256=fingerprint(der), der=der, not_after=NOW, generation=0)
    scope = {"asgi.scope": {"state": {"peer_certificate": zone.client.public_bytes(Encoding.DER)}}}
    answer = Client().get("/api/v1/browser-certificate/", **scope)
    assert answer.status_code == 200
    choice = browser_choice.open(answer.content, keys.from_pem(package.service.private_key))
    problem = browser_choice.usable(choice, names=["rim1.example"], now=NOW)
    assert (choice.private_key, problem) == (None, "no-private-key" if kept.certificates else "no-such-thumbprint")
    report = {
        "generation": 1, "clock": NOW.isoformat(), "trusts": [], "revocation_lists": {}, "installed": {}, "served": {}, "listening": True,
        "database_keys": [], "proofs": {}, "browser": {"revision": choice.revision, "problem": problem},
    }  # fmt: skip
    assert Client().post("/api/v1/heartbeat/", json.dumps(report), content_type="application/json", **scope).status_code == 200
    settings.ROOT_URLCONF = "qmc.urls"
    (need,) = [other for other in needs(Look(NOW)) if "does not use its browser certificate" in other.title]
    assert "It cannot be read" in need.text
    assert "Choose another certificate" in need.remedy
