"""The frame of the API: unknown input is refused with the known names, every error has one format, and addresses work with and without the last slash."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework import serializers

from nodes.errors import RegistrationBlocked
from nodes.inventory.health import NodeHealth
from nodes.models import Node, Observation
from pki.core.findings import Finding
from tests import factories
from tests.problems import error_fields
from tests.web.operations import fields_of, filled, operations, parameters_of, values_of
from web.api import Choice, Input, StrictText
from web.errors import InputInvalid
from web.problems import problem_handler

pytestmark = pytest.mark.django_db
MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "COFFEE")
LISTS = {
    "/api/v1/alert-channels/", "/api/v1/alert-channels/{id}/deliveries/", "/api/v1/alert-routes/", "/api/v1/alerts/", "/api/v1/attention/", "/api/v1/audit/segments/", "/api/v1/backups/", "/api/v1/browser-certificates/", "/api/v1/bulk/{id}/items/", "/api/v1/certificates/", "/api/v1/cluster/", "/api/v1/connections/", "/api/v1/deployments/",
    "/api/v1/expiry/", "/api/v1/exports/", "/api/v1/jobs/", "/api/v1/nodes/", "/api/v1/nodes/{id}/events/", "/api/v1/people/", "/api/v1/rotations/", "/api/v1/syslog-receivers/", "/api/v1/tokens/",
}  # fmt: skip

OF_EVERY_OPERATION, SIGNED_IN, CHANGING = {"400", "406", "500", "503"}, {"401", "403", "429"}, {"412", "413", "415", "422"}
FINDS = {"/api/v1/cluster/check-token/", "/api/v1/cluster/deliver/", "/api/v1/bulk/"}  # the body names an object, or an action


@pytest.fixture
def client(site_directory: Path) -> Client:
    client = factories.administrator()
    return client


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return client.generic(method.upper(), path, content, content_type="application/json", secure=True)


def refused(client: Client, method: str, path: str, body: Any = None) -> dict[str, dict[str, str]]:
    """The errors of an answer that must be a 400, by field."""
    answer = send(client, method, path, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE), (method, path, answer.content)
    assert all({*error} == {"field", "code", "message"} for error in answer.json()["errors"])
    return {error["field"]: error for error in answer.json()["errors"]}


def changing() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The operations that take a body, or could."""
    yield from ((method, path, operation) for method, path, operation in operations() if method != "get")


def test_every_operation_refuses_an_unknown_parameter_and_names_its_own(client: Client) -> None:
    for method, path, operation in operations():
        error, known = refused(client, method, f"{filled(path)}?helth=works")["helth"], parameters_of(operation)
        said, _, remedy = error["message"].partition(" Use: ")
        if known:
            assert (said, sorted(remedy.rstrip(".").split(", "))) == ("There is no parameter 'helth'.", sorted(known)), (method, path)
        else:
            assert error["message"] == "There is no parameter 'helth'. This operation takes no parameter.", (method, path)
        assert error["code"] == "unknown"
    message = refused(client, "get", "/api/v1/nodes/?helth=works")["helth"]["message"]
    assert (
        message
        == "There is no parameter 'helth'. Use: search, state, health, tag, agent, attention, ordering, sort, page, cursor, page_size."
    )


def test_every_operation_refuses_a_repeated_parameter_that_takes_one_value(client: Client) -> None:
    lists = set()
    for method, path, operation in operations():
        for name, form in parameters_of(operation).items():
            if form["type"] == "array":
                lists.add((path, name))
            else:
                error = refused(client, method, f"{filled(path)}?{name}=1&{name}=2")[name]
                assert (error["code"], error["message"]) == ("repeated", f"'{name}' is given more than once. Give it once."), (method, path)
    assert lists == {("/api/v1/settings/addresses/", "node_api_address")}


def test_every_operation_refuses_an_unknown_field_and_names_its_own(client: Client) -> None:
    for method, path, operation in changing():
        error, known = refused(client, method, filled(path), {"helth": "works"})["helth"], ", ".join(fields_of(operation))
        remedy = f"Use: {known}." if known else "This operation takes no field."
        assert error == {"field": "helth", "code": "unknown", "message": f"There is no field 'helth'. {remedy}"}, (method, path)


def test_every_enumeration_refuses_an_unknown_value_and_names_its_own(client: Client) -> None:
    tried = set()
    for method, path, operation in operations():
        for name, form in parameters_of(operation).items():
            if values := values_of(form, operation["components"]):
                error = refused(client, method, f"{filled(path)}?{name}=coffee")[name]
                assert (error["code"], error["message"]) == ("invalid_choice", f"There is no such value. Use: {', '.join(values)}.")
                tried.add((path, name))
        for name, form in fields_of(operation).items():
            if values := values_of(form, operation["components"]):
                field, value = (f"{name}.0", ["coffee"]) if form.get("type") == "array" else (name, "coffee")
                error = refused(client, method, filled(path), {name: value})[field]
                assert (error["code"], error["message"]) == ("invalid_choice", f"There is no such value. Use: {', '.join(values)}.")
                tried.add((path, name))
    assert {("/api/v1/nodes/", "health"), ("/api/v1/nodes/", "services"), ("/api/v1/exports/", "format")} <= tried
    assert len(tried) >= 18


BAD_PAGES = [("page", text) for text in ("0", "-1", "x", "1.5", "9999", "last", "9" * 30)]
BAD_PAGES += [("page_size", text) for text in ("0", "-1", "x", "501", "9" * 30)]


@pytest.mark.parametrize(("name", "text"), BAD_PAGES)
def test_a_page_that_does_not_exist_is_refused(client: Client, name: str, text: str) -> None:
    lists = {path for _, path, operation in operations() if {"page", "page_size"} <= {*parameters_of(operation)}}
    assert lists == LISTS
    for path in lists:
        assert [*refused(client, "get", f"{filled(path)}?{name}={text}")] == [name]


def test_the_largest_page_is_named_and_taken(client: Client) -> None:
    assert "500" in refused(client, "get", "/api/v1/nodes/?page_size=501")["page_size"]["message"]
    assert refused(client, "get", "/api/v1/nodes/?page=2")["page"]["message"] == "There is no page 2. The last page is 1."
    assert send(client, "get", "/api/v1/nodes/?page_size=500&page=1").status_code == 200


def test_many_unknown_fields_make_a_short_answer(client: Client) -> None:
    answer = send(client, "post", "/api/v1/nodes/", {"x" * 1000 + str(number): number for number in range(500)})
    assert answer.status_code == 400
    assert len(answer.content) < 5000


def test_nodes_are_listed_by_health(client: Client) -> None:
    now = timezone.now()
    Observation.objects.create(node=factories.registered_node(), last_seen_at=now, address="10.0.0.7")
    factories.node("rim2", at=now, state="created")
    found = {
        health: [node["name"] for node in send(client, "get", f"/api/v1/nodes/?health={health}").json()["results"]]
        for health in NodeHealth.values
    }
    assert sorted(name for names in found.values() for name in names) == ["central", "rim1", "rim2"]
    assert found["none"] == ["rim2"]
    assert send(client, "get", "/api/v1/nodes/?health=none&state=registered").json()["results"] == []


def test_every_address_works_with_and_without_its_slash(client: Client) -> None:
    for method, path, _ in operations():
        url_filled = filled(path)
        if method == "get":
            answers = [send(client, method, url) for url in (url_filled, url_filled.rstrip("/"))]
            assert len({answer.status_code for answer in answers}) == 1, path
            assert answers[0].status_code not in (301, 302, 308), path
        else:
            for url in (url_filled, url_filled.rstrip("/")):
                assert "helth" in refused(client, method, url, {"helth": "works"}), (method, url)
    made = send(client, "post", "/api/v1/nodes", {"name": "rim2", "host_name": "rim2.example"})
    assert (made.status_code, Node.objects.filter(name="rim2").count()) == (201, 1)
    assert "/api/v1/nodes/?cursor=" in send(client, "get", "/api/v1/nodes?page_size=1").json()["next"]


UNKNOWN = ("/api", "/api/", "/api/v1", "/api/v2/nodes/", "/api/v1/nowhere", "/api/v1/nowhere/", "/api/v1/nodes/7/", "/api/v1/nodes//")


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json", "*/*", "image/png", ""])
@pytest.mark.parametrize("urls", ["qmc.urls", "qmc.urls_node"])
def test_an_unknown_address_of_the_api_is_a_problem_whatever_is_accepted(client: Client, settings: Any, urls: str, accept: str) -> None:
    settings.ROOT_URLCONF = urls
    for path in UNKNOWN:
        for method in ("GET", "POST"):
            answer = client.generic(method, path, b"{}", content_type="application/json", secure=True, headers={"Accept": accept})
            assert (answer.status_code, answer["Content-Type"]) == (404, MEDIA_TYPE), (method, path)
            assert (answer.json()["type"], answer.json()["errors"]) == ("urn:trust-zone:not-found", [])


def test_a_method_that_an_address_does_not_take_is_a_problem_that_names_the_others(client: Client) -> None:
    taken: dict[str, set[str]] = {}
    for method, path, _ in operations():
        taken.setdefault(path, set()).add(method.upper())
    for path, methods in taken.items():
        for method in set(METHODS) - methods:
            answer = send(client, method, filled(path), {})
            assert (answer.status_code, answer["Content-Type"]) == (405, MEDIA_TYPE), (method, path)
            assert methods <= {*answer["Allow"].split(", ")} <= methods | {"HEAD", "OPTIONS"}
            assert answer.json()["detail"].endswith(f"Use: {answer['Allow']}.")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/api/v1/heartbeat/", "POST"), ("POST", "/api/v1/trust/", "GET"), ("PUT", "/api/v1/trust", "GET")],
)
def test_the_node_api_refuses_a_method_with_a_problem(client: Client, settings: Any, method: str, path: str, allowed: str) -> None:
    settings.ROOT_URLCONF = "qmc.urls_node"
    answer = send(client, method, path, {})
    assert (answer.status_code, answer["Content-Type"], answer["Allow"]) == (405, MEDIA_TYPE, allowed)
    assert (answer.json()["type"], answer.json()["errors"]) == ("urn:trust-zone:method-not-allowed", [])


@pytest.mark.parametrize(
    ("query", "status", "kind"), [("", 200, "yaml"), ("?format=json", 200, "json"), ("?format=xml", 400, "problem+json")]
)
def test_the_schema_is_there_for_everybody_in_two_formats(site_directory: Path, query: str, status: int, kind: str) -> None:
    answer = Client().get(f"/api/v1/schema/{query}", secure=True)
    assert (answer.status_code, kind in answer["Content-Type"] or kind == "yaml") == (status, True)


def test_the_schema_lists_the_problems_of_every_operation() -> None:
    for method, path, operation in operations():
        problems = {status for status in operation["responses"] if status >= "400"}
        expected = OF_EVERY_OPERATION | ({"404"} if "{id}" in path or path in FINDS else set())
        expected |= (SIGNED_IN if path != "/api/v1/schema/" else set()) | (CHANGING if method != "get" else set())
        assert expected == problems - {"409"}, (method, path)
        assert "409" not in problems or method != "get" or path == "/api/v1/audit/export/"  # nothing may be signed yet
    assert operation["components"]["Problem"]["required"] == ["detail", "errors", "status", "title", "type"]


class Services(Input):
    services = serializers.ListField(child=Choice(["engine"]))
    name = StrictText()


class Outer(Input):
    rows = Services(many=True)  # type: ignore[assignment]

    def validate(self, attrs: Any) -> Any:
        raise serializers.ValidationError("These do not fit.", "odd")


FINDINGS = [Finding("name", "ok", "Fine."), Finding("port-closed", "blocker", "The port is closed.", "Open it.", "address")]
USE = "There is no such value. Use: engine."


def of_serializer(serializer: serializers.BaseSerializer[Any]) -> Exception:
    with pytest.raises(serializers.ValidationError) as found:
        serializer.is_valid(raise_exception=True)
    return found.value


TYPED: dict[str, tuple[Any, list[tuple[str, str, str]]]] = {
    "of a service": (lambda: InputInvalid({"name": ["Too long.", "Taken."]}), [("name", "invalid", "Too long."), ("name", "invalid", "Taken.")]),
    "of an item": (lambda: of_serializer(Services(data={"name": "a", "services": ["engine", "x"]})), [("services.1", "invalid_choice", USE)]),
    "of a row": (
        lambda: of_serializer(Outer(data={"rows": [{"name": "a", "services": []}, {"services": ["x"]}]})),
        [("rows.1.services.0", "invalid_choice", USE), ("rows.1.name", "required", "This field is required.")],
    ),
    "of no field": (lambda: of_serializer(Outer(data={"rows": []})), [("", "odd", "These do not fit.")]),
    "of a check": (lambda: RegistrationBlocked(FINDINGS), [("address", "port-closed", "The port is closed. Open it.")]),
    "of nothing": (lambda: serializers.ValidationError([]), []),
}  # fmt: skip


@pytest.mark.parametrize(("make", "errors"), TYPED.values(), ids=TYPED.keys())
def test_errors_are_one_typed_list(make: Any, errors: list[tuple[str, str, str]]) -> None:
    answer = problem_handler(make(), {"view": None})
    assert [(error["field"], error["code"], error["message"]) for error in json.loads(answer.content)["errors"]] == errors


def test_a_check_that_blocks_keeps_its_findings_beside_the_errors() -> None:
    answer = problem_handler(RegistrationBlocked(FINDINGS), {"view": None})
    assert (answer.status_code, [finding["code"] for finding in json.loads(answer.content)["findings"]]) == (409, ["name", "port-closed"])


def test_the_detail_names_the_fields(client: Client) -> None:
    answer = send(client, "post", "/api/v1/nodes/", {"name": 5, "services": ["coffee"]})
    assert error_fields(answer.json()) == ["name", "host_name", "services"]
    assert answer.json()["detail"].startswith("name: Give a string. host_name: This field is required. services.0: There is no such value.")
