"""One provider process for all tests of this folder. Each test begins with its switches as they were, and with nothing kept of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.actors import SYSTEM
from people.provider import discovery
from people.provider.models import IdentityProvider as Settings
from people.provider.services import provider_save
from tests import factories
from tests.identity_provider import CLIENT, SECRET, IdentityProvider, identity_provider
from tests.receivers import LOOPBACK

ROLES = [{"group": "admins", "role": "SecurityAdmin"}, {"group": "staff", "role": "Viewer"}, {"group": "roots", "role": "RootAdmin"}]


@pytest.fixture(scope="package")
def process() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def provider(process: IdentityProvider, settings: Any, site_directory: Path, db: None) -> IdentityProvider:
    """The real provider, configured and enabled."""
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    discovery._kept.clear()
    process.reset()
    factories.root_admin("local", password="correct horse battery")
    change(issuer=process.issuer, client_id=CLIENT, client_secret=SECRET, name="Company", roles=ROLES, enabled=True)
    return process


def change(**settings: Any) -> Settings:
    return provider_save(actor=SYSTEM, now=timezone.now(), **settings)
