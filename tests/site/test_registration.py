"""Registration over real processes: two nodes registered by API, then mutual TLS between node.js services."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pki.exchange import password
from sitekit.engines import ENGINES, free_port
from sitekit.site import ROOT, TAKEN, Site
from tests.problems import error_fields


@pytest.fixture(scope="package", params=ENGINES)
def site(sites: Callable[[str], Site], request: pytest.FixtureRequest) -> Site:
    """Each test of this file runs on both engines."""
    return sites(request.param)


@pytest.fixture(scope="package")
def nodes(site: Site) -> list[tuple[str, str]]:
    return [site.register(f"rim{number}", address) for number, address in enumerate(site.agents, 1)]


@pytest.mark.both_engines
def test_registered_nodes_have_the_certificates_that_they_were_sent(site: Site, nodes) -> None:
    for (pk, _), address in zip(nodes, site.agents, strict=True):
        node = site.node(pk)
        assert (node["state"], node["online"], node["address"]) == ("registered", True, address)
        assert sorted(certificate["kind"] for certificate in node["certificates"] if certificate["status"] == "issued") == [
            "client",
            "service",
        ]
        moves = [
            event["detail"].get("to")
            for event in site.call("GET", f"/nodes/{pk}/events/")[1]["results"]
            if event["action"] == "node.transition"
        ]
        assert moves[::-1][:5] == ["issuing", "distributing", "awaiting_password", "verifying", "registered"]
    central = next(node for node in site.call("GET", "/nodes/")[1]["results"] if node["name"] == "central")
    assert central["state"] == "registered"
    assert "The audit log is whole." in site.manage("verify_audit")


def test_board_and_certificates(site: Site, nodes) -> None:
    board = site.call("GET", "/expiry/")[1]
    assert {row["kind"] for row in board["results"]} >= {"root", "service", "client", "cluster"}
    assert "tests" in [row["subject"] for row in board["results"] if row["kind"] == "token"]
    assert sum(board["totals"].values()) == len(board["results"])
    found = site.call("GET", f"/certificates/?node={nodes[0][0]}&kind=service&status=issued")[1]["results"]
    assert [certificate["subject"] for certificate in found] == ["CN=rim1.example"]
    assert "BEGIN CERTIFICATE" in site.call("GET", f"/certificates/{found[0]['id']}/pem/")[1]
    assert site.call("GET", "/certificates/?search=QlikServiceCluster")[1]["results"][0]["kind"] == "cluster"


@pytest.mark.parametrize(("asked", "months"), [(3, 12), (99, 60), (36, 36), (60, 60)])
def test_lifetime_is_set_to_the_border(site: Site, asked: int, months: int) -> None:
    expected = {"requested": asked, "months": months, "minimum": 12, "maximum": 60}
    assert site.call("PUT", "/settings/lifetime/", {"months": asked}) == (200, expected)


@pytest.mark.parametrize("months", ["24", 24.5, True, None, [24], {}], ids=str)
def test_lifetime_takes_an_integer_only(site: Site, months) -> None:
    assert site.call("PUT", "/settings/lifetime/", {"months": months})[0] == 400


GOOD = {"name": "new", "host_name": "new.example", "address": "127.0.99.9"}
BAD = [
    {"host_name": name}
    for name in ("", " ", "a b", "rim.example\n", "*.example", "a_b", "https://a", "a:1", "a" * 64, "10.0.0.1", "RIM1.example", 5, None, ["a"])
] + [
    {"address": "nowhere"}, {"address": "0.0.0.0"}, {"distribution_port": 0}, {"distribution_port": 70000}, {"node_port": "4242"}, {"node_port": True},
    {"services": "engine"}, {"services": ["kitchen"]}, {"subject_alternative_names": [["x"]]}, {"subject_alternative_names": ["a b"]}, {"name": ""}, {"name": "a\0b"}, {"name": "\ud800"}, {"services": ["\ud800"]},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD, ids=str)
def test_bad_input_names_the_field_and_creates_nothing(site: Site, nodes, change: dict) -> None:
    status, problem = site.call("POST", "/nodes/", GOOD | change)
    assert (status, problem["type"], error_fields(problem)) == (400, "urn:trust-zone:invalid", list(change))
    assert site.call("GET", "/nodes/?search=new.example")[1]["results"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"null"], ids=str)
def test_json_of_the_wrong_shape(site: Site, body: bytes) -> None:
    assert site.call("POST", "/nodes/", body)[0] == 400


def test_closed_port_blocks_with_a_remedy_and_leaves_created(site: Site) -> None:
    findings = site.call("POST", "/nodes/preflight/", GOOD)[1]["findings"]
    blocker = next(finding for finding in findings if finding["level"] == "blocker")
    assert (blocker["code"], "firewall" in blocker["remedy"]) == ("port-closed", True)
    node = site.call("POST", "/nodes/", GOOD)[1]
    status, problem = site.call("POST", f"/nodes/{node['id']}/register/")
    assert (status, problem["type"]) == (409, "urn:trust-zone:registration-blocked")
    assert site.node(node["id"])["state"] == "created"
    assert site.call("POST", f"/nodes/{node['id']}/decommission/")[0] == 202


@pytest.mark.parametrize("kind", ["service", "\ud800", None, 5, ["database-key"]], ids=ascii)
def test_an_impossible_rotation_is_refused(site: Site, kind) -> None:
    assert site.call("POST", "/rotations/", {"kind": kind})[0] == 400


def test_certificates_of_the_central_node_cannot_be_revoked(site: Site) -> None:
    found = site.call("GET", "/nodes/?search=central")[1]["results"][0]["certificates"]
    held = [certificate["id"] for certificate in found if certificate["status"] == "issued"]
    answers = [site.call("POST", f"/certificates/{pk}/revoke/", {"reason": "test"}) for pk in held]
    assert [status for status, _ in answers] == [409, 409]
    assert "Renew that node first" in answers[0][1]["detail"]


@pytest.mark.both_engines
def test_renewal_inside_mutual_tls_supersedes_after_proof(site: Site, nodes) -> None:
    pk = nodes[0][0]
    assert site.call("POST", f"/nodes/{pk}/renew/")[0] == 202
    assert site.call("POST", f"/nodes/{pk}/renew/")[0] == 409
    site.restart_agent(site.agents[0])  # it calls home at once

    def statuses() -> list[str]:
        return [certificate["status"] for certificate in site.node(pk)["certificates"] if certificate["kind"] == "service"]

    site.wait(lambda: statuses() == ["issued", "superseded"], 100)
    assert site.node(pk)["state"] == "registered"


def test_redistribution_with_a_new_password(site: Site, nodes) -> None:
    pk, address = nodes[1][0], site.agents[1]
    status, ceremony = site.call("POST", f"/nodes/{pk}/register/")
    assert status == 202, ceremony
    subprocess.run(
        [sys.executable, "-m", "agent", "reopen", "--home", site.data / "agents" / address], cwd=ROOT, check=True, capture_output=True
    )
    site.wait_for_state(pk, "awaiting_password")
    assert site.type(address, password.display(password.generate()))[0] == 202  # held while its package might still come
    assert site.type(address, ceremony["password"])[0] in TAKEN
    site.wait_for_state(pk, "registered")


def test_set_central_is_stored_and_invalid_addresses_are_refused(site: Site, nodes) -> None:
    home = site.data / "agents" / site.agents[0]

    def seen_at() -> str:
        return (home / "agent.json").read_text()

    command = [sys.executable, "-m", "agent", "set-central", "--home", home, f"localhost:{site.node_port}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert '"localhost"' in seen_at()
    refused = subprocess.run([*command[:-1], "[::1"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (refused.returncode, "ADDRESS:PORT" in refused.stderr) == (2, True)


SERVER = """
const https=require('https'),fs=require('fs');const d=process.argv[1];
https.createServer({key:fs.readFileSync(d+'/server_key.pem'),cert:fs.readFileSync(d+'/server.pem'),ca:fs.readFileSync(d+'/root.pem'),
requestCert:true,rejectUnauthorized:true},(q,s)=>s.end('hello')).listen(+process.argv[3],process.argv[2]);"""
CLIENT = """
const https=require('https'),fs=require('fs');const [,d,host,port,name,pair]=process.argv;
const o={host,port,servername:name,ca:fs.readFileSync(d+'/root.pem'),agent:false};
if(pair!=='none'){o.key=fs.readFileSync(d+`/${pair}_key.pem`);o.cert=fs.readFileSync(d+`/${pair}.pem`);}
https.get(o,r=>r.on('data',x=>process.stdout.write(x))).on('error',e=>{process.stdout.write('refused '+e.code);process.exit(1)});"""


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_node_js_services_talk_with_the_exported_files_only(site: Site, nodes) -> None:
    first, second = (site.data / "agents" / address / "Exported Certificates/.Local Certificates" for address in site.agents)
    port = free_port()
    server = subprocess.Popen(["node", "-e", SERVER, first, "127.0.0.1", str(port)])
    try:
        site.wait(lambda: is_open(port))

        def ask(name: str, pair: str) -> str:
            command = ["node", "-e", CLIENT, second, "127.0.0.1", str(port), name, pair]
            return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout

        assert ask("rim1.example", "client") == "hello"
        assert ask("rim1.example", "none").startswith("refused")
        assert ask("rim1.example", "server").startswith("refused")
        assert ask("rim2.example", "client").startswith("refused")
    finally:
        server.kill()
        server.wait()


@pytest.mark.both_engines
def test_no_secret_in_any_log_database_queue_or_answer(site: Site, nodes) -> None:
    time.sleep(1)
    store = site.data / "node/current"
    key_bodies = [line for path in store.rglob("*.pem") for line in re.findall(r"PRIVATE KEY-----\n(.{64})", path.read_text())]
    for address in site.agents:
        for path in (site.data / "agents" / address / "current").resolve().rglob("*_key.pem"):
            key_bodies += re.findall(r"PRIVATE KEY-----\n.{64}\n(.{64})", path.read_text())
    probe = "from agent.store import Store; from pathlib import Path; import sys; print(Store(Path(sys.argv[1])).current().database_key().key.hex())"
    key = subprocess.run(
        [sys.executable, "-c", probe, site.data / "node"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    passphrase = (site.data / "secrets/root-passphrase").read_text()
    words = [spelling for _, shown in nodes for spelling in (shown, shown.replace("-", ""))]
    secrets = [text.encode() for text in [*key_bodies[-4:], key, passphrase, *words]] + [bytes.fromhex(key)]
    assert len(secrets) > 8
    for place, content in site.contents():
        assert not [number for number, secret in enumerate(secrets) if secret in content], place
    answers = "".join(str(site.call("GET", path)[1]) for path in ("/nodes/", "/certificates/", "/expiry/", f"/nodes/{nodes[0][0]}/events/"))
    assert not [number for number, secret in enumerate(secrets) if secret in answers.encode()]


def test_only_workers_get_the_root_passphrase(site: Site, nodes) -> None:
    """The environment and the open files of every process of the site."""
    passphrase, holders = (site.data / "secrets/root-passphrase").stat().st_ino, set()
    for pid in site.pids():
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        named = [
            variable
            for variable in Path(f"/proc/{pid}/environ").read_text().split("\0")
            if variable.startswith("QMC_ROOT_PASSPHRASE_FILE=")
        ]
        opened = [path for path in Path(f"/proc/{pid}/fd").iterdir() if path.exists() and path.stat().st_ino == passphrase]
        if opened or named not in ([], ["QMC_ROOT_PASSPHRASE_FILE="]):
            holders.add("worker" if "worker" in words else " ".join(words))
    assert holders == {"worker"}


def test_a_port_in_use_is_reported_with_a_remedy(site: Site, tmp_path: Path) -> None:
    ports = ["--port", str(site.port), "--node-port", str(site.node_port)]
    command = [sys.executable, "manage.py", "up", "--data-dir", str(tmp_path / "other"), *ports]
    own = {name: value for name, value in site.environment.items() if name != "DATABASE_URL"}  # another site's database is refused before
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=own)
    assert (ended.returncode, f"Port {site.port} on 127.0.0.1 cannot be used" in ended.stderr) == (1, True)


def _page(address: str) -> str:
    try:
        return Site.read(f"http://{address}:4570/certificateSetup")
    except OSError:
        return ""


def test_the_script_registers_a_node_with_curl_only(site: Site, tmp_path: Path) -> None:
    address = site.address(4)
    command = [sys.executable, "-m", "agent", "serve", "--home", tmp_path / "home", "--address", address, "--setup-address", address]
    agent = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        site.wait(lambda: _page(address))
        environment = os.environ | {
            "QMC_URL": f"https://127.0.0.1:{site.port}",
            "QMC_TOKEN": site.token,
            "QMC_CACERT": str(site.data / "node/current/machine/root/roots.pem"),
        }
        words = ["docs/register-node.sh", "rim4", "rim4.example", address, f"http://{address}:4570"]
        ended = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
        assert ended.stdout.split()[-1] == "registered", ended
    finally:
        agent.terminate()
        agent.wait()
