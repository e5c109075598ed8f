"""Let thousands of light nodes call a site for minutes, and measure what the site does meanwhile.

    python -m bench.fleet [NODES] [MINUTES] [--engine production] [--outage] [--longest SECONDS]

A new site is filled by bench.seed. Real console, node API, worker and beat; the callers (bench.fleet.callers) share one process. Each calls at the interval of its last
answer with the client certificate of its node, returns turns, and proves its keys once an hour. Meanwhile a person reads pages of the console.

`--outage` stops the database for 30 s halfway: an exclusive lock on SQLite, stopped processes on PostgreSQL.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import django

from sitekit.engines import ENGINES, engine
from sitekit.site import ROOT, Site


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description="Thousands of light nodes that call.")
    parser.add_argument("nodes", nargs="?", type=int, default=1000)
    parser.add_argument("minutes", nargs="?", type=float, default=2)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--outage", action="store_true", help="stop the database for 30 s halfway")
    parser.add_argument("--longest", type=int, default=600, help="the longest interval between the calls of a node, in seconds")
    return parser.parse_args()


def fill(data: Path, nodes: int) -> Path:
    """Found and fill the site. Returns the file with the private key of all client certificates of nodes."""
    key = data.parent / "client_key.pem"
    counts = {"nodes": nodes, "certificates": 3 * nodes, "events": 10 * nodes, "jobs": nodes}
    for words in (
        ["manage.py", "init", "--host-name", "central.example", "--node-api-address", "127.0.0.1:4242"],
        ["-m", "bench.seed", "--client-key", str(key), *(word for name, count in counts.items() for word in (f"--{name}", str(count)))],
    ):
        subprocess.run([sys.executable, *words, "--data-dir", str(data)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return key


def main() -> None:
    given = arguments()
    with TemporaryDirectory() as name, engine(given.engine, Path(name) / "engine") as of_engine:
        environment = of_engine | {"QMC_HEARTBEAT_MAX_S": str(given.longest)}
        data = Path(name) / "var"
        os.environ |= {"QMC_DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "qmc.settings"} | environment
        key = fill(data, given.nodes)
        django.setup()
        from bench.fleet.measure import measure

        site = Site(data, agents=0, environment=environment)
        try:
            site.start()
            measure(site, key, seconds=60 * given.minutes, outage=given.outage)
        finally:
            site.stop()


if __name__ == "__main__":
    main()
