"""The nodes that the database counts as those that can use a browser certificate are those whose names it covers."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from nodes.browser_certificates.fits import NodeFit, fit_column
from nodes.browser_certificates.verdict import names_findings
from nodes.models import BrowserCertificate, Node
from tests import factories
from tests.public_authority import intermediate, sign

pytestmark = pytest.mark.django_db
NAMES = ("web.example", "*.corp.example", "*.tld", "10.1.2.3", "EXACT.corp.example")
HOSTS = {
    "web.example": True, "WEB.example": True, "a.corp.example": True, "a.b.corp.example": False, "corp.example": False, "xcorp.example": False,
    "a.tld": False, "exact.corp.example": True, "10.1.2.3": True, "10.1.2.4": False, "other.example": False,
}  # fmt: skip


def certificate(*names: str) -> BrowserCertificate:
    now = timezone.now()
    made = sign("web.example", issuer=intermediate(), names=names)
    return BrowserCertificate.objects.create(
        name="Web", source="uploaded", state="ready", sha256=made.foreign.thumbprints[1], thumbprint=made.foreign.thumbprints[0],
        certificates=[made.pem.decode()], created_at=now, not_before=now - timedelta(days=1),
        not_after=now + timedelta(days=90),
    )  # fmt: skip


@pytest.mark.parametrize(("host", "covered"), HOSTS.items())
@pytest.mark.parametrize("further", [False, True], ids=["host name", "further name"])
def test_the_database_finds_the_nodes_whose_names_it_covers(host: str, covered: bool, further: bool) -> None:
    names = {"host_name": "rim.elsewhere", "subject_alternative_names": [host]} if further else {"host_name": host}
    node, made = factories.registered_node(name="rim1", **names), certificate(*NAMES)
    (finding,) = names_findings(made, [node])
    assert (finding.level != "blocker") == covered
    assert fit_column(made).counts(NodeFit)[NodeFit.COVERED] == covered


def test_nodes_that_use_it_are_first_in_the_list_and_its_files() -> None:
    made, client = certificate("*.corp.example"), factories.administrator()
    for name, more in (("a", {"host_name": "a.elsewhere"}), ("b", {}), ("c", {"browser_thumbprint": made.sha256})):
        factories.registered_node(name=name, **{"host_name": f"{name}.corp.example"} | more)
    assert [node.name for node in fit_column(made).rows.order_by("fit")] == ["c", "b", "a"]
    page = client.get(f"/browser-certificates/{made.pk}/", secure=True).content.decode()
    assert page.index(">c</a>") < page.index(">b</a>") < page.index(">a</a>")
    assert ">1 node</a> uses it." in page
    answer = client.get(f"/browser-certificates/{made.pk}/?fit=covered&download=csv", secure=True)
    (row,) = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))  # type: ignore[attr-defined]
    assert (row["name"], row["fit"], row["names"]) == ("b", "covered", "It covers b.corp.example.")


def test_the_page_and_the_refusal_of_a_deletion_name_a_few_of_many_nodes() -> None:
    made, client, now = certificate("*.corp.example"), factories.administrator(), timezone.now()
    for number in range(30):
        factories.node(f"rim{number:02}", at=now, browser_thumbprint=made.sha256)
    answer = client.post(f"/browser-certificates/{made.pk}/remove/", secure=True)
    text = answer.content.decode()
    assert (answer.status_code, "rim19" in text, "rim20" in text, "10 more." in text) == (409, True, False, True)
    assert Node.objects.filter(browser_thumbprint=made.sha256).count() == 30
