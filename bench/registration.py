"""Measure how fast nodes are registered, compared with the floor: bare key generation and password derivation on the same cores.

    python -m bench.registration [N] [--engine production]

Real console, node API, broker and worker; light agents. CPU time of agents and unrelated processes is counted separately.
The time to make the keys made ahead again is included.
"""

import argparse
import hashlib
import json
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import CORES, cpu_of_all, percentile, spread, table, verdict
from pki.core import keys
from pki.core.keys import DEFAULT_KEY_TYPES
from pki.core.roles import Kind
from pki.exchange.package import ITERATIONS
from sitekit.client import Client, register_many, register_one, wait_for
from sitekit.engines import ENGINES
from sitekit.fleet import Fleet
from sitekit.site import Site, running_site

FLOOR_SAMPLES, IDLE_SAMPLES, MOST_INTERACTIVE, INTERACTIVE_EVERY_S = 40, 30, 30, 1.0
STOCK = "from certs.keys.pool import SIZE; print(SIZE)"
SECOND_USER = "from django.contrib.auth.models import User; User.objects.create_superuser('second', password=None)"


def _floor_of_one(_: int) -> float:
    began = time.process_time()
    for kind in (Kind.SERVICE, Kind.CLIENT):
        keys.to_pem(keys.generate(DEFAULT_KEY_TYPES[kind]))
    hashlib.pbkdf2_hmac("sha512", b"password", b"salt", ITERATIONS)
    return time.process_time() - began


def floor() -> float:
    """CPU seconds per node for work that every implementation must do, with all cores busy."""
    with ProcessPoolExecutor(CORES) as pool:
        return sum(pool.map(_floor_of_one, range(FLOOR_SAMPLES))) / FLOOR_SAMPLES


class Bench:
    """Measure one site with one fleet of agents."""

    def __init__(self, site: Site, fleet: Fleet) -> None:
        self.site, self.fleet = site, fleet
        site.manage("shell", "-v", "0", "-c", SECOND_USER)
        self.second = Client(site, site.manage("create_token", "second", "--name", "bench").strip())
        self.addresses = iter(fleet.addresses)
        self.stock = int(site.manage("shell", "-v", "0", "-c", STOCK))

    def refill(self) -> None:
        """Wait until all keys are made ahead."""
        wait_for(lambda: self.site.rows("SELECT count(*) FROM certs_pooledkey")[0][0] >= self.stock, 120)

    def one(self) -> float:
        return register_one(self.second, self.fleet, next(self.addresses))

    def idle(self) -> list[float]:
        """Register nodes one at a time, after a first one that is not counted."""
        self.one()
        found = []
        for _ in range(IDLE_SAMPLES):
            self.refill()
            time.sleep(0.5)
            found.append(self.one())
        self.refill()
        return found

    def bulk(self, size: int) -> tuple[list[float], list[float]]:
        """Start `size` registrations at once, and single ones by another user at the same time. Returns both latencies."""
        mine, ended = [next(self.addresses) for _ in range(size)], threading.Event()

        def interact() -> list[float]:
            single: list[float] = []
            while not ended.wait(INTERACTIVE_EVERY_S) and len(single) < MOST_INTERACTIVE:
                single.append(self.one())
            return single

        with ThreadPoolExecutor(1) as pool:
            interacting = pool.submit(interact)
            try:
                bulk = register_many(self.site, self.site.token, self.fleet, mine)
            finally:
                ended.set()
        return bulk, interacting.result()

    def states(self, since: int) -> dict[str, list[float]]:
        """The seconds that each node was in each state, from the audit log after event `since`."""
        query = f"SELECT target_id, at, detail FROM audit_event WHERE action = 'node.transition' AND sequence > {since} ORDER BY sequence"
        entered: dict[str, datetime] = {}
        spent: dict[str, list[float]] = {}
        for node, at, detail in self.site.rows(query):
            # SQLite keeps times and JSON as text.
            moment, moved = (datetime.fromisoformat(at), json.loads(detail)) if isinstance(at, str) else (at, detail)
            if node in entered:
                spent.setdefault(moved["from"], []).append((moment - entered[node]).total_seconds())
            entered[node] = moment
        return spent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.registration", description="How fast nodes are registered.")
    parser.add_argument("nodes", nargs="?", type=int, default=60)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    arguments = parser.parse_args()
    size = arguments.nodes
    most = size + IDLE_SAMPLES + MOST_INTERACTIVE + 1
    with (
        TemporaryDirectory() as folder, running_site(Path(folder), arguments.engine, agents=0) as site,
        Fleet(Path(folder) / "fleet", most) as fleet,
    ):  # fmt: skip
        bench = Bench(site, fleet)
        idle = bench.idle()
        floors = [floor()]
        before, began, events = cpu_of_all(site, fleet), time.monotonic(), site.rows("SELECT max(sequence) FROM audit_event")[0][0]
        bulk, single = bench.bulk(size)
        registered = time.monotonic() - began
        bench.refill()
        wall = time.monotonic() - began
        used = {name: seconds - before[name] for name, seconds in cpu_of_all(site, fleet).items()}
        spent = bench.states(events)
        floors.append(floor())
    nodes, lowest = size + len(single), CORES / (sum(floors) / len(floors))
    rate = nodes / (wall - (used["fleet"] + used["(others)"]) / CORES)
    print(f"Registration of {nodes} nodes on {CORES} cores, {arguments.engine}: {registered:.1f} s, {wall:.1f} s with the keys made again")
    print(f"  {rate:.2f} nodes/s without the nodes' own work and unrelated processes; floor {lowest:.2f} nodes/s")
    print(f"  ratio to the floor {rate / lowest:.2f}   {verdict(rate / lowest, 0.7)}")
    print("From the register call until the node has the package")
    print(f"  idle                {spread(idle)}   {verdict(percentile(idle, 0.95), 0.3, at_most=True)}")
    if single:
        print(f"  single, under bulk  {spread(single)}   {verdict(percentile(single, 0.95), 1.5, at_most=True)}")
    print(f"  the bulk's own      {spread(bulk)}")
    print("Time in each state")
    for state, seconds in spent.items():
        print(f"  {state:18}  {spread(seconds)}")
    print("CPU time a node")
    table(used, nodes, wall)


if __name__ == "__main__":
    main()
