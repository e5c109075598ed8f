"""A site from before the columns of what is due and what needs attention: they are as the next heartbeat, renewal or event would write them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sitekit.engines import ENGINES, need, postgresql
from tests.upgrade.conftest import ROOT

UPGRADE = """
import hashlib, json, uuid
from datetime import datetime, timedelta, UTC
import django; django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
before = [("nodes", "0010_help_texts"), ("certs", "0007_help_texts"), ("audit", "0001_initial"), ("alerts", "0001_initial"), ("jobs", "0002_names_of_handlers")]
executor.migrate(before)
apps = executor.loader.project_state(before).apps
Node, Observation = apps.get_model("nodes", "Node"), apps.get_model("nodes", "Observation")
Certificate, Event, Head = apps.get_model("certs", "Certificate"), apps.get_model("audit", "Event"), apps.get_model("audit", "Head")
at, A, B, C = datetime(2026, 1, 1, tzinfo=UTC), "a" * 64, "b" * 64, "c" * 64
def node(name, state="registered"):
    return Node.objects.create(name=name, host_name=name, state=state, state_since=at, created_at=at, registered_at=at)
def called(name, **report):
    Observation.objects.create(node=node(name), last_seen_at=at + timedelta(days=9), **report)
called("fine", installed={"service": A, "client": B, "cluster": C}, served={"service": A}, trusts=[A], revocation_lists={A: 4},
       hook={"at": at.isoformat(), "exit": 0, "generation": 1})
called("old", installed={"service": A, "client": B}, served={"service": A, "engine": C}, hook={"at": at.isoformat(), "exit": 3, "generation": 1})
called("web", installed={"service": A, "browser": B}, served={"service": A, "proxy": A})
called("damaged", installed={"service": 7}, served=[], trusts="x", hook=[])
failed = node("failed", state="failed")
for kind, status, serial in (("client", "issued", "ff00"), ("root", "issued", "ff01"), ("client", "superseded", "ff02")):
    Certificate.objects.create(kind=kind, status=status, subject="CN=x", serial=serial, not_before=at, not_after=at + timedelta(days=1800),
                               key_type="EC P-256", holder_id=uuid.uuid4(), lease_until=at, created_at=at)
digest = ""
for number, (source, to) in enumerate((("issuing", "failed"), ("distributing", "failed")), 1):
    event = Event(sequence=number, at=at, actor="system", action="node.transition", target_type="nodes.node", target_id=failed.pk,
                  target_label="failed", detail={"from": source, "to": to}, previous=digest)
    from audit.models import Event as Now
    from pki.evidence.events import digest_of
    digest = event.digest = digest_of(Now(**{field.attname: getattr(event, field.attname) for field in Event._meta.concrete_fields}))
    event.save(force_insert=True)
Head.objects.create(pk=1, sequence=2, digest=digest)
executor = MigrationExecutor(connection)
executor.migrate(executor.loader.graph.leaf_nodes())
from tests.whole_log import verify
from certs.models import Certificate as Issued
from nodes.models import Node as Named, Observation as Seen
from nodes.observation.models import derived_columns
for seen in Seen.objects.select_related("node").order_by("node__name"):
    columns = derived_columns(vars(seen), at=seen.last_seen_at, serves_another_since=seen.node.registered_at)
    print(seen.node.name, {name: getattr(seen, name) for name in columns} == columns, seen.service_sha256[:1], seen.client_sha256[:1], seen.cluster_sha256[:1],
          seen.hook_failed, bool(seen.serves_another_since), seen.browser_not_used, seen.browser_not_served, seen.silent_at - seen.last_seen_at)
print(Named.objects.get(name="failed").failed_from)
for issued in Issued.objects.order_by("serial"):
    print(issued.serial, issued.renew_at and (issued.renew_at - at).days)
print(verify(), "events")
"""
EXPECTED = """\
damaged True    False False False False 0:03:00
fine True a b c False False False False 0:03:00
old True a b  True True False False 0:03:00
web True a   False False False True 0:03:00
distributing
ff00 1213
ff01 None
ff02 None
2 events
"""


def upgraded(folder: Path, **further: str) -> str:
    environment = os.environ | {"QMC_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "qmc.settings"} | further
    ended = subprocess.run(
        [sys.executable, "-c", UPGRADE], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("on", ENGINES)
def test_an_older_site_gets_what_is_due_and_what_needs_attention(tmp_path: Path, on: str) -> None:
    need(on)
    if on == "embedded":
        assert upgraded(tmp_path) == EXPECTED
    else:
        with postgresql() as url:
            assert upgraded(tmp_path, DATABASE_URL=url) == EXPECTED
