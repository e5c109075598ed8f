"""From chosen rows of a list to the page of the work."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import Event
from bulk.models import BulkWork
from certs.models import Certificate, Export
from certs.states import ExportStatus
from nodes.models import Node
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.bulk.conftest import NOW, nodes
from tests.bulk.test_worker import work_through

pytestmark = pytest.mark.usefixtures("site_directory")
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@pytest.fixture
def client() -> Client:
    return factories.administrator()


def post(client: Client, action: str, **fields: Any) -> Any:
    return client.post("/bulk/new/", {"action": action, **fields}, secure=True)


def confirmed(client: Client, preview: Any, **fields: Any) -> Any:
    """Send the form of the preview."""
    given: dict[str, Any] = {}
    for name, value in HIDDEN.findall(preview.content.decode()):
        given.setdefault(name, []).append(value)
    return client.post("/bulk/new/", given | {"confirmed": "yes"} | fields, secure=True)


def test_a_list_offers_the_actions_that_the_person_may_begin(client: Client) -> None:
    nodes("rim1")
    assert b'value="nodes.decommission"' in client.get("/nodes/", secure=True).content
    mia = User.objects.create_user("mia")
    role_give(mia, Role.VIEWER)
    client.force_login(mia)
    page = client.get("/nodes/", secure=True).content
    assert b'id="selection"' not in page
    assert b'name="ids"' not in page


def test_nodes_are_decommissioned_after_a_preview_and_the_typed_number(client: Client) -> None:
    chosen = nodes("rim1", "rim2")
    central = Node.objects.get(is_central=True)
    preview = post(client, "nodes.decommission", ids=[*chosen, central.pk])
    text = preview.content.decode()
    assert "Decommission 2 nodes?" in text
    assert "Not possible for 1 node" in text
    assert "because it is the certificate authority" in text
    for typed in ("", "3", "two"):
        answer = confirmed(client, preview, typed=typed)
        assert (answer.status_code, "Type 2, the number of rows above." in answer.content.decode()) == (400, True)
    assert not BulkWork.objects.exists()
    answer = confirmed(client, preview, typed="2", lost="on")
    work = BulkWork.objects.get()
    assert (answer.status_code, answer["Location"], work.parameters) == (302, f"/bulk/{work.pk}/", {"lost": True})
    work_through(work)
    assert {*Node.objects.filter(pk__in=chosen).values_list("state", "state_reason")} == {
        ("decommissioned", "The machine was lost or taken over.")
    }
    assert {*Event.objects.filter(action="node.transition", detail__to="decommissioned").values_list("actor", flat=True)} == {"ann"}
    page = client.get(f"/bulk/{work.pk}/", secure=True).content.decode()
    assert "3 of 3 rows: 2 done, 1 refused." in page


def test_all_rows_of_a_filtered_list_are_chosen(client: Client) -> None:
    nodes("rim1", "rim2", "other")
    preview = post(client, "nodes.renew", all="yes", query="search=rim&page=2&helth=x")
    assert "Renew 2 nodes?" in preview.content.decode()
    assert "/nodes/?search=rim" in preview.content.decode()
    nodes("rim3")
    answer = confirmed(client, preview)
    assert (answer.status_code, "The list has changed" in answer.content.decode()) == (400, True)
    assert not BulkWork.objects.exists()
    assert confirmed(client, answer).status_code == 302
    assert BulkWork.objects.get().title == "Renew 3 nodes"


def test_the_same_form_sent_twice_begins_once(client: Client) -> None:
    preview = post(client, "nodes.renew", ids=nodes("rim1"))
    assert len({confirmed(client, preview)["Location"] for _ in range(2)}) == 1
    assert BulkWork.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"action": "nodes.forget"}, 404), ({"action": "nodes.renew"}, 400), ({"action": "nodes.renew", "ids": "x"}, 400)],
    ids=["unknown action", "no row", "no id"],
)
def test_bad_input_is_refused_with_a_page(client: Client, fields: dict[str, str], status: int) -> None:
    assert client.post("/bulk/new/", fields, secure=True).status_code == status


def test_certificates_are_revoked_and_those_of_the_central_node_are_refused(client: Client) -> None:
    node = factories.node(at=NOW)
    root = Certificate.objects.get(kind="root", status="issued")
    row = factories.certificate("client", holder_id=node.pk, holder="rim1.example", at=timezone.now(), subject="CN=QlikClient", issuer=root)
    central = Certificate.objects.get(kind="client", status="issued", holder_id=Node.objects.get(is_central=True).pk)
    preview = post(client, "certificates.revoke", ids=[row.pk, root.pk, central.pk])
    text = preview.content.decode()
    assert "Revoke 1 certificate?" in text
    assert "Client certificate of rim1.example" in text
    assert "Not possible for 2 certificates" in text
    assert confirmed(client, preview, typed="1", code="superseded", reason="They moved.").status_code == 302
    work_through(BulkWork.objects.get())
    row.refresh_from_db()
    assert (row.status, row.reason, row.revocation_code) == ("revoked", "They moved.", "superseded")


def test_refused_exports_are_renewed_and_their_new_passwords_are_shown_once(client: Client) -> None:
    export = factories.export("a.example", at=NOW, format="windows", has_password=True, legacy=True)
    clear = factories.export("b.example", at=NOW, has_password=False)
    busy = factories.export("c.example", at=NOW, status="requested")
    preview = post(client, "exports.renew", ids=[export.pk, clear.pk, busy.pk])
    assert "Renew 2 exports?" in preview.content.decode()
    confirmed(client, preview)
    work = BulkWork.objects.get()
    work_through(work)
    assert [*work.items.values_list("label", "state")] == [("a.example", "done"), ("b.example", "done"), ("c.example", "refused")]
    made = Export.objects.get(pk=export.pk)
    assert (made.status, made.legacy, made.has_password) == (ExportStatus.REQUESTED, True, True)
    assert "Show the passwords…" in client.get(f"/bulk/{work.pk}/", secure=True).content.decode()
    answer = client.post(f"/bulk/{work.pk}/secrets/", {"file": "csv"}, secure=True)
    assert answer.content.decode().splitlines() == ["row,password", f"a.example,{made.sealed_password.text()}"]
    assert client.post(f"/bulk/{work.pk}/secrets/", secure=True).status_code == 409


def test_exports_are_revoked(client: Client) -> None:
    export = factories.export("a.example", at=NOW)
    confirmed(client, post(client, "exports.revoke", ids=[export.pk]), typed="1", code="superseded", reason="They moved.")
    work_through(BulkWork.objects.get())
    assert Export.objects.get().status == ExportStatus.REVOKED


def test_a_node_that_does_not_answer_is_refused_and_the_others_get_passwords(client: Client) -> None:
    """Nothing listens there, and a node that was never registered must answer."""
    unreachable = factories.node("rim1", at=NOW, state="created", address="127.0.0.1", distribution_port=9)
    factories.registered_node(name="rim2", address="127.0.0.1", distribution_port=9, generation=1)
    preview = post(client, "nodes.redistribute", ids=[unreachable.pk, Node.objects.get(name="rim2").pk])
    confirmed(client, preview)
    work = BulkWork.objects.get()
    work_through(work)
    assert [*work.items.values_list("label", "state")] == [("rim1", "refused"), ("rim2", "done")]
    assert "Port 9 does not answer" in work.items.get(number=1).text
    page = client.post(f"/bulk/{work.pk}/secrets/", secure=True).content.decode()
    assert len(re.findall(r"<code>\w{5}-\w{5}-\w{5}-\w{5}-\w{5}</code>", page)) == 1
