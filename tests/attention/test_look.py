"""A look asks for the rows with every kind of need in one query, on both engines."""

from pathlib import Path

import pytest

from sitekit.engines import ENGINES
from tests.programs import printed_by

LOOK = """
import json
from datetime import timedelta
import django; django.setup()
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from attention.needs import AFFECTED, Look
from attention.once import facts_once
from tests.qmc.overview.test_queries import crowd

now = timezone.now()
crowd(range(25), now)
look, every = Look(now, 20), Look(now)
apart = {name: [row["key"] for row in affected.keys(now)] for name, affected in AFFECTED.items()}
with facts_once():
    {affected.keys(now) for affected in AFFECTED.values()}  # what conditions read before they are asked
    with CaptureQueriesContext(connection) as asked:
        first = {name: look.keys(name) for name in AFFECTED}
wrong = [name for name, keys in apart.items() if first[name] != keys[:20] or every.keys(name) != keys]
rows = [name for name, affected in AFFECTED.items() if affected.table and [row.pk for row in every.worst(name)] != [row.pk for row in look.worst(name)] + [row.pk for row in every.worst(name)][20:]]
from certs.models import Rotation
from certs.certificates.issuer import roots_in_force
root = roots_in_force()[0] if roots_in_force() else None
Rotation.objects.create(kind="root", to_version=2, actor="ann", created_at=now, from_root=root, to_root=root)
later = now + timedelta(days=3)  # the same SQL, with other facts and another time
again = Look(later)
wrong += [f"later {name}" for name, affected in AFFECTED.items() if again.keys(name) != [row["key"] for row in affected.keys(later)]]
totals = {many.title: total for many, total in look.totals.items()}
print(json.dumps({"queries": len(asked), "wrong": wrong, "rows": rows, "met": [name for name in AFFECTED if look.has(name)], "totals": totals}))
"""


@pytest.mark.parametrize("on", ENGINES)
def test_all_rows_with_a_need_are_found_in_one_query(on: str, tmp_path: Path) -> None:
    found = printed_by(LOOK, on=on, folder=tmp_path / "var")
    assert (found["queries"], found["wrong"], found["rows"]) == (1, [], [])
    assert {"node-silent", "node-registration-failed", "certificate-expired", "export expires soon", "browser-certificate-expiring"} <= {
        *found["met"]
    }
    assert "node-registration-stuck" not in found["met"]
    assert found["totals"]["{count} nodes are silent"] == 25
