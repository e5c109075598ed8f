"""The console on a seeded site: a signed-in person over HTTPS for the time of each page, and in this process for its queries."""

import contextlib
import http.client
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.measure import percentile
from people.roles.groups import root_admins
from sitekit.engines import free_port
from sitekit.site import ROOT

MOST_MS, MOST_QUERIES, MOST_KB = 100, 25, 150
LEAST_SAMPLES, MOST_SAMPLES, LONGEST_S = 4, 30, 4
EMPTY = "/connections/new/"  # the same frame as every page, around a form without data


@dataclass
class Measured:
    """What one page or API answer takes."""

    label: str
    p50_ms: float
    p95_ms: float
    queries: int
    kb: float
    ratio: float  # p50 to that of the empty page
    cpu_ms: float  # of this process, without a server and, on PostgreSQL, without the database

    def missed(self) -> list[str]:
        """The goals that it misses."""
        found = {"p95": self.p95_ms > MOST_MS, "queries": self.queries > MOST_QUERIES, "size": self.kb > MOST_KB}
        return [name for name, is_missed in found.items() if is_missed]

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"missed": self.missed()}


@dataclass
class Worked:
    """What one function of the periodic work takes: the first time, and when it looks again."""

    label: str
    first_ms: float
    again_ms: float
    queries: int
    cpu_ms: float  # when it looks again


@contextlib.contextmanager
def console(data: Path) -> Iterator[int]:
    """Run the console in a process of its own. Yields its port."""
    port = free_port()
    environment = os.environ | {"QMC_PROCESS": "console", "QMC_ROOT_PASSPHRASE_FILE": ""}
    command = [sys.executable, "manage.py", "serve", "console", "--data-dir", str(data), "--port", str(port)]
    with (data / "console.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        try:
            yield port
        finally:
            process.terminate()
            process.wait(20)


def signed_in() -> Client:
    """An administrator who has just typed the password."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(root_admins().order_by("pk")[0])
    password_type(client)
    return client


def password_type(client: Client) -> None:
    """Pages with private keys are shown for some minutes after the password was typed."""
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, root_admins().order_by("pk")[0], "password", reauthenticated=True)
    request.session.save()


class Browser:
    """A kept-alive connection with the session of `client`."""

    def __init__(self, port: int, client: Client) -> None:
        context = ssl.create_default_context(cafile=settings.NODE_STORE / "current/machine/root/roots.pem")
        self.connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=300)
        self.headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}

    def get(self, path: str) -> tuple[int, bytes, str, float]:
        """Status, body, place of a redirection, and seconds."""
        for attempt in (1, 2):
            began = time.perf_counter()
            try:
                self.connection.request("GET", path, headers=self.headers)
                answer = self.connection.getresponse()
                body = answer.read()
            except (http.client.HTTPException, OSError):
                self.connection.close()  # the server closes a connection that was not used for 15 s
                if attempt == 2:
                    raise
                continue
            return answer.status, body, answer.headers.get("Location", ""), time.perf_counter() - began
        raise AssertionError

    def wait(self) -> None:
        """Wait until the console answers."""
        until = time.monotonic() + 60
        while True:
            try:
                self.get(EMPTY)
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def times(self, path: str, seconds: float) -> list[float]:
        """Seconds of several requests, for about `seconds`. Of a slow page, fewer."""
        found: list[float] = []
        began = time.monotonic()
        while (spent := time.monotonic() - began) < seconds or (len(found) < LEAST_SAMPLES and spent < LONGEST_S) or not found:
            if len(found) == MOST_SAMPLES:
                break
            found.append(self.get(path)[3])
        return found


def queries(client: Client, path: str) -> tuple[int, float]:
    """The number of queries, and the milliseconds of CPU time: the least of two."""
    took = []
    for _ in range(2):
        began = time.process_time()
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(path, secure=True)
            if answer.streaming:
                b"".join(answer)  # type: ignore[arg-type]
        took.append(1000 * (time.process_time() - began))
    return len(captured), min(took)


def measured(label: str, path: str, body: bytes, browser: Browser, client: Client, *, seconds: float, empty: float) -> Measured:
    took = [1000 * second for second in browser.times(path, seconds)]
    p50, (number, cpu_ms) = percentile(took, 0.5), queries(client, path)
    return Measured(label, p50, percentile(took, 0.95), number, len(body) / 1000, p50 / empty, cpu_ms)


def worked(label: str, function: Callable[[], object], times: int = 5) -> Worked:
    """Run it several times in a transaction that is rolled back."""
    took, cpu = [], []
    with transaction.atomic():
        for _ in range(times):
            began, cpu_began = time.perf_counter(), time.process_time()
            with CaptureQueriesContext(connection) as captured:
                function()
            took.append(1000 * (time.perf_counter() - began))
            cpu.append(1000 * (time.process_time() - cpu_began))
        transaction.set_rollback(True)
    return Worked(label, took[0], percentile(took[1:], 0.5), len(captured), min(cpu[1:]))
