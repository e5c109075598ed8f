"""Connections through services, pages and APIs: refusals give reasons, permissions are checked, and no answer has a password."""

import base64
import json
import uuid
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.models import Permission, User
from django.core.exceptions import FieldError
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from agent.connections import _opened, table
from agent.store import Installed, Store
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.models import DatabaseKey
from nodes.connections.services import connection_change, connection_create, connection_delete, connections_page
from nodes.errors import InputInvalid
from nodes.models import Connection, Node
from pki.core.errors import Altered
from pki.exchange.package import Package
from pki.exchange.package_header import MAXIMUM_BYTES
from sealing.fields import Sealed
from tests import factories
from tests.problems import error_fields
from tests.slow import examples

NOW = datetime(2026, 11, 24, tzinfo=UTC)
GOOD = {
    "name": "Sales",
    "type": "postgresql",
    "connection_string": "host=db.example;database=sales",
    "username": "reader",
    "password": "s3cret",
}
SECRET = "correct horse battery staple"
API = "/api/v1/connections/"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def store(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What this machine has installed."""
    made = Store(tmp_path_factory.mktemp("node"))
    made.install(package, now=datetime.now(UTC))
    return made


@pytest.fixture(autouse=True)
def zone(store: Store, settings: Any) -> Installed:
    settings.NODE_STORE = store.home
    installed = store.current()
    assert installed is not None
    DatabaseKey.objects.create(
        version=7, status="writing", key_id=installed.database_key().key_id.hex(), algorithm="AES-256-GCM", created_at=NOW, status_since=NOW
    )
    return installed


@pytest.fixture
def client() -> Client:
    """An administrator's."""
    return factories.administrator("admin")


def make(**changes: Any) -> Connection:
    return connection_create(actor=SYSTEM, now=NOW, **(GOOD | changes))


def events() -> list[tuple[str, Any]]:
    return list(Event.objects.order_by("sequence").values_list("action", "detail"))


# Refused by every door, with the field that it is about.
BAD_TEXT = [
    *(("name", text) for text in ("", " ", "x" * 101, "a\nb", "a\0b", "a\ud800", " Sales", "Sales ", "TAKEN", "\u202eselas")),
    *(("type", text) for text in ("", "Postgresql", "mongo", "x" * 5000)),
    *(("connection_string", text) for text in ("", "x" * 2001, "a\nb", "a\0b", "host=db ")),
    *(("username", text) for text in ("x" * 201, "a\tb")),
    *(("password", text) for text in ("", "x" * 1001, "a\nb", "a\0b")),
]
HOLDS_PASSWORD = [
    "host=db;password=s3cret", "host=db;PASSWORD = s3cret", "Server=db;Uid=a;Pwd=s3cret;", "DSN=x;pWd=", "sslpassword=x", "host=db passwd=x",
    "postgresql://reader:s3cret@db/sales", "https://reader:s3cret@api.example/v1", "redis://:s3cret@db", "jdbc:mysql://a:b@db:3306/x?y=z",
]  # fmt: skip
HOLDS_NONE = [
    "host=db;user=reader", "postgresql://reader@db:5432/sales", "https://api.example:8443/v1?mail=a@b.example", r"\\files\data", "/srv/données ☃",
    "https://api.example:8443/users/a:b@c", "DSN=password", "Persist Security Info=False",
]  # fmt: skip
WRONG_TYPES = [(field, value) for field in GOOD for value in (5, 1.5, True, ["a"], {"a": "b"})]
WRONG_TYPES += [(field, None) for field in GOOD if field != "password"]


@pytest.mark.parametrize(
    ("field", "value"), BAD_TEXT + [("connection_string", text) for text in HOLDS_PASSWORD], ids=lambda parameter: repr(parameter)[:40]
)
def test_bad_text_names_the_field_and_changes_nothing(client: Client, field: str, value: str) -> None:
    make(name="taken")
    held, before = make(), events()
    for save in (
        lambda: connection_create(actor=SYSTEM, now=NOW, **(GOOD | {"name": "new"} | {field: value})),
        lambda: connection_change(actor=SYSTEM, connection=held, now=NOW, **{field: value}),
    ):
        with pytest.raises(InputInvalid) as refused:
            save()
        assert list(refused.value.errors) == [field]
    answer = client.post(API, json.dumps(GOOD | {"name": "new"} | {field: value}), "application/json")
    assert (answer.status_code, answer.json()["type"], error_fields(answer.json())) == (400, "urn:trust-zone:invalid", [field])
    assert client.patch(f"{API}{held.pk}/", json.dumps({field: value}), "application/json").status_code == 400
    assert (events(), Connection.objects.count()) == (before, 2)


def test_a_password_in_the_connection_string_is_sent_where_it_belongs() -> None:
    with pytest.raises(InputInvalid, match="enter it in the password field, where it is encrypted"):
        make(connection_string=HOLDS_PASSWORD[0])


@pytest.mark.parametrize("text", HOLDS_NONE)
def test_connection_strings_without_a_password_are_taken(text: str) -> None:
    assert make(connection_string=text).connection_string == text


@pytest.mark.parametrize(("field", "value"), WRONG_TYPES, ids=repr)
def test_wrong_types_are_reported_by_field(client: Client, field: str, value: Any) -> None:
    held = make(name="held")
    for answer in (
        client.post(API, json.dumps(GOOD | {field: value}), "application/json"),
        client.put(f"{API}{held.pk}/", json.dumps(GOOD | {field: value}), "application/json"),
        client.patch(f"{API}{held.pk}/", json.dumps({field: value}), "application/json"),
    ):
        assert (answer.status_code, error_fields(answer.json())) == (400, [field])


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "null", "5"])
def test_json_of_the_wrong_shape_is_refused(client: Client, body: str) -> None:
    pk = make().pk
    for answer in (client.post(API, body, "application/json"), client.put(f"{API}{pk}/", body, "application/json")):
        assert answer.status_code == 400


def test_every_answer_of_the_api_is_without_the_password(client: Client) -> None:
    made = client.post(API, json.dumps(GOOD | {"password": SECRET}), "application/json")
    at = f"{API}{made.json()['id']}/"
    body = {name: value for name, value in GOOD.items() if name not in ("password", "username")}
    answers = [
        made, client.get(API), client.get(at), client.patch(at, json.dumps({"name": "Sold"}), "application/json"),
        client.put(at, json.dumps(body), "application/json"),
    ]  # fmt: skip
    for answer in answers:
        assert answer.status_code in (200, 201)
        assert SECRET not in answer.content.decode()
        assert base64.b64encode(Connection.objects.get().password.sealed).decode() not in answer.content.decode()
    shown = answers[-1].json()
    assert (shown["name"], shown["username"], shown["password_set"], shown["password_key_version"]) == ("Sales", "", True, 7)
    assert Connection.objects.get().password.text() == SECRET
    cleared = client.patch(at, json.dumps({"password": None}), "application/json").json()
    assert (cleared["password_set"], cleared["password_key_version"]) == (False, None)
    assert client.delete(at).status_code == 204
    assert client.get(at).status_code == client.delete(at).status_code == 404


def test_lists_are_searched_and_paged(client: Client) -> None:
    for number in range(3):
        make(name=f"n{number}", username=f"user{number}")
    assert [row["name"] for row in client.get(f"{API}?search=USER1").json()["results"]] == ["n1"]
    first = client.get(f"{API}?page_size=2").json()
    assert ([row["name"] for row in first["results"]], "cursor=" in first["next"]) == (["n0", "n1"], True)
    assert client.get(f"{API}?search=%00").status_code == 400


def test_the_log_has_the_changed_fields_and_no_content(client: Client) -> None:
    made = make(password=SECRET)
    changed = connection_change(actor=SYSTEM, connection=made, now=NOW, password=SECRET + "2", connection_string="elsewhere", name="Sales")
    connection_change(actor=SYSTEM, connection=changed, now=NOW, username="reader")
    connection_change(actor=SYSTEM, connection=changed, now=NOW, password=None)
    connection_change(actor=SYSTEM, connection=changed, now=NOW, password=None)
    connection_delete(actor=SYSTEM, connection=changed, now=NOW)
    connection_delete(actor=SYSTEM, connection=changed, now=NOW)
    assert events() == [
        ("connection.created", {"type": "postgresql", "password_set": True}),
        ("connection.changed", {"fields": ["connection_string", "password"]}),
        ("connection.changed", {"fields": ["password"]}),
        ("connection.deleted", {"type": "postgresql"}),
    ]
    with pytest.raises(InputInvalid, match="deleted this connection"):
        connection_change(actor=SYSTEM, connection=changed, now=NOW, name="again")


def test_a_field_that_is_not_given_keeps_even_its_ciphertext() -> None:
    made = make()
    sealed = made.password.sealed
    connection_change(actor=SYSTEM, connection=made, now=datetime.now(UTC), name="Other")
    held = Connection.objects.get()
    assert (held.name, held.password.sealed, held.changed_at > NOW) == ("Other", sealed, True)


NEEDS = {"add": ("post", API), "change": ("patch", API + "{pk}/"), "delete": ("delete", API + "{pk}/"), "view": ("get", API + "{pk}/")}
PAGES = {"add": "/connections/new/", "change": "/connections/{pk}/", "delete": "/connections/{pk}/remove/", "view": "/connections/"}


@pytest.mark.parametrize("verb", NEEDS)
def test_each_door_asks_for_its_own_permission(verb: str) -> None:
    pk, user, client = make(name="held").pk, User.objects.create_user("somebody"), Client()
    permissions = {
        permission.codename: permission
        for permission in Permission.objects.filter(content_type__app_label="nodes", codename__endswith="_connection")
    }
    method, path = NEEDS[verb]
    body = json.dumps({"add": GOOD, "change": {"name": "other"}}.get(verb, {}))

    def statuses() -> tuple[int, int]:
        client.force_login(User.objects.get(pk=user.pk))
        page = client.get(PAGES[verb].format(pk=pk)).status_code
        return page, client.generic(method.upper(), path.format(pk=pk), body, "application/json").status_code

    user.user_permissions.set([permission for name, permission in permissions.items() if name != f"{verb}_connection"])
    assert statuses() == (403, 403)
    user.user_permissions.set([permissions[f"{verb}_connection"]])
    page, answer = statuses()
    assert (page, answer in (200, 201, 204)) == (200, True)


def test_services_ask_for_permission() -> None:
    nobody, held = Actor("user", "nobody", User.objects.create_user("nobody")), make()
    for refused in (
        lambda: connection_create(actor=nobody, now=NOW, **(GOOD | {"name": "new"})),
        lambda: connection_change(actor=nobody, connection=held, now=NOW, name="new"),
        lambda: connection_delete(actor=nobody, connection=held, now=NOW),
    ):
        with pytest.raises(PermissionRefused, match="It needs the role DeploymentAdmin or RootAdmin") as found:
            refused()
        assert found.value.permission.endswith("_connection")
    assert Connection.objects.get().name == "Sales"


class TestPages:
    """The console's pages."""

    def test_nothing_typed_is_lost_but_the_password(self, client: Client) -> None:
        answer = client.post("/connections/new/", GOOD | {"connection_string": "host=<db>;pwd=x", "password": SECRET})
        page = answer.content.decode()
        assert (answer.status_code, Connection.objects.count()) == (400, 0)
        for text in (
            "Sales",
            "reader",
            "host=&lt;db&gt;;pwd=x",
            'value="postgresql" selected',
            "enter it in the password field",
            "enter the password again",
        ):
            assert text in page
        assert SECRET not in page

    def test_the_password_is_set_kept_replaced_and_cleared(self, client: Client) -> None:
        made = client.post("/connections/new/", GOOD | {"password": SECRET}, follow=True)
        at = made.redirect_chain[-1][0].removesuffix("?saved")
        assert "Saved." in made.content.decode()
        assert "set, database key version 7" in client.get(at).content.decode()
        assert SECRET not in made.content.decode()
        kept = GOOD | {"password": "", "name": "Sold"}
        assert client.post(at, kept).status_code == 302
        assert (Connection.objects.get().name, Connection.objects.get().password.text()) == ("Sold", SECRET)
        assert client.post(at, kept | {"password": "new", "clear_password": "on"}).status_code == 400
        assert client.post(at, kept | {"password": "new"}).status_code == 302
        assert Connection.objects.get().password.text() == "new"
        assert client.post(at, kept | {"clear_password": "on"}).status_code == 302
        assert Connection.objects.get().password is None
        assert ("It is not set" in (page := client.get(at).content.decode()), "clear_password" in page) == (True, False)

    def test_the_list_is_searched_sorted_and_says_whether_a_password_is_set(self, client: Client) -> None:
        make(name="a"), make(name="b", password=None, type="folder"), make(name="c", username="other")
        page = client.get("/connections/?sort=-name").content.decode()
        assert page.index(">c<") < page.index(">b<") < page.index(">a<")
        assert ("set, database key version 7" in page, "not set" in page) == (True, True)
        found = client.get("/connections/?search=OTHER").content.decode()
        assert (">c<" in found, ">a<" in found) == (True, False)
        assert ">b<" in client.get("/connections/?type=folder").content.decode()

    def test_deleting_is_asked_first(self, client: Client) -> None:
        at = f"/connections/{make().pk}/remove/"
        assert ("Delete Sales?" in client.get(at).content.decode(), Connection.objects.count()) == (True, 1)
        assert (client.post(at).status_code, Connection.objects.count()) == (302, 0)
        assert client.get(at).status_code == 404

    def test_without_a_key_that_writes_the_form_says_so(self, client: Client, settings: Any, tmp_path: Any) -> None:
        settings.NODE_STORE = tmp_path
        answer = client.post("/connections/new/", GOOD)
        assert (answer.status_code, "nothing was saved. There is no trust zone yet" in answer.content.decode()) == (400, True)
        assert client.post(API, json.dumps(GOOD), "application/json").status_code == 503


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=50), min_size=2, max_size=5), st.data())
def test_a_password_opens_in_its_own_row_alone(store: Store, passwords: list[str], data: st.DataObject) -> None:
    Connection.objects.all().delete()
    rows = [make(name=f"n{number}", password=password) for number, password in enumerate(passwords)]
    source, target = data.draw(st.permutations(rows))[:2]
    Connection.objects.filter(pk=target.pk).update(password=source.password.sealed)
    with pytest.raises(Altered):
        Connection.objects.get(pk=target.pk).password.open()
    found = {
        connection.id: connection for connection in (_opened(row, store.key_ring()) for row in connections_page(after=None)["results"])
    }
    for row, password in zip(rows, passwords, strict=True):
        connection = found[str(row.pk)]
        assert (connection.password, bool(connection.problem)) == ((None, True) if row == target else (password, False))
        assert "password=" not in repr(connection)
    assert target.name in table(list(found.values())).splitlines()[-1]


@pytest.mark.parametrize(
    "change",
    [lambda sealed: sealed[:20], lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]), lambda sealed: b"", lambda sealed: bytes(60)],
)
def test_a_broken_value_hides_no_other(client: Client, store: Store, change: Any) -> None:
    broken, whole = make(name="broken"), make(name="whole")
    Connection.objects.filter(pk=broken.pk).update(password=Sealed(change(broken.password.sealed)))
    assert (
        client.get("/connections/").status_code
        == client.get(API).status_code
        == client.get(f"/connections/{broken.pk}/").status_code
        == 200
    )
    found = {
        connection.name: connection for connection in (_opened(row, store.key_ring()) for row in connections_page(after=None)["results"])
    }
    assert ("The password of broken cannot be decrypted" in found["broken"].problem, found["whole"].password) == (
        True,
        whole.password.text(),
    )


def test_a_password_cannot_be_searched() -> None:
    for query in ({"password__contains": b"x"}, {"password__in": [b"x"]}):
        with pytest.raises(FieldError):
            Connection.objects.filter(**query).count()


class TestNodeApi:
    """What nodes ask on 4242."""

    @pytest.fixture
    def node(self) -> Node:
        return factories.node(at=NOW)

    @pytest.fixture
    def ask(self, node: Node, zone: Installed, settings: Any) -> Any:
        settings.ROOT_URLCONF = "qmc.urls_node"
        der = zone.client.public_bytes(Encoding.DER)
        factories.client_certificate(node, der, at=NOW, not_after=NOW)

        def ask(query: str = "", certificate: x509.Certificate | None = zone.client) -> Any:
            shown = certificate.public_bytes(Encoding.DER) if certificate else None
            return Client().get(f"{API}{query}", **{"asgi.scope": {"state": {"peer_certificate": shown}}})

        return ask

    def test_pages_hold_every_connection_once_and_what_an_agent_takes(self, ask: Any) -> None:
        for number in range(45):
            worst = {"connection_string": "🌍" * 2000, "username": "🌍" * 200, "password": "🌍" * 1000} if number % 5 == 0 else {}
            make(**({"name": f"n{number}"} | worst))
        answers = [ask()]
        while after := answers[-1].json()["next"]:
            answers.append(ask(f"?after={after}"))
        ids = [row["id"] for answer in answers for row in answer.json()["results"]]
        assert (len(ids), all(one < other for one, other in pairwise(ids))) == (45, True)
        assert all(len(answer.content) < MAXIMUM_BYTES and len(answer.json()["results"]) <= 20 for answer in answers)

    def test_the_password_is_sent_encrypted(self, ask: Any) -> None:
        made, (sent,) = make(), ask().json()["results"]
        assert set(sent) == {"id", *GOOD}
        assert base64.b64decode(sent["password"]) == made.password.sealed
        connection_change(actor=SYSTEM, connection=made, now=NOW, password=None)
        assert ask().json()["results"][0]["password"] is None

    def test_only_registered_nodes_get_connections(self, ask: Any, node: Node, zone: Installed) -> None:
        make()
        assert ask(certificate=None).status_code == ask(certificate=zone.service).status_code == 403
        Node.objects.update(registered_at=None)
        assert (ask().status_code, "results" in ask().json()) == (409, False)
        Node.objects.update(registered_at=NOW, state="decommissioned")
        assert ask().status_code == 403

    @pytest.mark.parametrize("after", ["x", "%00", "1" * 100])
    def test_nonsense_is_refused(self, ask: Any, after: str) -> None:
        assert ask(f"?after={after}").status_code == 400

    def test_after_an_id_that_is_gone_it_goes_on(self, ask: Any) -> None:
        make()
        assert ask(f"?after={uuid.UUID(int=0)}").json()["results"] != []
        assert ask(f"?after={uuid.UUID(int=2**128 - 1)}").json() == {"results": [], "next": None}
