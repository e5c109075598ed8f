"""A worker is killed in the middle of bulk work: the next one goes on, and no row is lost or done twice."""

import os
import signal
from typing import Any

from sitekit.site import Site
from tests.slow import takes_minutes

MANY = 400
NODES = f"""
from django.utils import timezone
from nodes.models import Node
now = timezone.now()
Node.objects.bulk_create(
    Node(name=f"many{{number}}", host_name=f"many{{number}}.example", state="created", state_since=now, created_at=now) for number in range({MANY})
)
"""


@takes_minutes
def test_a_killed_worker_loses_no_row_and_repeats_none(site: Site) -> None:
    site.manage("shell", "-v", "0", "-c", NODES)
    status, work = site.call("POST", "/bulk/", {"action": "nodes.decommission", "filter": {"search": "many"}})
    assert (status, work["total"]) == (202, MANY)

    def now() -> dict[str, Any]:
        found: dict[str, Any] = site.call("GET", f"/bulk/{work['id']}/")[1]
        return found

    site.wait(lambda: now()["counts"]["done"])
    for pid in site.pids("celery", "worker"):
        os.kill(pid, signal.SIGKILL)
    assert now()["counts"]["waiting"], "the worker was too fast for this test"
    site.wait(lambda: now()["state"] == "finished")  # after the lease of the job
    assert now()["counts"] == {"waiting": 0, "done": MANY, "refused": 0, "failed": 0, "cancelled": 0}
    events = "SELECT count(*), count(DISTINCT target_id) FROM audit_event WHERE action = 'node.transition' AND target_label LIKE 'many%'"
    assert site.rows(events) == [(MANY, MANY)]
    assert "The audit log is whole." in site.manage("verify_audit")
