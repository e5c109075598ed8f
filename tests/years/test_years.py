"""Years of a site in minutes: the clock of all its processes is moved forward step by step, and no administrator acts.

Five years with three agents; `make years` runs it.
"""

import logging
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.registry import periodic_tasks
from pki.core.verify import fingerprint
from sitekit.probe import Probe
from sitekit.site import Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes
from tests.years.clock import Clock

log = logging.getLogger(__name__)
SECOND_LOOK = timedelta(seconds=70)
# While something is under way, time goes five times as fast as here: no step outlives its lease, and waiting for proofs costs less.
FLOW = timedelta(seconds=1)
FOUNDED_BEFORE = timedelta(days=20 * 30)


AGENTS, STRIDE, STRIDES = 3, timedelta(days=20), 92


class Years:
    """A site under a shifted clock."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.site, self.clock = site, clock

    def unsettled(self, since: datetime) -> Iterator[str]:
        """What has not come to rest after the clock moved to `since`."""
        periods = {task.name: task.period for task in periodic_tasks()}
        for name, last_success in self.site.rows("SELECT name, last_success FROM jobs_periodicwork WHERE last_success IS NOT NULL"):
            if name in periods and datetime.fromisoformat(last_success).replace(tzinfo=UTC) < since - periods[name]:
                yield f"overdue: {name}"
        moment = since.strftime("%Y-%m-%d %H:%M:%S")
        yield from self._named(
            "SELECT 'silent: ' || n.name FROM nodes_node n LEFT JOIN nodes_observation o ON o.node_id = n.id"
            f" WHERE n.state = 'registered' AND (o.last_seen_at IS NULL OR o.last_seen_at < '{moment}')"
        )
        yield from self._named("SELECT title || ' ' || progress FROM jobs_job WHERE outcome = ''")
        yield from self._named("SELECT 'rotation ' || kind || ' ' || problem FROM certs_rotation WHERE under_way")

    def _named(self, query: str) -> Iterator[str]:
        yield from (str(name) for (name,) in self.site.rows(query))

    def let_pass(self, time: timedelta) -> datetime:
        """Move the clock until all has come to rest, then a minute more: who was silent at the first look is seen by the second."""
        for step in (time, SECOND_LOOK):
            now = self.clock.forward(step)
            self._settle(now)
        return now

    def _settle(self, since: datetime, seconds: float = 90) -> None:
        left: list[str] = []

        def settled() -> bool:
            left[:] = self.unsettled(since)
            if left:
                self.clock.forward(FLOW)
            return not left

        try:
            self.site.wait(settled, seconds)
        except AssertionError as exc:
            exc.add_note(f"on {since:%Y-%m-%d} not settled: {'; '.join([*left, *self.problems()])}")
            raise

    def problems(self) -> Iterator[str]:
        """What must hold at every stride, and does not."""
        for row in self.site.call("GET", "/expiry/")[1]["results"]:
            if row["expiry_status"] in ("expired", "not_yet_valid"):
                yield f"{row['kind']} of {row['holder']}: {row['expiry_status']}, ends {row['not_after']}"
        for node in self.site.call("GET", "/nodes/?page_size=500")[1]["results"]:
            if (node["state"], node["online"]) != ("registered", True):
                yield f"{node['name']} is {node['state']}, online: {node['online']}"
            port = self.site.node_port if node["name"] == "central" else node["node_port"]
            issued = {
                certificate["sha256"]
                for certificate in node["certificates"]
                if (certificate["kind"], certificate["status"]) == ("service", "issued")
            }
            if {served(node["address"] or "127.0.0.1", port)} != issued:
                yield f"{node['name']} does not serve its service pair in force"


def served(address: str, port: int) -> str:
    """The SHA-256 of the certificate that is served there."""
    return fingerprint(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((address, port), timeout=10)))


@pytest.fixture
def years(tmp_path: Path) -> Iterator[Years]:
    """A site of some age with `AGENTS` registered nodes whose certificates live twelve months."""
    clock = Clock(tmp_path)
    environment = QUICK | clock.environment | {"QMC_HEARTBEAT_S": "1"}
    with running_site(tmp_path, agents=AGENTS, environment=environment) as site:
        clock.forward(FOUNDED_BEFORE)
        assert site.call("PUT", "/settings/lifetime/", {"months": 12})[0] == 200
        for number, address in enumerate(site.agents, 1):
            site.register(f"rim{number}", address)
        yield Years(site, clock)


@takes_minutes
def test_a_site_runs_for_years_without_an_administrator(years: Years, record_property: Callable[[str, Any], None]) -> None:
    site, clock = years.site, years.clock
    years.let_pass(timedelta(hours=1))
    before = site.rows("SELECT max(sequence) FROM audit_event")[0][0]
    agents = [site.place(f"rim{number}", site.data / "agents" / address, address) for number, address in enumerate(site.agents, 1)]
    with Probe([*agents, site.central()], environment=clock.environment, per_second=10) as probe:
        for number in range(STRIDES):
            now = years.let_pass(STRIDE)
            problems = [*years.problems(), *map(str, probe.report().failures)]
            assert not problems, f"after {number + 1} strides, {now:%Y-%m-%d}: " + "\n".join(problems) + site.tell()
            log.info("%s: %s", f"{now:%Y-%m-%d}", probe.report())
        report = probe.report()
    by_hand = site.rows(f"SELECT action, actor FROM audit_event WHERE sequence > {before} AND actor LIKE '%admin%'")
    assert by_hand == []
    assert "The audit log is whole." in site.manage("verify_audit")
    counted = {
        name: site.rows(f"SELECT count(*) FROM {rows}")[0][0]
        for name, rows in (
            ("renewals", "nodes_renewal WHERE status = 'proved'"),
            ("root rotations", "certs_rotation WHERE kind = 'root' AND finished_at IS NOT NULL"),
            ("revocation lists", "certs_revocationlist WHERE der IS NOT NULL"),
        )
    }
    assert all(counted.values()), counted
    counts = ", ".join(f"{number} {name}" for name, number in counted.items())
    record_property(f"{STRIDES * STRIDE.days} days of {AGENTS} nodes", f"{counts}; {report}")
