"""How fast and how heavy pages are in a browser: `make lighthouse`.

Lighthouse loads each page with an empty cache, as a phone with a slow connection and a slow processor does, and as a desktop. It simulates the connection and the processor.
Goals: performance of 0.98, and 120 KB for the first page with all its files. The site is new and has nodes of `bench.seed`; with --data-dir it is a given one.
Chromium is Debian's. Lighthouse is npm's, and has a folder of its own, because only this bench needs it.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django
from playwright.sync_api import sync_playwright

from bench.pages.__main__ import site
from sitekit.engines import ENGINES, free_port

PROGRAM = Path(__file__).parent / "node_modules/lighthouse/cli/index.js"
CHROMIUM = "/usr/bin/chromium-headless-shell"
PAGES = {"sign-in": "/accounts/login/", "overview": "/", "nodes": "/nodes/", "certificates": "/certificates/", "expiry": "/expiry/"}
LEAST, MOST_KB, TIMES = 0.98, 120, 3


@dataclass(frozen=True)
class Seen:
    """One page on one kind of machine: the median of three loads. Times are in ms, as Lighthouse simulates them."""

    page: str
    machine: str
    performance: float
    first_ms: float
    largest_ms: float
    shift: float
    blocked_ms: float
    kb: float
    requests: int

    def line(self) -> str:
        missed = self.performance < LEAST or (self.kb > MOST_KB and self.page in ("sign-in", "overview"))
        times = f"first {self.first_ms:.0f} ms  largest {self.largest_ms:.0f} ms  shift {self.shift:.3f}  blocked {self.blocked_ms:.0f} ms"
        weight = f"{self.kb:.0f} KB in {self.requests} requests"
        return f"{self.page:12} {self.machine:7} performance {self.performance:.2f}  {times}  {weight}{'  missed' if missed else ''}"


def loaded(url: str, machine: str, debugging_port: int) -> dict[str, Any]:
    """What Lighthouse reports of one load."""
    command = ["node", str(PROGRAM), url, f"--port={debugging_port}", "--quiet", "--output=json", "--only-categories=performance"]
    ran = subprocess.run([*command, *(["--preset=desktop"] if machine == "desktop" else [])], capture_output=True, check=True)
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def seen(page: str, url: str, machine: str, debugging_port: int) -> Seen:
    reports = [loaded(url, machine, debugging_port) for _ in range(TIMES)]
    report = sorted(reports, key=lambda report: report["categories"]["performance"]["score"])[TIMES // 2]
    value = {name: audit.get("numericValue", 0) for name, audit in report["audits"].items()}
    requests = report["audits"]["network-requests"]["details"]["items"]
    weight = sum(request["transferSize"] for request in requests) / 1024
    return Seen(
        page, machine, report["categories"]["performance"]["score"], value["first-contentful-paint"], value["largest-contentful-paint"],
        value["cumulative-layout-shift"], value["total-blocking-time"], weight, len(requests),
    )  # fmt: skip


@contextmanager
def browser(url: str, cookies: dict[str, str]) -> Iterator[int]:
    """A browser that has these cookies. Yields the port that Lighthouse connects to."""
    port = free_port()
    arguments = ["--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}"]
    with TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=arguments, ignore_https_errors=True)
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
        try:
            yield port
        finally:
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.lighthouse", description="Performance and weight of pages in Chromium.")
    parser.add_argument("--data-dir", type=Path, help="a seeded site that does not run. Default: a new one in a temporary folder")
    parser.add_argument("--only", choices=PAGES, action="append", help="can be given several times")
    given = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit("Lighthouse is not installed. Run `npm ci --prefix bench/lighthouse`.")
    new = argparse.Namespace(data_dir=given.data_dir, engine=ENGINES[0], nodes=200, certificates=None, events=None, jobs=None)
    with site(new) as data:
        os.environ["DJANGO_SETTINGS_MODULE"] = "qmc.settings"
        django.setup()
        from django.conf import settings

        from bench.pages.measure import console, signed_in

        name = settings.SESSION_COOKIE_NAME
        session = {name: signed_in().cookies[name].value}
        with console(data) as port:
            url = f"https://localhost:{port}"
            for page in given.only or PAGES:
                with browser(url, {} if page == "sign-in" else session) as debugging_port:
                    for machine in ("phone", "desktop"):
                        print(seen(page, url + PAGES[page], machine, debugging_port).line(), flush=True)


if __name__ == "__main__":
    main()
