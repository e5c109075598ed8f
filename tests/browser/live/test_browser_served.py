"""A TLS server with the chosen certificate, visited by Chromium, which trusts its authority: chosen, fallen back, renewed, without a dropped connection."""

import http.client
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Playwright

from agent.store import Store
from pki.core import keys
from pki.core.verify import fingerprint
from sitekit.site import Site
from tests.browser.conftest import launched
from tests.public_authority import Signed, intermediate, p256, root, sign
from tests.site import tls_server
from tests.slow import takes_minutes

PORT = 8444
UNKNOWN = "ab" * 20


def opens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def served(address: str, port: int) -> str:
    """The fingerprint of the certificate that a new connection gets."""
    with socket.create_connection((address, port), 10) as raw, anybody().wrap_socket(raw) as secure:
        return fingerprint(secure.getpeercert(binary_form=True) or b"")


class Kept(threading.Thread):
    """One connection with repeated requests, as from a page in a browser. `failures` has the errors."""

    def __init__(self, address: str, port: int, path: str = "/") -> None:
        super().__init__(daemon=True)
        self.connection = http.client.HTTPSConnection(address, port, context=anybody(), timeout=10)
        self.connection.connect()
        self.socket, self.path = self.connection.sock, path
        self.answers, self.failures, self.ended = 0, list[str](), threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            try:
                self.connection.request("GET", self.path)
                with self.connection.getresponse() as answer:
                    answer.read()
                assert self.connection.sock is self.socket, "another connection was opened"
                self.answers += 1
            except (OSError, http.client.HTTPException, AssertionError) as exc:
                self.failures.append(repr(exc))
                return

    def end(self) -> None:
        """Raises: AssertionError unless every request was answered over the one connection."""
        self.ended.set()
        self.join(10)
        self.connection.close()
        assert (self.failures, self.answers > 5) == ([], True), (self.failures, self.answers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def shop(site: Site, folder: Path) -> Iterator[str]:
    """A node with a proxy that knows only its browser.pem and the signal to load it again. Its id."""
    home, address, hook = folder / "shop", site.address(100), folder / "reload proxy"
    hook.write_text(f"#!/bin/sh\ntest ! -e '{folder}/pid' || exec kill -HUP $(cat '{folder}/pid')\n")
    hook.chmod(0o700)
    command = [sys.executable, "-m", "agent", "serve", "--home", str(home), "--address", address, "--setup-address", address]
    site.commands["shop"] = [*command, "--service", f"proxy={address}:{PORT}", "--reload-hook", f"'{hook}'"]
    site.keep_further()
    site.wait(lambda: opens(address, 4444))
    node, _ = site.register("shop", address)
    proxy = subprocess.Popen(
        [sys.executable, "-I", tls_server.__file__, str(home / "current/machine/personal/browser.pem"), address, str(PORT)]
    )
    try:
        site.wait(lambda: opens(address, PORT))
        (folder / "pid").write_text(str(proxy.pid))
        yield node
    finally:
        proxy.kill()
        proxy.wait(10)


@pytest.fixture(scope="module")
def trusting(playwright: Playwright, site: Site, folder: Path) -> Iterator[Browser]:
    """Chromium that trusts the public authority in its NSS store, and no other. Names lead to the site."""
    if shutil.which("certutil") is None:
        pytest.skip("certutil is not installed (Debian: libnss3-tools)")
    store, pem = folder / "home/.pki/nssdb", folder / "root.pem"
    store.mkdir(parents=True)
    pem.write_bytes(root().pem)
    for words in (["-N", "--empty-password"], ["-A", "-n", "public", "-t", "C,,", "-i", str(pem)]):
        subprocess.run(["certutil", *words, "-d", f"sql:{store}"], check=True)
    names = f"--host-resolver-rules=MAP shop.example {site.address(100)}, MAP console.example 127.0.0.1"
    with launched(playwright, names, home=folder / "home") as browser:
        yield browser


def visit(browser: Browser, url: str) -> str:
    """The issuer of the certificate in a new window, or why Chromium refuses it."""
    context = browser.new_context()
    try:
        answer = context.new_page().goto(url)
        details = answer.security_details() if answer else None
        return str(details["issuer"]) if details else "nothing"
    except Error as exc:
        return str(exc).split(" at ")[0].rpartition("net::")[2]
    finally:
        context.close()


def bring(site: Site, leaf: Signed, name: str) -> str:
    """Upload with its chain. Returns the thumbprint."""
    content = (leaf.pem + intermediate().pem + keys.to_pem(leaf.key)).decode()
    status, answer = site.call("POST", "/browser-certificates/", {"name": name, "certificate": content})
    assert status == 201, answer
    return str(answer["thumbprint"])


def choose(site: Site, node: str, thumbprint: str) -> dict[str, Any]:
    status, answer = site.call("PUT", f"/nodes/{node}/browser-certificate/", {"thumbprint": thumbprint})
    assert status == 200, answer
    return dict(answer)


def leaf(host_name: str, number: int) -> Signed:
    return sign(host_name, issuer=intermediate(), key=p256(number), names=(host_name,), begins=datetime.now(UTC) - timedelta(days=1))


@takes_minutes
def test_a_proxy_serves_the_chosen_certificate_falls_back_and_renews_without_dropping_a_connection(
    site: Site, shop: str, trusting: Browser, folder: Path
) -> None:
    node, address = shop, site.address(100)
    page, first, second = f"https://shop.example:{PORT}/", leaf("shop.example", 60), leaf("shop.example", 61)

    def browser_status() -> dict[str, Any]:
        return dict(site.call("GET", f"/nodes/{node}/browser-certificate/")[1])

    def serves(signed: Signed) -> bool:
        return served(address, PORT) == fingerprint(signed.certificate)

    assert visit(trusting, page) == "ERR_CERT_AUTHORITY_INVALID"
    kept = Kept(address, PORT)
    # As Windows shows it, with the mark that comes along when it is copied.
    choose(site, node, "\u200e" + bytes.fromhex(bring(site, first, "First")).hex(" ").upper())
    site.wait(lambda: serves(first))
    assert visit(trusting, page) == "Public CA 7"
    site.wait(lambda: (browser_status()["state"], browser_status()["serves"]) == ("in_use", ["proxy"]))
    # A renewal of the node's own certificates leaves what browsers see alone.
    assert site.call("POST", f"/nodes/{node}/renew/")[0] == 202
    site.wait(lambda: Store(folder / "shop").current().generation == 2)
    assert serves(first)
    choose(site, node, UNKNOWN)
    site.wait(lambda: browser_status()["state"] == "fallen_back" and not serves(first))
    assert browser_status()["problem"] == "no-such-thumbprint"
    assert visit(trusting, page) == "ERR_CERT_AUTHORITY_INVALID"
    choose(site, node, bring(site, second, "Second"))
    site.wait(lambda: serves(second))
    assert visit(trusting, page) == "Public CA 7"
    kept.end()


@takes_minutes
def test_the_console_serves_the_chosen_certificate_and_drops_no_connection(site: Site, trusting: Browser) -> None:
    nodes = {node["name"]: node for node in site.call("GET", "/nodes/")[1]["results"]}
    central = next(node for node in nodes.values() if node["name"] == "central")
    signed = sign(
        central["host_name"], issuer=intermediate(), key=p256(62), names=(central["host_name"], "console.example", "127.0.0.1"),
        begins=datetime.now(UTC) - timedelta(days=1),
    )  # fmt: skip
    url = f"https://console.example:{site.port}/accounts/login/"
    assert visit(trusting, url) == "ERR_CERT_AUTHORITY_INVALID"
    kept, before = Kept("127.0.0.1", site.port, "/accounts/login/"), served("127.0.0.1", site.port)
    site.further_roots = root().pem.decode()
    choose(site, central["id"], bring(site, signed, "Console"))
    site.wait(lambda: served("127.0.0.1", site.port) == signed.foreign.thumbprints[1])
    assert visit(trusting, url) == "Public CA 7"
    choose(site, central["id"], "")
    site.wait(lambda: served("127.0.0.1", site.port) == before)
    kept.end()
