"""A machine whose own store opens two database keys: version 1 is read, version 2 written. And a site that was just founded."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from agent.store import Store
from audit.models import Event, Head
from certs.models import Certificate, RevocationList, TrustZone
from certs.models import DatabaseKey as Version
from certs.states import DatabaseKeyStatus
from nodes.models import Node
from pki import keys
from pki.database_key import DatabaseKey
from pki.keys import KeyType
from pki.package import Package, Pair
from pki.roles import Kind
from qmc.services.founding import zone_found

MODELS = (TrustZone, Version, Certificate, RevocationList, Node, Event, Head)
NEW = DatabaseKey(b"n" * 32)


@pytest.fixture(scope="module")
def old_alone(package: Package, authority, tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[DatabaseKey]:
    """The store of a site that has never rotated. Its one key."""
    folder, now = tmp_path_factory.mktemp("own"), datetime.now(UTC)
    with override_settings(NODE_STORE=folder), django_db_blocker.unblock():
        Store(folder).install(package, now=authority.now)
        key_id = authority.database_key.key_id.hex()
        row = Version.objects.create(
            version=1, status=DatabaseKeyStatus.WRITING, key_id=key_id, algorithm="AES-256-GCM", created_at=now, status_since=now
        )
        yield authority.database_key
        row.delete()


@pytest.fixture(scope="session")
def further(authority) -> Pair:
    """A service certificate that carries the new key."""
    return replace(authority, database_key=NEW).pair(Kind.SERVICE)


@pytest.fixture
def versions(package: Package, authority, further: Pair, tmp_path: Path, db) -> Iterator[dict[int, DatabaseKey]]:
    """In the middle of a rotation."""
    now = datetime.now(UTC)
    with override_settings(NODE_STORE=tmp_path / "own"):
        Store(settings.NODE_STORE).install(replace(package, further_service_pairs=(further,)), now=authority.now)
        keys = {1: authority.database_key, 2: NEW}
        for number, status in ((1, DatabaseKeyStatus.READING), (2, DatabaseKeyStatus.WRITING)):
            key_id = keys[number].key_id.hex()
            Version.objects.create(
                version=number, status=status, key_id=key_id, algorithm=keys[number].algorithm, created_at=now, status_since=now
            )
        yield keys


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> tuple[Path, dict[Any, Any]]:
    """A data directory and the rows of a site that was just founded, which takes a second."""
    place = tmp_path_factory.mktemp("founded")
    outer = transaction.atomic()
    outer._from_testcase = True  # as the tests' own: what is durable here is not really committed
    with override_settings(**places(place)), pytest.MonkeyPatch.context() as patched, django_db_blocker.unblock(), outer:
        for kind in (Kind.SERVICE, Kind.CLUSTER):
            patched.setitem(keys.DEFAULT_KEY_TYPES, kind, KeyType.RSA_2048)
        settings_file = place / "root-passphrase"
        settings_file.write_text("passphrase of this machine")
        zone_found(host_name="central.example", now=timezone.now())
        rows = {model: list(model._base_manager.all()) for model in MODELS}
        transaction.set_rollback(True)
    return place, rows


def places(place: Path) -> dict[str, Path]:
    return {"NODE_STORE": place / "node", "QMC_DATA_DIR": place, "SECRETS_DIR": place, "ROOT_PASSPHRASE_FILE": place / "root-passphrase"}


@pytest.fixture
def zone(founded: tuple[Path, dict[Any, Any]], tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, db: None) -> Path:
    """The site, and where its exports lie."""
    shutil.copytree(founded[0], tmp_path / "data", symlinks=True)
    for name, place in places(tmp_path / "data").items():
        setattr(settings, name, place)
    for model, rows in founded[1].items():
        model._base_manager.bulk_create(rows)
    monkeypatch.setitem(keys.DEFAULT_KEY_TYPES, Kind.SERVICE, KeyType.RSA_2048)
    return tmp_path / "data/node/Exported Certificates"


@pytest.fixture
def administrator(db: None) -> Client:
    """An administrator's."""
    made = Client()
    made.force_login(User.objects.create_superuser("admin"))
    return made
