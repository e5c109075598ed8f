"""A new site: created once a process, which takes half a second, and copied for each test."""

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
    """The settings of a site whose data directory is `folder`."""
    secrets = folder / "secrets"
    files = {
        "ROOT_PASSPHRASE_FILE": secrets / "root-passphrase",
        "SECRET_KEY_FILE": secrets / "secret-key",
        "CENTRAL_KEY_FILE": secrets / "central-key",
        "BACKUP_DIR": folder / "backups",
        "BACKUP_PASSPHRASE_FILE": secrets / "backup-passphrase",
    }
    return {"QMC_DATA_DIR": folder, "NODE_STORE": folder / "node", "SECRETS_DIR": secrets, **files}


def prepared(folder: Path) -> Path:
    """Write the root passphrase and the secret key of a site that is not created yet into `folder`."""
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets/root-passphrase").write_text("passphrase of this machine")
    (folder / "secrets/secret-key").write_text("the site's secret key")
    return folder


@pytest.fixture
def data_directory(tmp_path: Path, settings: Any) -> Path:
    """The data directory of this test: it has a root passphrase and a secret key, and no site yet."""
    for name, path in settings_of(tmp_path).items():
        setattr(settings, name, path)
    return prepared(tmp_path)


@pytest.fixture(scope="session")
def site_template(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Template:
    folder = prepared(tmp_path_factory.mktemp("template") / "site")
    outer = transaction.atomic()
    outer._from_testcase = True  # as the tests' own: what is durable here is not really committed
    with override_settings(**settings_of(folder)), django_db_blocker.unblock(), outer:
        zone_found(host_name="central.example", now=timezone.now())
        rows = {model: list(model._base_manager.all()) for model in MODELS}
        transaction.set_rollback(True)
    return folder, rows


@pytest.fixture
def site_directory(site_template: Template, data_directory: Path, db: None) -> Path:
    """The data directory of a new site with the name central.example. The database has its rows."""
    shutil.copytree(site_template[0], data_directory, symlinks=True, dirs_exist_ok=True)
    for model, rows in site_template[1].items():
        model._base_manager.bulk_create(rows)
    return data_directory
