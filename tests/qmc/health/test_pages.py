"""`/healthz` and `/readyz`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client

from certs.models import TrustZone
from nodes.models import Node
from qmc.health import pages

pytestmark = pytest.mark.django_db
WELL = b"database: ok\nkeys: ok\ncertificate: ok\n"


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    pages._Kept.until = 0.0
    yield
    pages._Kept.until = 0.0


def test_a_site_is_healthy_and_ready_for_everybody(site_directory: Path, client: Client) -> None:
    health, ready = client.get("/healthz", secure=True), client.get("/readyz", secure=True)
    assert (health.status_code, health.content) == (200, b"ok\n")
    assert (ready.status_code, ready.content) == (200, WELL)
    assert ready["Cache-Control"] == "no-store"


def _no_zone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TrustZone.objects.update(founded_at=None)


def _no_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked() -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(pages, "zone_current", locked)


def _no_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(folder / "node")


def _damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "node/current/manifest.json").write_bytes(b"{")


@pytest.mark.parametrize(
    ("breaking", "failed"),
    [
        (_no_zone, {"database"}),
        (_no_database, {"database"}),
        (_no_store, {"keys", "certificate"}),
        (_damaged, {"keys", "certificate"}),
    ],
    ids=["no trust zone", "no database", "no store", "a damaged store"],
)
def test_a_part_that_fails_is_named_without_details(
    breaking: Callable[[Path, pytest.MonkeyPatch], None],
    failed: set[str],
    site_directory: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaking(site_directory, monkeypatch)
    answer = client.get("/readyz", secure=True)
    lines = answer.content.decode().splitlines()
    assert (answer.status_code, {line.partition(":")[0] for line in lines if line.endswith(": failed")}) == (503, failed)
    assert {line.partition(": ")[2] for line in lines} <= {"ok", "failed"}
    assert client.get("/healthz", secure=True).status_code == 200
    assert Node.objects.exists()
