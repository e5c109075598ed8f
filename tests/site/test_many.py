"""Many nodes registered at once: none is lost or duplicated, and the console still answers."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sitekit.client import Client, register_many
from sitekit.fleet import Fleet
from sitekit.site import Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes

MANY = 200
COUNT = """
from collections import Counter
from certs.models import Certificate
from jobs.models import Job
from nodes.models import Node, Registration
nodes = Node.objects.filter(name__startswith="n127-")
issued = Counter(Certificate.objects.issued().values_list("holder_id", "kind"))
print(nodes.filter(state="registered", generation=1).count())
print(sum(issued[node.pk, kind] == 1 for node in nodes for kind in ("service", "client")))
print(Certificate.objects.filter(holder_id__in=[node.pk for node in nodes]).count())
print(len(set(Certificate.objects.values_list("serial", flat=True))) - Certificate.objects.count())
print(Registration.objects.filter(node__in=nodes).count())
print(Registration.objects.exclude(package=None, sealed_password=None).count())
print(Certificate.objects.exclude(kind="cluster").exclude(sealed_private_key=None).count())
print(Job.objects.unfinished().count())
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), MANY) as running:
        yield running


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    # Python's development mode would make every process here several times slower.
    with running_site(tmp_path, agents=0, environment=QUICK) as running:
        yield running


@takes_minutes
def test_many_nodes_are_registered_at_once(own_site: Site, fleet: Fleet) -> None:
    ended, answers = threading.Event(), []

    def look() -> None:
        with closing(Client(own_site, own_site.token)) as client:
            while not ended.wait(0.5):
                for path in ("/nodes/", "/expiry/", "/certificates/"):
                    started = time.monotonic()
                    client.call("GET", path)
                    answers.append(time.monotonic() - started)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        register_many(own_site, own_site.token, fleet, fleet.addresses, seconds=600)
    finally:
        ended.set()
        looking.join()
    assert len(answers) > 50
    assert sorted(answers)[int(len(answers) * 0.95)] < 2
    registered, pairs, certificates, doubled, registrations, secrets, sealed_keys, jobs = map(
        int, own_site.manage("shell", "-v", "0", "-c", COUNT).split()
    )
    assert (registered, pairs, certificates, registrations) == (MANY, 2 * MANY, 2 * MANY, MANY)
    assert (doubled, secrets, sealed_keys, jobs) == (0, 0, 0, 0)
    assert "The audit log is whole." in own_site.manage("verify_audit")
