"""The names of a site from before the register: all are recorded, and of two holders of an exclusive name the later one is disputed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sitekit.engines import ENGINES, need, postgresql
from tests.upgrade.conftest import ROOT

UPGRADE = """
import uuid
from datetime import datetime, UTC
import django; django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
before = [("nodes", "0008_turns_and_caller_findings"), ("certs", "0005_certificate_superseded_at")]
executor.migrate(before)
apps = executor.loader.project_state(before).apps
Node, Export = apps.get_model("nodes", "Node"), apps.get_model("certs", "Export")
def at(day): return datetime(2026, 1, day, tzinfo=UTC)
def node(day, name, *further, state="registered"):
    Node.objects.create(name=name, host_name=f"{name}.Example", subject_alternative_names=further, state=state, state_since=at(day), created_at=at(day))
def export(day, machine, status="made"):
    Export.objects.create(machine=machine, format="pem", status=status, status_since=at(day), batch=uuid.uuid4(), actor="ann", created_at=at(day))
node(1, "rim1", "lb.example", "2001:DB8::1")
node(2, "rim2", "LB.example", "old.example")
export(3, "RIM2.example")        # after the node
export(1, "files.example")
node(4, "files")                 # after the export
node(5, "gone", state="decommissioned")
export(5, "gone.example", status="revoked")
export(6, "gone.example")
executor = MigrationExecutor(connection)
executor.migrate(executor.loader.graph.leaf_nodes())
from certs.models import NameHolder
from certs.names.services import disputes
for row in NameHolder.objects.select_related("claim").order_by("claim__name", "since"):
    print(row.claim.name, "exclusive" if row.claim.exclusive else "shared", row.kind, row.since.day, "disputed" if row.disputed else "")
for each in disputes():
    print(each)
"""
RECORDED = """\
2001:db8::1 shared node 1
files.example exclusive export 1
files.example exclusive node 4 disputed
gone.example exclusive export 6
lb.example shared node 1
lb.example shared node 2
old.example shared node 2
rim1.example exclusive node 1
rim2.example exclusive node 2
rim2.example exclusive export 3 disputed
rim2.example is a name of the export for RIM2.example and the node rim2. Each could impersonate the other. They keep working.
files.example is a name of the node files and the export for files.example. Each could impersonate the other. They keep working.
"""


def upgraded(folder: Path, **further: str) -> str:
    environment = os.environ | {"QMC_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "qmc.settings"} | further
    ended = subprocess.run(
        [sys.executable, "-c", UPGRADE], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return "".join(f"{line.rstrip()}\n" for line in ended.stdout.splitlines())


@pytest.mark.parametrize("on", ENGINES)
def test_names_of_an_older_site_are_recorded(tmp_path: Path, on: str) -> None:
    need(on)
    if on == "embedded":
        assert upgraded(tmp_path) == RECORDED
    else:
        with postgresql() as url:
            assert upgraded(tmp_path, DATABASE_URL=url) == RECORDED
