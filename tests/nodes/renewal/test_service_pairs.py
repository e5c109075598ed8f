"""A renewal during a rotation of the database key: for which keys it has service pairs."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from agent.store import Store
from audit.actors import SYSTEM
from certs.models import Certificate, DatabaseKey
from certs.zone.services import zone_current
from jobs.models import Job
from nodes.models import Node, Observation, Renewal
from nodes.renewal.services import node_renew, renewal_advance
from pki.core import database_key
from pki.core.roles import Kind
from sitekit.authority import Authority
from tests import factories
from tests.certs.revocation.test_revoke import generation

NEW = database_key.DatabaseKey(b"n" * 32)
OLD_ONE, NEW_ONE = 1, 2


@pytest.fixture
def node(site_directory: Path, authority: Authority) -> Node:
    """A node with a first generation, on a site that reads with one key and writes with another."""
    now = timezone.now()
    node = factories.registered_node()
    generation(node, 1)
    pair = replace(authority, database_key=NEW).pair(Kind.SERVICE)
    Store(settings.NODE_STORE)._keep_service_pair(pair, zone_current().database_key_oids)
    DatabaseKey.objects.filter(version=OLD_ONE).update(status="reading")
    new = {"status": "writing", "key_id": NEW.key_id.hex(), "algorithm": NEW.algorithm}
    DatabaseKey.objects.create(version=NEW_ONE, created_at=now, status_since=now, **new)
    return node


@pytest.mark.parametrize(
    ("reported", "expected"),
    [([], {OLD_ONE, NEW_ONE}), ([OLD_ONE], {NEW_ONE}), ([NEW_ONE], {OLD_ONE, NEW_ONE}), ([OLD_ONE, NEW_ONE], {NEW_ONE})],
)
def test_a_renewal_has_a_pair_for_the_newest_key_and_for_those_that_the_node_lacks(
    node: Node, reported: list[int], expected: set[int]
) -> None:
    held = [DatabaseKey.objects.get(version=number).key_id for number in reported]
    Observation.objects.create(node=node, last_seen_at=timezone.now(), database_keys=held)
    renewal = node_renew(actor=SYSTEM, node=Node.objects.get(pk=node.pk), now=timezone.now())
    renewal_advance(job=Job.objects.get(subject=renewal.pk))
    assert Renewal.objects.get().status == "offered"
    made = Certificate.objects.issued().filter(holder_id=node.pk, kind=Kind.SERVICE, generation=renewal.generation)
    assert set(made.values_list("database_key_version", flat=True)) == expected
