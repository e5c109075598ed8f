"""Measure how fast a revocation reaches nodes that call once a minute, because the central node asks them to call.

    python -m bench.nudges [N] [--engine production]

Real console, node API, broker and worker; light agents, which listen and call as every agent does.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import CORES, cpu_of_all, percentile, verdict
from sitekit.client import Client, register_many, wait_for
from sitekit.engines import ENGINES
from sitekit.fleet import Fleet
from sitekit.site import Site, running_site

ROUNDS, GOAL_S, INTERVAL_S = 3, 5.0, 60
QUIET_S = 15  # longer than pending nodes wait between two calls, and than an agent waits between two early calls
LAST_CALL = "SELECT max(last_seen_at) FROM nodes_observation JOIN nodes_node ON nodes_node.id = node_id WHERE NOT is_central"
NEWEST_LIST = "SELECT max(number) FROM certs_revocationlist WHERE der IS NOT NULL"
# With many nodes, some always call. Then all of them do so once a minute after this time.
SETTLES_S = 2 * INTERVAL_S


def wait_until_quiet(site: Site) -> None:
    """Wait until no node calls for a while, or until every node has called at its usual interval."""
    began = since = time.monotonic()
    before = site.rows(LAST_CALL)
    while time.monotonic() - since < QUIET_S and time.monotonic() - began < SETTLES_S:
        time.sleep(0.5)
        if (now := site.rows(LAST_CALL)) != before:
            before, since = now, time.monotonic()


def measure(site: Site, client: Client, fleet: Fleet, export: str) -> tuple[float, list[float]]:
    """Revoke the export. Returns the seconds until the new list was signed, and until each node used it."""
    number = site.rows(NEWEST_LIST)[0][0]
    began = time.monotonic()
    client.call("POST", f"/exports/{export}/revoke/", {"reason": "bench"})
    with ThreadPoolExecutor(len(fleet.addresses)) as pool:
        known = [pool.submit(fleet.knows_at, address, number + 1, 600) for address in fleet.addresses]
        while site.rows(NEWEST_LIST)[0][0] == number:
            time.sleep(0.02)
        signed = time.monotonic() - began
        return signed, [one.result() - began for one in known]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.nudges", description="How fast a revocation reaches every node.")
    parser.add_argument("nodes", nargs="?", type=int, default=40)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    given = parser.parse_args()
    size = given.nodes
    with (
        TemporaryDirectory() as folder,
        running_site(Path(folder), given.engine, agents=0) as site,
        Fleet(Path(folder) / "fleet", size) as fleet,
    ):
        register_many(site, site.token, fleet, fleet.addresses, seconds=60 + 10 * size)
        client = Client(site, site.token)
        names = [f"export{number}.example" for number in range(ROUNDS)]
        made = client.call("POST", "/exports/", {"machine_names": names, "format": "pem", "password": "of the bench"})["results"]
        exports = [export["id"] for export in made]
        wait_for(lambda: all(client.call("GET", f"/exports/{export}/")["status"] == "made" for export in exports), 120)
        print(f"A revocation, until each of {size} nodes uses the new list. Without nudges: up to {INTERVAL_S} s")
        reached, own = list[float](), 0.0
        for export in exports:
            wait_until_quiet(site)
            before = cpu_of_all(site, fleet)
            signed, known = measure(site, client, fleet, export)
            used = {name: seconds - before[name] for name, seconds in cpu_of_all(site, fleet).items()}
            own += sum(seconds for name, seconds in used.items() if name not in ("fleet", "clients", "(others)"))
            reached.append(percentile(known, 0.95))
            rate = len(known) * 0.95 / (reached[-1] - signed)
            print(
                f"  list signed after {signed:.1f} s; nodes p50 {percentile(known, 0.5):.1f} s, p95 {reached[-1]:.1f} s, all {max(known):.1f} s; "
                f"{rate:.0f} nodes/s, of the CPU time {used['fleet']:.1f} s for the nodes and {used['(others)']:.1f} s for unrelated processes"
            )
        print(f"  95 % know it after {max(reached):.1f} s at most   {verdict(max(reached), GOAL_S, at_most=True)}")
        each = own / ROUNDS / size
        print(f"  the center's own CPU time {each * 1000:.0f} ms a node: at most {CORES / each:.0f} nodes/s on {CORES} cores")
        client.close()


if __name__ == "__main__":
    main()
