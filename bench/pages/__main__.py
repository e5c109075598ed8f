"""Measure every page and API list of the console, and the periodic work, on a seeded site.

    python -m bench.pages --data-dir D                          a site that bench.seed has filled; DATABASE_URL selects PostgreSQL
    python -m bench.pages [--engine production] [--nodes N] …   a new site in a temporary folder

The pages are discovered from the urlconf, and the views of each list (sorted, filtered, searched, further pages) from its page. A page whose parameters have no sample
ends the bench with its name. Each page is requested over HTTPS on a kept-alive connection, for its time and size. Its queries are counted in this process, on the same
database. The ratio compares the median with that of an empty page of the same server: the form of a new connection.

The site gets a connection, a deployment, a channel, a route and alerts, if it has none. Periodic work is rolled back.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import django

from sitekit.engines import ENGINES, engine
from sitekit.site import ROOT


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description="Every page and API list of the console, at any size.")
    parser.add_argument("--data-dir", type=Path, help="a seeded site. Default: a new one in a temporary folder")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="of the new site")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--certificates", type=int, help="default: ten for each node")
    parser.add_argument("--events", type=int, help="default: a hundred for each node")
    parser.add_argument("--jobs", type=int, help="default: twenty for each node")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each page")
    parser.add_argument("--only", default="", help="only pages whose label contains this text")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser


@contextlib.contextmanager
def site(given: argparse.Namespace) -> Iterator[Path]:
    """The data directory of the seeded site. The environment selects it from now on."""
    if given.data_dir:
        os.environ["QMC_DATA_DIR"] = str(given.data_dir.absolute())
        yield given.data_dir.absolute()
        return
    with TemporaryDirectory() as folder, engine(given.engine, Path(folder) / "engine") as environment:
        data = Path(folder) / "site"
        os.environ |= {"QMC_DATA_DIR": str(data)} | environment
        counts = {
            "nodes": given.nodes, "certificates": given.certificates or 10 * given.nodes, "events": given.events or 100 * given.nodes,
            "jobs": given.jobs or 20 * given.nodes,
        }  # fmt: skip
        for words in (
            ["manage.py", "init", "--host-name", "central.example", "--node-api-address", "127.0.0.1:4242"],
            ["-m", "bench.seed", *(word for name, count in counts.items() for word in (f"--{name}", str(count)))],
        ):
            subprocess.run([sys.executable, *words, "--data-dir", str(data)], cwd=ROOT, check=True)
        yield data


def main() -> None:
    given = arguments().parse_args()
    with site(given) as data:
        os.environ["DJANGO_SETTINGS_MODULE"] = "qmc.settings"
        django.setup()
        from django.db import connections

        from bench.pages.report import Report

        report = Report(data, given.seconds, given.only)
        try:
            report.run()
        finally:
            if given.json:
                found = {
                    "pages": [page.json() for page in report.pages],
                    "work": [asdict(work) for work in report.work],
                    "counts": report.counts(),
                }
                given.json.write_text(json.dumps(found, indent=1))
            connections.close_all()  # PostgreSQL waits for them before it ends


if __name__ == "__main__":
    main()
