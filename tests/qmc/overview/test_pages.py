"""Pages that show what needs attention ask few queries, however many nodes there are and however many of them need attention."""

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.qmc.overview.test_queries import crowd

# With most kinds of needs at once.
MOST = {"/": 30, "/api/v1/attention/": 28, "/nodes/": 12, "/api/v1/nodes/": 5}


@pytest.mark.django_db
def test_pages_ask_few_queries_at_any_size(site_directory: Path, admin_client: Client) -> None:
    for numbers in (range(8), range(8, 83)):  # six nodes for each number: 50 nodes, then 500
        crowd(numbers, timezone.now())
        for page, most in MOST.items():
            with CaptureQueriesContext(connection) as asked:
                assert admin_client.get(page).status_code == 200
            assert len(asked) <= most, page
