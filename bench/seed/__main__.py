"""Fill a founded site with believable rows, to measure pages and jobs at any size.

    python -m bench.seed --data-dir D --nodes N --certificates C --events E [--jobs J]
    python -m bench.seed --data-dir D --nodes N … --client-key FILE
    python -m bench.seed --data-dir D --calls

Found the site first, with `manage.py init --data-dir D`. DATABASE_URL selects PostgreSQL, otherwise the database is in D.

What is made, from the oldest step to the newest:

- N nodes. Of 200, 194 are registered, 2 only created, 1 waits for its password, the registration of 1 failed, and 2 are decommissioned. The register
  of names has their names.
- C certificates of nodes and exports, signed with the root's key: the pair of each node's current generation, and pairs of earlier generations. All of one kind
  have the same key, and its private half is stored nowhere: with --client-key, that of the client certificates is written to a new file that only its owner can read. Their lifetime is 12 months, and so is the lifetime setting afterwards.
- The last calls of registered nodes, at the interval of a site of this size. They agree with the certificates. A few nodes are unusual: silent (0.2 %), a wrong clock, an old certificate
  served, a failed reload hook, a failed renewal, 20 due for renewal, 4 silent and expiring, 2 silent and expired. No other node is due within the next two weeks.
- N/50 exports and N/500 browser certificates. A few expire soon.
- The audit log of all this in the order of time, in one chain: E events in all. If the histories have more, the oldest are left out. If they have fewer, nodes get
  further events: changes by a person, and reports about their browser certificate.
- J finished jobs of the last 80 days (default: a fifth of E), and one unfinished job of each node that waits for its password.

`--calls` moves all calls of a site that was seeded earlier, so that the newest is from now. Otherwise every node becomes silent three intervals after it was seeded.
Certificates are older than the root of the site, because the site is new. Nothing else is dated wrongly.
"""

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import django


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.seed", description="Fill a founded site with believable rows.")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--certificates", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, help="default: a fifth of the events")
    parser.add_argument(
        "--client-key", type=Path, help="a new file for the private key of all client certificates of nodes, for bench.fleet"
    )
    parser.add_argument("--calls", action="store_true", help="only move the calls of a seeded site to now")
    return parser


def main() -> None:
    given, began = arguments().parse_args(), time.monotonic()
    os.environ |= {"QMC_DATA_DIR": os.path.abspath(given.data_dir), "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    django.setup()
    from bench.seed.certificates import client_key_write
    from bench.seed.fill import NotSeeded, calls_moved, seed
    from bench.seed.plan import Counts

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    try:
        if given.calls:
            calls_moved(now=datetime.now(UTC))
            return
        jobs = given.events // 5 if given.jobs is None else given.jobs
        seed(Counts(given.nodes, given.certificates, given.events, jobs), now=datetime.now(UTC), say=say)
        if given.client_key:
            client_key_write(given.client_key)
    except (NotSeeded, ValueError) as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
