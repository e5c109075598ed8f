"""The types of new private keys: the console sets them, the environment overrides them, and nothing that exists changes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.actors import SYSTEM
from audit.models import Event
from certs.keys.policy import SELECTABLE
from certs.keys.services import key_type, key_types_of_site, key_types_set
from certs.keys.settings import settings as key_settings
from certs.models import Certificate, TrustZone
from pki.core.keys import DEFAULT_KEY_TYPES, KeyType
from pki.core.roles import Kind
from web.errors import InputInvalid
from web.site_settings import Origin

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
API, PAGE = "/api/v1/settings/key-types/", "/settings/key-types/"


@pytest.fixture
def no_override(site_directory: Path, settings: Any) -> None:
    settings.QMC_KEY_TYPES = {}


@pytest.mark.usefixtures("no_override")
def test_new_keys_have_the_type_of_the_site_and_certificates_stay() -> None:
    before = [*Certificate.objects.order_by("pk").values_list("sha256", flat=True)]
    assert {kind: key_type(Kind(kind)) for kind in SELECTABLE} == {kind: DEFAULT_KEY_TYPES[Kind(kind)] for kind in SELECTABLE}
    key_types_set(actor=SYSTEM, types={"service": "RSA-4096"}, now=NOW)
    assert key_type(Kind.SERVICE) == KeyType.RSA_4096
    assert key_type(Kind.CLIENT) == KeyType.EC_P256
    assert [*Certificate.objects.order_by("pk").values_list("sha256", flat=True)] == before
    event = Event.objects.get(action="key_types.set")
    assert event.detail == {"service": {"from": "RSA-3072", "to": "RSA-4096"}}


def test_the_environment_overrides_the_site(site_directory: Path, settings: Any, admin_client: Client) -> None:
    settings.QMC_KEY_TYPES = {Kind.SERVICE: KeyType.RSA_2048}
    key_types_set(actor=SYSTEM, types={"service": "RSA-4096"}, now=NOW)
    assert key_type(Kind.SERVICE) == KeyType.RSA_2048
    assert "overrides this page" in admin_client.get(PAGE, secure=True).content.decode()
    assert {setting.name for setting in key_settings() if setting.origin == Origin.ENVIRONMENT} == {"key-type-service"}


@pytest.mark.usefixtures("no_override")
def test_the_default_is_not_stored_and_no_change_is_no_event() -> None:
    key_types_set(actor=SYSTEM, types={"client": "EC P-384"}, now=NOW)
    key_types_set(actor=SYSTEM, types={"client": "EC P-256"}, now=NOW)
    key_types_set(actor=SYSTEM, types={"client": "EC P-256"}, now=NOW)
    assert TrustZone.objects.get().key_types == {}
    assert Event.objects.filter(action="key_types.set").count() == 2


@pytest.mark.parametrize(
    ("kind", "wrong"), [("service", "EC P-256"), ("cluster", "EC P-384"), ("root", "RSA-2048"), ("client", ""), ("client", "\0")]
)
def test_a_type_that_a_kind_cannot_have_is_refused(site_directory: Path, admin_client: Client, kind: str, wrong: str) -> None:
    with pytest.raises(InputInvalid):
        key_types_set(actor=SYSTEM, types={kind: wrong}, now=NOW)
    assert admin_client.put(API, {kind: wrong}, content_type="application/json", secure=True).status_code == 400
    types = {str(name): str(found) for name, found in key_types_of_site().items()}
    assert admin_client.post(PAGE, types | {kind: wrong}, secure=True).status_code == 400
    assert TrustZone.objects.get().key_types == {}


@pytest.mark.usefixtures("no_override")
def test_page_and_api_set_the_same(admin_client: Client) -> None:
    answer = admin_client.put(API, {"root": "RSA-4096"}, content_type="application/json", secure=True)
    assert answer.json() == {"root": "RSA-4096", "service": "RSA-3072", "client": "EC P-256", "cluster": "RSA-3072"}
    page = admin_client.post(PAGE, answer.json() | {"client": "EC P-384"}, secure=True)
    assert page["Location"] == f"{PAGE}?saved"
    assert admin_client.get(API, secure=True).json()["client"] == "EC P-384"
    assert "Saved." in admin_client.get(f"{PAGE}?saved", secure=True).content.decode()
