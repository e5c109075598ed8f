"""The bench of pages knows every address and all periodic work, and finds the views of a list."""

from pathlib import Path

import pytest
from django.utils import timezone

from bench.pages.addresses import Address, addresses, further_views, routes
from bench.pages.measure import queries, signed_in
from bench.pages.samples import samples, samples_make
from bench.pages.work import PARTS
from bench.seed.fill import seed
from bench.seed.plan import Counts
from jobs.registry import periodic_tasks
from tests.factories import administrator


@pytest.mark.django_db(transaction=True)
def test_every_route_has_an_address(site_directory: Path) -> None:
    seed(Counts(nodes=60, certificates=200, events=500, jobs=20), now=timezone.now(), say=lambda _: None)
    samples_make(now=timezone.now())
    administrator()
    found = addresses(samples())  # raises for a route without a sample
    assert len(found) > len(routes()) / 2
    client = signed_in()
    nodes = Address("/nodes/", "/nodes/")
    views = {view.path for view in further_views(nodes, client.get("/nodes/", secure=True).content.decode())}
    assert {"/nodes/?sort=-name", "/nodes/?search=0042", "/nodes/?page_size=100"} <= views
    assert any(view.startswith("/nodes/?cursor=") for view in views)
    assert 0 < queries(client, "/nodes/")[0] <= 25


def test_all_periodic_work_has_parts() -> None:
    assert {task.name for task in periodic_tasks()} <= PARTS.keys()
