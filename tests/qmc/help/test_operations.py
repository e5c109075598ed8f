"""The page of the API: every operation of the schema, with the address of this site."""

from pathlib import Path

import pytest
from django.test import Client

from qmc.help.view_models import operations_page
from qmc.schema.completion import operations_of
from qmc.schema.described import described
from qmc.schema.document import api_schema
from qmc.urls import API


def test_every_address_of_the_api_is_on_the_page_with_its_methods() -> None:
    shown = {operation.path: operation for group in operations_page("https://site.example").groups for operation in group.operations}
    assert len(shown) == len(API)
    assert shown["/settings/lifetime/"].methods == ("GET", "PUT")
    assert "state" in shown["/nodes/"].filters
    assert [path for path, operation in shown.items() if not operation.description] == []


def test_every_operation_has_a_page_with_all_its_answers() -> None:
    for *_, operation in operations_of(api_schema()):
        shown = described(operation["operationId"])
        assert shown is not None
        assert [answer.status for answer in shown.answers] == sorted(operation["responses"])
        assert [found.name for found in shown.parameters] == [found["name"] for found in operation.get("parameters", [])]
        assert bool(shown.example) == bool(shown.fields) or shown.example == "{}"


@pytest.mark.django_db
def test_the_page_of_an_operation_shows_a_command_fields_values_and_errors(site_directory: Path, admin_client: Client) -> None:
    page = admin_client.get("/help/api-operations/nodes_create/", secure=True, headers={"Host": "localhost:8443"}).content.decode()
    for text in ("-X POST", "https://localhost:8443/api/v1/nodes/", "host_name", "repository, engine", "urn:trust-zone:key-reused"):
        assert text in page, text
    assert admin_client.get("/help/api-operations/nothing/", secure=True).status_code == 404


@pytest.mark.django_db
def test_the_example_has_the_address_of_this_site(site_directory: Path, admin_client: Client) -> None:
    page = admin_client.get("/help/api-operations/", secure=True, headers={"Host": "localhost:8443"}).content.decode()
    assert "export QMC_URL=https://localhost:8443 QMC_TOKEN=" in page
    assert 'href="/api/v1/schema/"' in page
