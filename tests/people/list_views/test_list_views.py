"""What people keep of a list: columns and their order, rows on a page, and saved views."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Event
from people.models import ListChoice, SavedView
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.bulk.conftest import NOW

pytestmark = pytest.mark.usefixtures("site_directory")
COLUMNS = "/account/lists/nodes/columns/"
NEW = "/account/lists/nodes/views/new/"


@pytest.fixture
def client() -> Client:
    return factories.administrator()


def person(name: str, role: Role) -> Client:
    user = User.objects.create_user(name)
    role_give(user, role)
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, path: str) -> str:
    answer = client.get(path, secure=True)
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def headings(client: Client, path: str = "/nodes/") -> list[str]:
    head = text(client, path).partition("<thead>")[2].partition("</thead>")[0]
    return [
        found
        for part in re.findall(r'<th scope="col".*?</th>', head, re.DOTALL)
        if (found := " ".join(re.sub("<[^>]+>", "", part).split()))
    ]


def post(client: Client, path: str, **fields: Any) -> Any:
    return client.post(path, fields, secure=True)


def test_columns_and_their_order_are_kept_for_each_person_and_list(client: Client) -> None:
    everything = headings(client)
    assert (
        post(client, COLUMNS, order=["name", "address", "state"], shown=["address", "state"], page_size="25", save="yes").status_code == 302
    )
    assert headings(client) == ["Node", "Address", "State"]
    assert headings(person("bob", Role.ROOT_ADMIN)) == everything
    assert len(headings(client, "/certificates/")) > 3
    assert headings(client, "/nodes/?columns=tags") == ["Node", "Tags"]
    post(client, COLUMNS, all="yes")
    assert headings(client) == everything


def test_a_column_is_moved_with_buttons_and_nothing_is_kept_before_save(client: Client) -> None:
    page = post(client, COLUMNS, order=["name", "state", "seen"], shown=["state", "seen"], up="seen").content.decode()
    assert re.findall(r'name="order" value="(\w+)"', page)[:3] == ["name", "seen", "state"]
    page = post(client, COLUMNS, order=["name", "state", "seen"], shown=[], up="state").content.decode()
    assert re.findall(r'name="order" value="(\w+)"', page)[:3] == ["name", "state", "seen"]  # the first column stays first
    assert not ListChoice.objects.exists()


def test_the_rows_of_a_page_are_kept(client: Client) -> None:
    for number in range(30):
        factories.node(f"rim{number}", at=NOW)
    post(client, COLUMNS, order=["name"], shown=["state"], page_size="25", save="yes")
    assert "1–25 shown" in text(client, "/nodes/")
    assert "1–25 shown" not in text(client, "/nodes/?page_size=100")


@pytest.mark.parametrize("fields", [{"order": "x"}, {"up": "x"}, {"page_size": "7", "save": "yes"}, {"shown": ["x", "y"], "save": "yes"}])
def test_odd_columns_are_left_out(client: Client, fields: dict[str, Any]) -> None:
    assert post(client, COLUMNS, **fields).status_code in (200, 302)
    assert headings(client)[0] == "Node"
    assert client.get("/account/lists/nothing/columns/", secure=True).status_code == 404


def test_a_view_keeps_filters_order_and_columns(client: Client) -> None:
    post(client, COLUMNS, order=["name", "tags"], shown=["tags"], page_size="50", save="yes")
    answer = post(client, NEW, query="search=rim&sort=-name&page=3&state=&page_size=100", name="Rims", with_columns="on")
    assert answer["Location"] == "/nodes/?search=rim&sort=-name&columns=name%2Ctags"
    page = text(client, "/nodes/?search=rim&sort=-name")
    assert re.search(r'aria-current="true">Rims', page)
    assert "Change this view" in page
    assert re.search(r'aria-current="true">All', text(client, "/nodes/"))


def test_a_shared_view_is_shown_to_everybody_and_changed_by_its_owner_only(client: Client) -> None:
    bob = person("bob", Role.DEPLOYMENT_ADMIN)
    post(client, NEW, query="search=rim", name="Mine")
    post(client, NEW, query="search=rim", name="Ours", shared="on")
    assert ("Ours" in text(bob, "/nodes/"), "Mine" in text(bob, "/nodes/")) == (True, False)
    ours = SavedView.objects.get(name="Ours")
    assert bob.get(f"/account/views/{ours.pk}/", secure=True).status_code == 404
    assert post(bob, f"/account/views/{ours.pk}/", remove="yes").status_code == 404
    assert post(client, f"/account/views/{ours.pk}/", name="Only mine").status_code == 302
    assert "Only mine" not in text(bob, "/nodes/")
    post(client, f"/account/views/{ours.pk}/", remove="yes")
    assert not SavedView.objects.filter(pk=ours.pk).exists()
    saved = Event.objects.filter(action__startswith="list-view").order_by("sequence").values_list("action", flat=True)
    assert [*saved] == ["list-view.saved", "list-view.saved", "list-view.changed", "list-view.removed"]


def test_a_view_of_an_older_version_opens_and_says_what_is_ignored(client: Client) -> None:
    page = text(client, "/nodes/?helth=x&columns=name,colour&sort=size&state=melted")
    for said in ("There is no filter “helth”.", "There is no column “colour”.", "There is no order “size”.", "State:"):
        assert said in page


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\u202eb", "Rims"])
def test_a_name_that_cannot_be_used_is_refused(client: Client, name: str) -> None:
    post(client, NEW, query="search=rim", name="Rims")
    assert post(client, NEW, query="search=rim", name=name).status_code == 400
    assert SavedView.objects.count() == 1


def test_numbers_of_views_are_counted_after_the_page(client: Client) -> None:
    factories.node("rim1", at=NOW, state="awaiting_password")
    post(client, NEW, query="search=rim", name="Rims")
    assert "<b>" not in text(client, "/nodes/").partition('id="quick"')[2].partition("</nav>")[0]
    page = text(client, "/nodes/?counts=")
    assert [*re.findall(r">([^<>]+) <b>(\d+)</b>", page)][:1] == [("All", "2")]
    assert ("Waiting for a password", "1") in re.findall(r">([^<>]+) <b>(\d+)</b>", page)
    assert ("Rims", "1") in re.findall(r">([^<>]+) <b>(\d+)</b>", page)
    assert "<html" not in page


def test_lists_that_a_person_may_not_open_have_no_pages_for_them() -> None:
    viewer = person("vic", Role.VIEWER)
    assert viewer.get("/account/lists/exports/columns/", secure=True).status_code == 403
    assert viewer.get("/account/lists/nodes/columns/", secure=True).status_code == 200


def test_a_list_that_extends_another_one_has_no_views_columns_and_actions(client: Client) -> None:
    factories.registered_node()
    page = text(client, "/recreate-root/")
    assert "rim1" in page
    assert 'id="quick"' not in page
    assert 'name="ids"' not in page
