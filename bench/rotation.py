"""Measure how fast a new root and a new database key reach every node, compared with the floor: bare keys, signatures and handshakes.

    python -m bench.rotation [N] [--kind root|database-key]

Real console, node API, broker and worker; light agents, which take trust and renewals as every agent does. No keys are made ahead.
CPU time of agents and unrelated processes is counted separately, and so are the safety waits.
"""

import argparse
import http.client
import os
import ssl
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from bench.measure import CORES, cpu_of_all, percentile, table, verdict
from pki.core import keys
from pki.core.keys import DEFAULT_KEY_TYPES
from pki.core.roles import Kind
from sitekit.authority import Authority, make_authority
from sitekit.client import register_many, wait_for
from sitekit.fleet import Fleet
from sitekit.site import Site, running_site

FLOOR_SAMPLES, PAGE_EVERY_S, LONGEST_S = 20, 1, 3600
MEMORY = ("worker", "console", "node-api")
SETTLE = "from nodes.rotations import {0}; print({0}.SETTLE.total_seconds())"
SESSION = """
from django.conf import settings; from django.contrib.auth.models import User; from django.test import Client
client = Client(); client.force_login(User.objects.get(username="admin"))
print(settings.SESSION_COOKIE_NAME + "=" + client.cookies[settings.SESSION_COOKIE_NAME].value)
"""
# Of each kind: the module with its safety wait, its page, and its parts: the name of a part, and the query that says whether it is over.
KINDS = {
    "root": (
        "root", "/roots/",
        {
            "made": "SELECT count(to_root_id) FROM certs_rotation WHERE kind = 'root'",
            "trusted by all": "SELECT count(switched_at) FROM certs_rotation WHERE kind = 'root'",
            "presented by all, the old one removed": "SELECT count(finished_at) FROM certs_rotation WHERE kind = 'root'",
        },
    ),
    "database-key": (
        "database_key", "/database-key/",
        {
            "made": "SELECT count(*) FROM certs_databasekey WHERE version = 2 AND status <> 'prepared'",
            "proved by all": "SELECT count(*) FROM certs_databasekey WHERE version = 2 AND status = 'writing'",
            "encrypted again, the old one retired": "SELECT count(finished_at) FROM certs_rotation WHERE kind = 'database-key'",
        },
    ),
}  # fmt: skip
SAFETY_WAITS = {"root": 2, "database-key": 1}


def _context(folder: Path, authority: Authority, kind: Kind, protocol: int) -> ssl.SSLContext:
    """A context of mutual TLS with a new pair of this kind."""
    pair, context = authority.pair(kind), ssl.SSLContext(protocol)
    (folder / f"{kind}.pem").write_bytes(pair.private_key + pair.certificate)
    context.load_cert_chain(folder / f"{kind}.pem")
    context.load_verify_locations(cadata=authority.certificate.public_bytes(Encoding.DER))
    context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED
    return context


def _handshake(serves: ssl.SSLContext, calls: ssl.SSLContext, *, counts: int) -> float:
    """CPU seconds of one side of a handshake: 0 is the side that serves, 1 the side that calls."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (serves.wrap_bio(there, back, server_side=True), calls.wrap_bio(back, there))
    spent, waiting = [0.0, 0.0], [1, 0]
    while waiting:
        number = waiting.pop(0)
        began = time.process_time()
        try:
            sides[number].do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(number)
        spent[number] += time.process_time() - began
    return spent[counts]


def _floor_of_one(_: int) -> float:
    """CPU seconds: two keys, two signatures, the center's side of two handshakes."""
    began = time.process_time()
    for kind in (Kind.SERVICE, Kind.CLIENT):
        keys.to_pem(keys.generate(DEFAULT_KEY_TYPES[kind]))
    spent, authority = time.process_time() - began, make_authority()
    assert isinstance(authority.key, EllipticCurvePrivateKey)
    began = time.process_time()
    for _ in range(2):
        authority.key.sign(b"x" * 1000, ECDSA(SHA384()))
    spent += time.process_time() - began
    with TemporaryDirectory() as folder:
        serves = _context(Path(folder), authority, Kind.SERVICE, ssl.PROTOCOL_TLS_SERVER)
        calls = _context(Path(folder), authority, Kind.CLIENT, ssl.PROTOCOL_TLS_CLIENT)
        return spent + sum(_handshake(serves, calls, counts=side) for side in (0, 1))


def floor() -> float:
    """CPU seconds per node for work that every implementation must do, with all cores busy."""
    with ProcessPoolExecutor(CORES) as pool:
        return sum(pool.map(_floor_of_one, range(FLOOR_SAMPLES))) / FLOOR_SAMPLES


class Page:
    """A page that is read again and again until the block ends."""

    def __init__(self, site: Site, path: str) -> None:
        self.site, self.path, self.took = site, path, list[float]()
        self.ended, self.reading = threading.Event(), threading.Thread(target=self._read)
        self.cookie = site.manage("shell", "-v", "0", "-c", SESSION).strip()

    def _read(self) -> None:
        while not self.ended.wait(PAGE_EVERY_S):
            context = ssl.create_default_context(cafile=self.site.data / "node/current/machine/root/roots.pem")  # they change
            with closing(http.client.HTTPSConnection("127.0.0.1", self.site.port, context=context, timeout=30)) as connection:
                connection.connect()
                began = time.monotonic()
                connection.request("GET", self.path, headers={"Cookie": self.cookie})
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, answer.status
                self.took.append(time.monotonic() - began)

    def __enter__(self) -> "Page":
        self.reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.reading.join()


def memory(site: Site) -> dict[str, float]:
    """The memory of the processes that take part, in MB."""
    size = os.sysconf("SC_PAGE_SIZE") / 1e6
    return {name: sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * size for pid in site.pids(name)) for name in MEMORY}


def empty_pool(site: Site) -> None:
    """Let the rotation begin without keys that were made ahead."""
    site.manage("shell", "-v", "0", "-c", "from certs.models import PooledKey; PooledKey.objects.all().delete()")


def measure(site: Site, fleet: Fleet, kind: str) -> None:
    """Rotate once, and print what it took."""
    module, path, parts = KINDS[kind]
    settle = SAFETY_WAITS[kind] * float(site.manage("shell", "-v", "0", "-c", SETTLE.format(module)))
    floors, nodes = [floor()], len(fleet.addresses) + 1
    empty_pool(site)
    before, held = cpu_of_all(site, fleet), memory(site)
    with Page(site, path) as page:
        began = at = time.monotonic()
        status, answer = site.call("POST", "/rotations/", {"kind": kind})
        assert status == 201, answer
        took = {}
        for part, is_over in parts.items():
            wait_for(lambda is_over=is_over: site.rows(is_over)[0][0], LONGEST_S)
            at, since = time.monotonic(), at
            took[part] = at - since
    used = {name: seconds - before[name] for name, seconds in cpu_of_all(site, fleet).items()}
    floors.append(floor())
    total, lowest = at - began, CORES / (sum(floors) / len(floors))
    wall = total - settle
    ours = 1 - (used["fleet"] + used["(others)"]) / CORES / total  # the share of the cores that the site had
    rate, own = nodes / wall / ours, sum(used[name] for name in used if name not in ("fleet", "clients", "(others)")) / nodes
    print(f"Rotation of the {kind} over {nodes} nodes on {CORES} cores: {total:.1f} s, of which {settle:.0f} s are safety waits")
    print("  " + ", ".join(f"{part} {seconds:.1f} s" for part, seconds in took.items()))
    print(f"  floor {lowest:.2f} nodes/s; {nodes / wall:.2f} nodes/s by the clock: {nodes / wall / lowest:.2f} of it")
    print(
        f"  without the nodes' own work and unrelated processes ({1 - ours:.0%} of the cores) {rate:.2f} nodes/s: "
        f"{rate / lowest:.2f}   {verdict(rate / lowest, 0.5)}; by the site's own CPU time {CORES / lowest / own:.2f}"
    )
    print(f"  page p50 {percentile(page.took, 0.5) * 1000:.0f} ms, p95 {percentile(page.took, 0.95) * 1000:.0f} ms   ", end="")
    print(verdict(percentile(page.took, 0.95), 0.1, at_most=True))
    print("  memory " + ", ".join(f"{name} {held[name]:.0f} → {now:.0f} MB" for name, now in memory(site).items()))
    print("CPU time a node")
    table(used, nodes, total)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rotation", description="How fast a new root and database key reach every node.")
    parser.add_argument("nodes", nargs="?", type=int, default=40)
    parser.add_argument("--kind", choices=KINDS, help="only this one")
    arguments = parser.parse_args()
    size = arguments.nodes
    with TemporaryDirectory() as folder, running_site(Path(folder), agents=0) as site, Fleet(Path(folder) / "fleet", size) as fleet:
        register_many(site, site.token, fleet, fleet.addresses, seconds=60 + 10 * size)
        for kind in [arguments.kind] if arguments.kind else KINDS:
            measure(site, fleet, kind)


if __name__ == "__main__":
    main()
