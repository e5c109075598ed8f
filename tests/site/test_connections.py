"""Data connections over real processes: made by API, opened on a registered node by its agent and by node.js."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sitekit.engines import ENGINES
from sitekit.site import ROOT, Site

PASSWORDS = {"sales": 'Grün & "quoted" \\ ☃ 1', "stock": "x" * 1000, "staff": "pass-of-staff-0817", "moved": "pass-of-moved-4711"}


@pytest.fixture(scope="package", params=ENGINES)
def site(sites: Callable[[str], Site], request: pytest.FixtureRequest) -> Site:
    """Each test of this file runs on both engines."""
    return sites(request.param)


@dataclass(frozen=True)
class Reader:
    """A registered node that reads connections, and the output of its agent."""

    site: Site
    home: Path
    log: Path

    def agent(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", "connections", "--home", str(self.home), *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    def by_agent(self) -> dict[str, Any]:
        ended = self.agent("--json")
        assert ended.returncode == 0, ended
        return {connection["name"]: connection for connection in json.loads(ended.stdout)}

    def by_node_js(self) -> dict[str, Any]:
        name = json.loads((self.home / "current/manifest.json").read_bytes())["central_host_name"]
        command = ["node", "docs/read-connections.mjs", self.home, "127.0.0.1", str(self.site.node_port), name]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended
        return {connection["name"]: connection for connection in map(json.loads, ended.stdout.splitlines())}


def waits(address: str) -> bool:
    """Whether an agent there waits for its package."""
    with socket.socket() as probe:
        return probe.connect_ex((address, 4444)) == 0


@pytest.fixture(scope="package")
def reader(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder, address = tmp_path_factory.mktemp("reader"), site.address(5)
    found = Reader(site, folder / "home", folder / "agent.log")
    command = [sys.executable, "-m", "agent", "serve", "--home", found.home, "--address", address, "--setup-address", address]
    with found.log.open("wb") as log:
        agent = subprocess.Popen(command, cwd=ROOT, stderr=log)
        try:
            site.wait(lambda: waits(address))
            site.register("reader", address)
            yield found
        finally:
            agent.terminate()
            agent.wait()


@pytest.fixture
def connections(site: Site) -> Iterator[dict[str, str]]:
    """The ids of some connections, by name."""
    made = {}
    for name, password in PASSWORDS.items():
        fields = {
            "name": name,
            "type": "postgresql",
            "connection_string": f"host={name}.example",
            "username": f"{name}-reader",
            "password": password,
        }
        status, answer = site.call("POST", "/connections/", fields)
        assert (status, answer["password_set"], answer["password_key_version"]) == (201, True, 1), answer
        made[name] = answer["id"]
    status, answer = site.call("POST", "/connections/", {"name": "open", "type": "folder", "connection_string": "/srv/data"})
    assert (status, answer["password_set"], answer["password_key_version"]) == (201, False, None), answer
    made["open"] = answer["id"]
    yield made
    for pk in made.values():
        assert site.call("DELETE", f"/connections/{pk}/")[0] == 204


def test_agent_and_node_js_open_the_typed_passwords(site: Site, reader: Reader, connections: dict[str, str]) -> None:
    for found in (reader.by_agent(), reader.by_node_js()):
        assert {name: connection["password"] for name, connection in found.items()} == PASSWORDS | {"open": None}
        assert {name: connection["id"] for name, connection in found.items()} == connections
        assert (found["sales"]["username"], found["sales"]["connection_string"]) == ("sales-reader", "host=sales.example")
    status, _ = site.call("PATCH", f"/connections/{connections['stock']}/", {"password": "another"})
    assert (status, reader.by_agent()["stock"]["password"], reader.by_node_js()["stock"]["password"]) == (200, "another", "another")
    assert site.call("PATCH", f"/connections/{connections['stock']}/", {"password": None})[1]["password_set"] is False
    assert (reader.by_agent()["stock"]["password"], reader.by_node_js()["stock"]["password"]) == (None, None)


def test_without_json_the_agent_shows_whether_passwords_open_and_no_password(reader: Reader, connections: dict[str, str]) -> None:
    listed = reader.agent()
    assert listed.returncode == 0
    assert [line.split()[:4] for line in listed.stdout.splitlines() if line.startswith("staff")] == [
        ["staff", "postgresql", "staff-reader", "readable"]
    ]
    assert "not set" in next(line for line in listed.stdout.splitlines() if line.startswith("open"))
    assert not [name for name, password in PASSWORDS.items() if password in listed.stdout + listed.stderr]


BREAK = """
from sealing.fields import Sealed
from nodes.models import Connection
held = Connection.objects.get(pk="{staff}").password.sealed
Connection.objects.filter(pk="{moved}").update(password=held)
Connection.objects.filter(pk="{stock}").update(password=Sealed(held[:20]))
Connection.objects.filter(pk="{sales}").update(password=Sealed(bytes(8) + held[8:]))
"""


def test_damaged_rows_are_reported_and_hide_no_other(site: Site, reader: Reader, connections: dict[str, str]) -> None:
    site.manage("shell", "-c", BREAK.format(**connections))
    for found in (reader.by_agent(), reader.by_node_js()):
        assert {name: connection["password"] for name, connection in found.items()} == dict.fromkeys(connections) | {
            "staff": PASSWORDS["staff"]
        }
        assert {name for name, connection in found.items() if connection.get("problem")} == {"moved", "stock", "sales"}
    output = reader.agent().stdout
    assert (
        "The password of moved cannot be decrypted: The sealed value was altered, or belongs to another row. Type it again in the console."
        in output
    )
    assert "The password of sales cannot be decrypted: Sealed with the key 0000000000000000, which is not available here." in output
    status, page = site.call("GET", "/connections/?page_size=500")
    versions = {row["name"]: row["password_key_version"] for row in page["results"]}
    assert (status, versions) == (200, {"moved": 1, "open": None, "sales": None, "staff": 1, "stock": 1})


def test_more_connections_than_fit_into_one_answer(site: Site, reader: Reader, connections: dict[str, str]) -> None:
    large = {"type": "other", "connection_string": "☃" * 2000, "username": "☃" * 200}
    made = [
        site.call("POST", "/connections/", large | {"name": f"large{number}", "password": "🌍" * 1000})[1]["id"] for number in range(25)
    ]
    try:
        for found in (reader.by_agent(), reader.by_node_js()):
            assert len(found) == 25 + len(connections)
            assert {found[f"large{number}"]["password"] for number in range(25)} == {"🌍" * 1000}
    finally:
        for pk in made:
            assert site.call("DELETE", f"/connections/{pk}/")[0] == 204


def test_no_password_in_any_log_database_queue_or_answer(site: Site, reader: Reader, connections: dict[str, str]) -> None:
    reader.by_agent()
    site.call("PATCH", f"/connections/{connections['staff']}/", {"username": "other"})
    time.sleep(1)
    secrets = [password.encode() for password in PASSWORDS.values()]
    places = [*site.contents(), ("the reader's log", reader.log.read_bytes())]
    places += [(str(path), path.read_bytes()) for path in reader.home.rglob("*") if path.is_file()]
    for place, content in places:
        assert not [number for number, secret in enumerate(secrets) if secret in content], place
    paths = ["/connections/", *(f"/connections/{pk}/" for pk in connections.values())]
    answers = "".join(json.dumps(site.call("GET", path)[1], ensure_ascii=False) for path in paths)
    assert not [name for name, password in PASSWORDS.items() if password in answers or '"password":' in answers]


def test_without_connections_the_agent_says_why(site: Site, reader: Reader, tmp_path: Path) -> None:
    elsewhere = tmp_path / "nowhere"
    ended = Reader(site, elsewhere, reader.log).agent()
    assert (ended.returncode, f"There is no directory {elsewhere}" in ended.stderr, elsewhere.exists()) == (1, True, False)
    subprocess.run(["cp", "-a", reader.home, tmp_path / "home"], check=True)
    lost = Reader(site, tmp_path / "home", reader.log)
    manifest = lost.home / "current/manifest.json"
    content = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps(content | {"central_addresses": [["127.0.0.1", 1]]}))
    ended = lost.agent("--json")
    assert (ended.returncode, "did not give the connections: 127.0.0.1:1" in ended.stderr, ended.stdout) == (1, True, "")
