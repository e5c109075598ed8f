"""Measure how fast a new root reaches every node, compared with the floor: bare generation of the same keys, and encryption of the same package.

    python -m bench.rotation [N]

Real console, node API, broker and worker; light agents, which take trust and renewals as every agent does. CPU time of agents
and unrelated processes is counted separately.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bench.measure import CORES, cpu_of_all, table
from pki.core import keys
from pki.core.keys import DEFAULT_KEY_TYPES
from pki.core.roles import Kind
from pki.exchange.package import Package, seal_to_certificate
from sitekit.authority import make_authority
from sitekit.client import register_many, wait_for
from sitekit.fleet import Fleet
from sitekit.site import Site, running_site

FLOOR_SAMPLES = 20
STOCK = "from certs.keys.pool import SIZE; print(SIZE)"
SETTLE = "from nodes.rotations.root import SETTLE; print(SETTLE.total_seconds())"


def _example() -> Package:
    """A package of a renewal during a rotation, with two roots."""
    authority = make_authority()
    root = authority.certificate.public_bytes(Encoding.PEM)
    return authority.package(generation=2, roots=(root, root), expires_at=authority.now + timedelta(days=7))


def _floor_of_one(_: int) -> float:
    example = _example()
    held = x509.load_pem_x509_certificate(example.service.certificate)
    began = time.process_time()
    service, client = (keys.to_pem(keys.generate(DEFAULT_KEY_TYPES[kind])) for kind in (Kind.SERVICE, Kind.CLIENT))
    content = replace(example, service=replace(example.service, private_key=service), client=replace(example.client, private_key=client))
    seal_to_certificate(content, held)
    return time.process_time() - began


def floor() -> float:
    """CPU seconds per node for work that every implementation must do, with all cores busy."""
    with ProcessPoolExecutor(CORES) as pool:
        return sum(pool.map(_floor_of_one, range(FLOOR_SAMPLES))) / FLOOR_SAMPLES


class Rotation:
    """A rotation of the root, observed from outside."""

    def __init__(self, site: Site) -> None:
        self.site = site
        status, answer = site.call("POST", "/rotations/", {"kind": "root"})
        assert status == 201, answer

    def _is(self, condition: str) -> bool:
        return bool(self.site.rows(f"SELECT count(*) FROM certs_rotation WHERE {condition}")[0][0])

    def wait_until(self, condition: str) -> float:
        """Wait until the row of the rotation meets `condition`. Returns the time."""
        wait_for(lambda: self._is(condition), 1200)
        return time.monotonic()

    def wait_until_proved(self, nodes: int) -> float:
        query = "SELECT count(DISTINCT node_id) FROM nodes_renewal WHERE status = 'proved'"
        wait_for(lambda: self.site.rows(query)[0][0] == nodes, 1200)
        return time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rotation", description="How fast a new root reaches every node.")
    parser.add_argument("nodes", nargs="?", type=int, default=40)
    size = parser.parse_args().nodes
    with TemporaryDirectory() as folder, running_site(Path(folder), agents=0) as site, Fleet(Path(folder) / "fleet", size) as fleet:
        register_many(site, site.token, fleet, fleet.addresses, seconds=1200)
        stock = int(site.manage("shell", "-v", "0", "-c", STOCK))
        wait_for(lambda: site.rows("SELECT count(*) FROM certs_pooledkey")[0][0] >= stock, 300)
        settle = float(site.manage("shell", "-v", "0", "-c", SETTLE))
        floors = [floor()]
        began, rotation = time.monotonic(), Rotation(site)
        made = rotation.wait_until("to_root_id IS NOT NULL")
        switched, before = rotation.wait_until("switched_at IS NOT NULL"), cpu_of_all(site, fleet)
        proved, after = rotation.wait_until_proved(size + 1), cpu_of_all(site, fleet)
        finished = rotation.wait_until("finished_at IS NOT NULL")
        floors.append(floor())
    nodes, wall, lowest = size + 1, proved - switched, CORES / (sum(floors) / len(floors))
    used = {name: seconds - before[name] for name, seconds in after.items()}
    rate = nodes / (wall - (used["fleet"] + used["(others)"]) / CORES)
    own = sum(seconds for name, seconds in used.items() if name not in ("fleet", "clients", "(others)")) / nodes
    print(
        f"Rotation of the root over {nodes} nodes on {CORES} cores: {finished - began:.1f} s, of which twice {settle:.0f} s are waiting times"
    )
    print(
        f"  made {made - began:.1f} s, trusted by all {switched - made:.1f} s, presented by all {wall:.1f} s, removed {finished - proved:.1f} s"
    )
    print(f"Presented: {wall / nodes:.2f} s a node, {rate:.2f} nodes/s without the nodes' own work and unrelated processes")
    print(f"  floor {lowest:.2f} nodes/s   ratio to the floor {rate / lowest:.2f}, by the site's own CPU time {CORES / lowest / own:.2f}")
    print("CPU time a node, while certificates are replaced")
    table(used, nodes, wall)


if __name__ == "__main__":
    main()
