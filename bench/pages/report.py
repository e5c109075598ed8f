"""Measure all pages and print a line for each."""

import json
import statistics
import time
from collections import deque
from pathlib import Path

from django.test import Client
from django.utils import timezone

from audit.models import Event
from bench.pages.addresses import Address, addresses, further_answers, further_views
from bench.pages.measure import (
    EMPTY,
    MOST_KB,
    MOST_MS,
    MOST_QUERIES,
    Browser,
    Measured,
    Worked,
    console,
    measured,
    password_type,
    signed_in,
)
from bench.pages.samples import alerts_settle, samples, samples_make
from bench.pages.work import work_measured
from bench.seed.fill import calls_moved
from certs.models import Certificate
from jobs.models import Job
from nodes.models import Node

MOVE_EVERY_S = 60
NO_GET = 405


class Report:
    """The figures of one site."""

    def __init__(self, data: Path, seconds: float, only: str) -> None:
        self.data, self.seconds, self.only = data, seconds, only
        self.pages: list[Measured] = []
        self.work: list[Worked] = []
        self.others: list[str] = []  # addresses that have no page now
        self.moved_at = 0.0

    def counts(self) -> dict[str, int]:
        models = {"nodes": Node, "certificates": Certificate, "events": Event, "jobs": Job}
        return {name: model._base_manager.count() for name, model in models.items()}

    def run(self) -> None:
        print(", ".join(f"{count} {name}" for name, count in self.counts().items()), flush=True)
        calls_moved(now=timezone.now())
        samples_make(now=timezone.now())
        with console(self.data) as port:
            self._pages(port)
        self._works()
        self._summary()

    def _pages(self, port: int) -> None:
        client = signed_in()
        browser = Browser(port, client)
        browser.wait()
        empty = 1000 * statistics.median(browser.times(EMPTY, 3))
        print(f"The empty page {EMPTY} takes {empty:.1f} ms. Goals: p95 <= {MOST_MS} ms, <= {MOST_QUERIES} queries, <= {MOST_KB} KB.\n")
        print("    p50 ms    p95 ms    cpu ms  queries        KB   ratio")
        waiting, seen = deque(addresses(samples())), set[str]()
        while waiting:
            address = waiting.popleft()
            if self.only not in address.label or address.path in seen:
                continue
            seen.add(address.path)
            self._keep_going(client)
            status, body, place, _ = browser.get(address.path)
            if status == NO_GET or (status == 400 and "search=" in address.path):
                continue
            if status >= 500:
                raise AssertionError(f"{address.path} answers {status}: {body[:500].decode(errors='replace')}")
            if status != 200:
                self.others.append(f"{address.label} answers {status} {place}")
                continue
            line = measured(address.label, address.path, body, browser, client, seconds=self.seconds, empty=empty)
            self._printed(line)
            waiting.extendleft(reversed(self._further(address, body)))

    def _further(self, address: Address, body: bytes) -> list[Address]:
        """The views of a list. They lead to no further ones."""
        if "?" in address.path:
            return []
        if address.path.startswith("/api/"):
            return further_answers(address, json.loads(body) if body[:1] in (b"{", b"[") else None)
        return further_views(address, body.decode(errors="replace"))

    def _printed(self, line: Measured) -> None:
        self.pages.append(line)
        missed = line.missed()
        verdict = f"missed: {', '.join(missed)}" if missed else "reached"
        print(
            f"{line.p50_ms:10.1f}{line.p95_ms:10.1f}{line.cpu_ms:10.1f}{line.queries:9}{line.kb:10.1f}{line.ratio:8.1f}  {verdict:24}{line.label}",
            flush=True,
        )

    def _keep_going(self, client: Client) -> None:
        """No node becomes silent while the bench runs, and the sign-in stays fresh."""
        if time.monotonic() - self.moved_at > MOVE_EVERY_S:
            calls_moved(now=timezone.now())
            password_type(client)
            self.moved_at = time.monotonic()

    def _works(self) -> None:
        print("\nPeriodic work\n  first ms  again ms  queries")
        calls_moved(now=timezone.now())
        alerts_settle(now=timezone.now())
        for line in work_measured():
            self.work.append(line)
            print(f"{line.first_ms:10.1f}{line.again_ms:10.1f}{line.queries:9}  {line.label}", flush=True)

    def _summary(self) -> None:
        print("\nNo page now")
        for text in self.others:
            print(f"  {text}")
        missed = [line for line in self.pages if line.missed()]
        print(f"\n{len(self.pages)} pages and API answers, {len(missed)} miss a goal")
        for line in sorted(missed, key=lambda line: -line.p95_ms):
            print(f"  {line.p95_ms:8.0f} ms {line.queries:6} queries {line.kb:8.0f} KB  {line.label}")
