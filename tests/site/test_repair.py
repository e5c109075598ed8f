"""The central node's certificates are all revoked, on a running site: its nodes refuse it, and it is repaired in place, without a password."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store import Store
from pki.core.revocation import is_revoked
from sitekit.site import ROOT, Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes

REVOKE = """
from datetime import UTC, datetime
from audit.actors import SYSTEM
from certs.models import Certificate
from certs.certificates.services import certificate_withdraw
from nodes.models import Node
central = Node.objects.get(is_central=True)
for each in Certificate.objects.accepted().filter(holder_id=central.pk):
    certificate_withdraw(certificate=each, reason="to see", actor=SYSTEM, now=datetime.now(UTC))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path, agents=1, environment=QUICK) as running:
        yield running


def calls(site: Site, since: str) -> bool:
    """Whether the node has called since then. Its agent calls immediately when it starts."""
    return last_call(site) > since


def last_call(site: Site) -> str:
    return str(site.rows("SELECT o.last_seen_at FROM nodes_observation o JOIN nodes_node n ON n.id = o.node_id WHERE n.name = 'rim'")[0][0])


@takes_minutes
def test_the_central_node_is_repaired_on_a_running_and_on_a_stopped_site(site: Site) -> None:
    pk, _ = site.register("rim", site.agents[0])
    rim, central = Store(site.data / "agents" / site.agents[0]), Store(site.data / "node")
    before, generation = central.current(), rim.current().generation
    site.manage("shell", "-c", REVOKE)
    site.wait(lambda: site.call("GET", "/attention/")[1]["results"][0]["code"] == "central-without-certificates")
    site.wait(lambda: site.rows("SELECT COUNT(*) FROM certs_revocationlist WHERE der IS NOT NULL")[0][0] > 1)
    site.restart_agent(site.agents[0])
    site.wait(lambda: is_revoked(before.service, rim.current().crls))
    refused_since = last_call(site)
    site.restart_agent(site.agents[0])
    log = site.data / f"logs/agent-{site.agents[0]}.log"
    site.wait(lambda: "was revoked" in log.read_text())
    assert last_call(site) == refused_since
    assert "No other node was changed" in site.manage("repair_central")
    site.wait(site.answers)
    site.restart_agent(site.agents[0])
    site.wait(lambda: calls(site, refused_since))
    assert (site.node(pk)["state"], site.node(pk)["online"], rim.current().generation) == ("registered", True, generation)
    codes = [need["code"] for need in site.call("GET", "/attention/")[1]["results"]]
    assert "central-without-certificates" not in codes

    site.die()
    site.manage("shell", "-c", REVOKE)
    (site.data / "node/current/manifest.json").write_bytes(b"")
    command = list(map(str, site.process.args))
    ended = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, "repair_central" in ended.stderr) == (1, True), ended.stderr
    seen = last_call(site)
    assert "No other node was changed" in site.manage("repair_central")
    site.process = subprocess.Popen(command, cwd=ROOT, env=site.environment, stdout=site.output, stderr=site.output)
    site.wait(site.answers, 90)
    site.wait(lambda: calls(site, seen), 90)
    assert (site.node(pk)["state"], rim.current().generation) == ("registered", generation)
    renewed = site.call("POST", f"/nodes/{pk}/renew/")[0]
    site.restart_agent(site.agents[0])
    site.wait(lambda: rim.current().generation > generation, 90)
    assert renewed == 202
