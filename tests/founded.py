"""A site that was just founded: made once a process, for it takes half a second, then copied for each test."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import models, transaction
from django.test.utils import override_settings
from django.utils import timezone

from audit.models import Event, Head
from certs.models import CentralKey, Certificate, DatabaseKey, NameClaim, NameHolder, RevocationList, TrustZone
from nodes.central.founding import zone_found
from nodes.models import Node

MODELS: tuple[type[models.Model], ...] = (
    TrustZone,
    DatabaseKey,
    CentralKey,
    Certificate,
    RevocationList,
    Node,
    NameClaim,
    NameHolder,
    Event,
    Head,
)
Template = tuple[Path, dict[type[models.Model], list[models.Model]]]


def settings_of(folder: Path) -> dict[str, Path]:
    """Where a site in `folder` keeps what."""
    secrets = folder / "secrets"
    files = {
        "ROOT_PASSPHRASE_FILE": secrets / "root-passphrase",
        "SECRET_KEY_FILE": secrets / "secret-key",
        "CENTRAL_KEY_FILE": secrets / "central-key",
    }
    return {"QMC_DATA_DIR": folder, "NODE_STORE": folder / "node", "SECRETS_DIR": secrets, **files}


def prepared(folder: Path) -> Path:
    """A machine on which nothing was founded yet; its passphrase and secret key are there."""
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets/root-passphrase").write_text("passphrase of this machine")
    (folder / "secrets/secret-key").write_text("the site's secret key")
    return folder


@pytest.fixture
def place(tmp_path: Path, settings: Any) -> Path:
    """The folder of a machine on which nothing was founded yet."""
    for name, path in settings_of(tmp_path).items():
        setattr(settings, name, path)
    return prepared(tmp_path)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Template:
    folder = prepared(tmp_path_factory.mktemp("founded") / "site")
    outer = transaction.atomic()
    outer._from_testcase = True  # as the tests' own: what is durable here is not really committed
    with override_settings(**settings_of(folder)), django_db_blocker.unblock(), outer:
        zone_found(host_name="central.example", now=timezone.now())
        rows = {model: list(model._base_manager.all()) for model in MODELS}
        transaction.set_rollback(True)
    return folder, rows


@pytest.fixture
def founded(template: Template, place: Path, db: None) -> Path:
    """The folder of a site that was just founded under the name central.example."""
    shutil.copytree(template[0], place, symlinks=True, dirs_exist_ok=True)
    for model, rows in template[1].items():
        model._base_manager.bulk_create(rows)
    return place
