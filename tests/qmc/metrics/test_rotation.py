"""Scrapes while a thousand nodes are renewed: no scrape fails or delays the renewals, and each has the values of one moment for one query."""

from pathlib import Path

import pytest

from tests.programs import printed_by
from tests.slow import takes_minutes

SCRAPES = """
import json, threading
import django; django.setup()
from django.db import connection
from django.utils import timezone
from nodes.models import Node, Observation, Renewal
from nodes.states import NodeState, RenewalStatus
from qmc.metrics.values import values

NODES = 1000
now = timezone.now()
nodes = Node.objects.bulk_create(
    Node(name=f"rim{number}", host_name=f"rim{number}.example", state=NodeState.REGISTERED, state_since=now, created_at=now, registered_at=now)
    for number in range(NODES)
)
Observation.objects.bulk_create(Observation(node=node, last_seen_at=now, silent_at=now + timezone.timedelta(minutes=9)) for node in nodes)
errors, done = [], threading.Event()

def rotate():
    try:
        for node in nodes:
            renewal = Renewal.objects.create(node=node, generation=2, actor="ann", created_at=now, status=RenewalStatus.OFFERED)
            Node.objects.filter(pk=node.pk).update(state=NodeState.ISSUING)
            Node.objects.filter(pk=node.pk).update(state=NodeState.REGISTERED, generation=2)
            Renewal.objects.filter(pk=renewal.pk).update(status=RenewalStatus.PROVED)
    except Exception as exc:
        errors.append(repr(exc))
    finally:
        done.set()
        connection.close()

def scrape():
    found = {}
    for family in values(timezone.now()):
        for sample in family.samples:
            found.setdefault(family.name, {})[tuple(sample.labels.values())] = sample.value
    series = sum(len(samples) for samples in found.values())
    renewals = found["qmc_renewals_in_progress"][("offered",)], found["qmc_renewals_last_day"][("proved",)]
    return [sum(found["qmc_nodes"].values()), sum(found["qmc_nodes_health"].values()), *renewals, series]

rotation = threading.Thread(target=rotate)
rotation.start()
seen = [scrape()]
while not done.is_set():
    seen.append(scrape())
rotation.join()
seen.append(scrape())
print(json.dumps({"seen": seen, "errors": errors}))
"""


@takes_minutes
@pytest.mark.parametrize("on", ["embedded", "production"])
def test_a_scrape_during_a_rotation_is_whole_and_delays_nothing(on: str, tmp_path: Path) -> None:
    found = printed_by(SCRAPES, on=on, folder=tmp_path / "var")
    assert found["errors"] == []
    assert len(found["seen"]) > 3
    proved = [scrape[3] for scrape in found["seen"]]
    assert proved == sorted(proved)
    assert proved[-1] == 1000
    for nodes, health, offered, _, series in found["seen"]:
        assert (nodes, health) == (1001, 1001)
        assert offered <= 1
        assert series <= found["seen"][0][4] + 10  # labels do not grow with what happens
