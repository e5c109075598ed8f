"""The page of the API: every operation of the schema, with the address of this site."""

from pathlib import Path

import pytest
from django.test import Client

from qmc.help.view_models import operations_page
from qmc.urls import API


def test_every_address_of_the_api_is_on_the_page_with_its_methods() -> None:
    shown = {operation.path: operation for group in operations_page("https://site.example").groups for operation in group.operations}
    assert len(shown) == len(API)
    assert shown["/settings/lifetime/"].methods == ("GET", "PUT")
    assert "state" in shown["/nodes/"].filters
    assert [path for path, operation in shown.items() if not operation.description] == []


@pytest.mark.django_db
def test_the_example_has_the_address_of_this_site(site_directory: Path, admin_client: Client) -> None:
    page = admin_client.get("/help/api-operations/", secure=True, headers={"Host": "localhost:8443"}).content.decode()
    assert "export QMC_URL=https://localhost:8443 QMC_TOKEN=" in page
    assert 'href="/api/v1/schema/"' in page
