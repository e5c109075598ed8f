"""Every operation of the schema says what it does, has examples that are right, and lists every error with its types."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from jsonschema import Draft202012Validator

from pki.exchange.problem import MEDIA_TYPE
from qmc.schema.answers import ANSWERS, rest_types
from qmc.schema.completion import operations_of
from qmc.schema.document import api_schema
from tests import factories
from tests.web.operations import filled

ROOT = Path(__file__).parents[3]
# Their examples are right in form. They name objects that this site has not, or has already.
OF_THIS_SITE = {
    ("post", "/alert-routes/"),
    ("post", "/bulk/"),
    ("post", "/nodes/bulk/"),
    ("post", "/nodes/preflight/"),
    ("post", "/nodes/{id}/decommission/"),
}
TYPES = re.compile(r'(?:problem_response\(|slug=)"([a-z-]+)"')


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body and answer of the schema that has content."""
    for method, path, operation in operations_of(api_schema()):
        for name, part in {"body": operation.get("requestBody", {}), **operation["responses"]}.items():
            for media_type, content in part.get("content", {}).items():
                yield f"{method} {path} {name} {media_type}", content
    for name, response in api_schema()["components"]["responses"].items():
        yield name, response["content"][MEDIA_TYPE]


def parameters() -> Iterator[tuple[str, dict[str, Any]]]:
    for method, path, operation in operations_of(api_schema()):
        yield from ((f"{method} {path} {found['name']}", found) for found in operation.get("parameters", []) if "example" in found)


def test_every_example_has_the_format_that_the_schema_declares() -> None:
    components, wrong = {"components": api_schema()["components"]}, []
    for where, content in [*contents(), *parameters()]:
        wrong += [(where, error.message) for error in Draft202012Validator(content["schema"] | components).iter_errors(content["example"])]
    assert wrong == []


def test_every_operation_has_a_short_summary_and_a_name_of_its_own() -> None:
    found = [operation for *_, operation in operations_of(api_schema())]
    assert [operation["operationId"] for operation in found if not 5 < len(operation["summary"]) < 120] == []
    assert len({operation["operationId"] for operation in found}) == len(found)
    assert {tag for operation in found for tag in operation["tags"]} == {tag["name"] for tag in api_schema()["tags"]}


@pytest.mark.django_db
def test_every_example_of_a_body_is_taken(site_directory: Path) -> None:
    client = factories.administrator()
    refused = []
    for method, path, operation in operations_of(api_schema()):
        if body := operation.get("requestBody"):
            content = json.dumps(body["content"]["application/json"]["example"])
            answer = client.generic(method.upper(), filled(path), content, content_type="application/json", secure=True)
            assert answer.status_code < 500, (method, path)
            if answer.status_code == 400:
                refused.append((method, path.removeprefix("/api/v1"), answer.json()["detail"]))
    assert {(method, path) for method, path, _ in refused} == OF_THIS_SITE, refused


def test_every_type_of_a_problem_is_registered_and_in_the_schema() -> None:
    apps = ("web", "people/sign_in", "people/roles", "qmc", "bulk", "nodes/inventory", "certs", "alerts", "backups")
    written = {name for app in apps for path in (ROOT / app).rglob("*.py") for name in TYPES.findall(path.read_text())}
    assert written - rest_types().keys() - {"form-refused", "form-unreadable"} == set()  # of pages
    assert api_schema()["components"]["schemas"]["ProblemTypeEnum"]["enum"] == sorted(f"urn:trust-zone:{name}" for name in rest_types())


def test_the_document_lists_every_type_of_a_problem() -> None:
    rows = re.findall(r"^\| (\d{3}) \|([^|]*)\|", (settings.DOCUMENTS / "api.md").read_text(), re.M)
    assert {name: int(status) for status, names in rows for name in re.findall(r"`([a-z-]+)`", names)} == rest_types()


def test_every_status_of_a_problem_has_its_answer() -> None:
    assert {*rest_types().values()} == {*ANSWERS} | {405}  # no operation answers 405: its method is another
