"""A machine whose own store opens two database keys: version 1 is read, version 2 written. And a new site."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.test.utils import override_settings

from agent.store import Store
from certs.models import DatabaseKey as Version
from certs.states import DatabaseKeyStatus
from pki.core.database_key import DatabaseKey
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.exchange.package import Package
from tests import factories

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
    """A service certificate with the new key."""
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


@pytest.fixture
def zone(site_directory: Path) -> Path:
    """The folder of the exports of a new site."""
    return site_directory / "node/Exported Certificates"


@pytest.fixture
def administrator(db: None) -> Client:
    """An administrator's."""
    return factories.administrator("admin")
