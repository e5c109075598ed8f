"""Packages from unknown senders do not prevent a registration with the first password: a real central node, a real agent, a real flood."""

import contextlib
import http.client
import itertools
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pki.exchange import package_header
from sitekit.site import ROOT, Site
from tests.slow import takes_minutes

RATE = 40


class Flood:
    """Send foreign packages to a node, from several addresses: with random tags, and with the header of the package that waits there."""

    def __init__(self, home: Path, address: str, sources: Callable[[], str]) -> None:
        self.home, self.address, self.sources = home, address, sources
        self.sent, self.ended, self.began, self.last = 0, threading.Event(), time.monotonic(), 0.0
        self.threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> float:
        """Returns the number of packages that were accepted per second, while the port was open."""
        self.ended.set()
        for thread in self.threads:
            thread.join()
        return self.sent / (self.last - self.began)

    def _header(self) -> dict:
        """The headers of the packages that wait there, also of the true one, which anybody on the network can copy."""
        paths = list((self.home / "waiting").glob("*.json"))
        with contextlib.suppress(OSError, ValueError, IndexError):
            sealed = json.loads(secrets.choice(paths).read_bytes())["package"]
            return json.loads(package_header.decoded(sealed.split(".")[0].encode()))
        return HEADER

    def _package(self) -> bytes:
        header = self._header()
        if secrets.randbelow(2):
            header = header | {name: package_header.encoded(secrets.token_bytes(16)) for name in ("p2s", "kid")}
        parts = [json.dumps(header).encode(), *(secrets.token_bytes(size) for size in (40, 12, 9000, 16))]
        return ".".join(map(package_header.encoded, parts)).encode()

    def _run(self) -> None:
        while not self.ended.wait(len(self.threads) / RATE):
            connection = http.client.HTTPConnection(self.address, 4444, timeout=5, source_address=(self.sources(), 0))
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("POST", "/setup/certificatedistribution", self._package())
                self.sent += connection.getresponse().status == 200
                self.last = time.monotonic()
            connection.close()


HEADER = {
    "alg": package_header.BY_PASSWORD, "enc": package_header.ENCRYPTION, "trust_zone": "zone", "central_name": "stranger.example", "root_sha256": "0" * 64,
    "generation": 1, "expires_at": "2999-01-01T00:00:00+00:00", "p2c": package_header.ITERATIONS, "p2s": "A" * 22, "kid": "A" * 22,
}  # fmt: skip
many = itertools.count()


@contextlib.contextmanager
def agent(site: Site, home: Path, number: int) -> Iterator[str]:
    address = site.address(number)
    command = [sys.executable, "-m", "agent", "serve", "--home", home, "--address", address, "--setup-address", address]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("number", "sources"),
    [
        pytest.param(
            31, lambda: f"127.200.{next(many) // 250 % 250}.{next(many) % 250 + 1}", id="from many addresses", marks=takes_minutes
        ),
        pytest.param(32, lambda: "127.0.0.1", id="from the address of the central node", marks=takes_minutes),
    ],
)
def test_a_flood_does_not_prevent_a_registration_with_the_first_password(
    site: Site, tmp_path: Path, number: int, sources: Callable[[], str], record_property: Callable[[str, object], None]
) -> None:
    home = tmp_path / "home"
    with agent(site, home, number) as address:
        site.wait(lambda: _answers(address))
        flood = Flood(home, address, sources)
        try:
            node = site.call("POST", "/nodes/", {"name": f"flood{number}", "host_name": f"flood{number}.example", "address": address})[1]
            status, ceremony = site.call("POST", f"/nodes/{node['id']}/register/")
            assert status == 202, ceremony
            site.wait_for_state(node["id"], "awaiting_password")
            enough = flood.sent + 150
            site.wait(lambda: flood.sent >= enough, 60)
            began = time.monotonic()
            status, page = site.type(address, ceremony["password"])
            took = time.monotonic() - began
            assert (status in (200, 202), took < 5) == (True, True), (status, took, page)
            site.wait_for_state(node["id"], "registered", 60)
        finally:
            rate = flood.stop()
        record_property("flood", f"{flood.sent} packages, {rate:.0f}/s; {status} after {took:.1f} s")


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        return Site.read(f"http://{address}:4444/status/servicestate") == "1"
    return False
