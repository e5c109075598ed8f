"""qmcctl, and the recipes of the documents, against one real site."""

import json
import os
import shutil
import socket
import socketserver
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import keyring
import keyring.backend
import pytest

from agent.store import Store
from cli import profile
from pki.core.verify import fingerprint
from sitekit.site import ROOT, Site, running_site
from tests.cli.conftest import Ended, Qmcctl
from tests.environment import QUICK
from tests.slow import one_of

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
RECIPES = ROOT / "docs/recipes"
TASKS = ("renew-older", "export-for-machine", "dashboard")
each_language = pytest.mark.parametrize("language", [pytest.param("sh", marks=needs_jq), "py"])


def recipe(name: str, language: str, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable] if language == "py" else ["bash"]
    return subprocess.run(
        [*command, RECIPES / f"{name}.{language}", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), agents=2, environment=QUICK) as running:
        yield running


@pytest.fixture(scope="module")
def rim(site: Site) -> str:
    """The name of a node that the recipe for Python has registered."""
    words = ("rim1", "rim1.example", site.agents[0], f"http://{site.agents[0]}:4570")
    ended = recipe("register-node", "py", os.environ | signed_in(site), *words)
    assert (ended.returncode, ended.stdout) == (0, "rim1 is registered\n"), ended
    return "rim1"


def signed_in(site: Site) -> dict[str, str]:
    """The variables that make a login unnecessary."""
    return {"QMC_URL": f"https://127.0.0.1:{site.port}", "QMC_TOKEN": site.token, "QMC_CACERT": str(roots(site))}


@pytest.fixture
def environment(site: Site, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    found = signed_in(site)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return os.environ | found | {"QMCCTL_HOME": str(home)}


def roots(site: Site) -> Path:
    return site.data / "node/current/machine/root/roots.pem"


def root_fingerprint(site: Site) -> str:
    installed = Store(site.data / "node").current()
    assert installed is not None
    return fingerprint(installed.roots[0])


# Words, the exit code, and a text of the output or of the refusal.
COMMANDS = [
    ("nodes list", 0, "rim1.example"),
    ("nodes list --state failed", 0, "No nodes match."),
    ("nodes list --state dreaming", 2, "'dreaming' is not one of"),
    ("nodes list --health dreaming", 7, "Use"),
    ("nodes show rim1", 0, "CN=rim1.example"),
    ("nodes show nobody", 5, "Nothing has the name or id 'nobody'"),
    (f"nodes show {UNKNOWN}", 5, ""),
    ("nodes register rim1", 6, "qmcctl nodes redistribute rim1"),
    ("nodes register new --address 127.0.99.9", 2, "Give --host-name too"),
    ("nodes register new --host-name a_b", 7, "underscore"),
    ("nodes decommission rim1", 2, "Give --yes"),
    ("nodes decommission", 2, "Missing argument"),
    ("nodes watch rim1 --until registered", 0, "rim1 registered online"),
    ("nodes watch rim1 --until failed --timeout 0", 10, "Not all nodes are failed"),
    ("certificates list --kind root", 0, "issued"),
    ("certificates list --status dreaming", 7, "Use: in_force"),
    ("certificates show nothing", 5, ""),
    (f"certificates pem {UNKNOWN}", 5, ""),
    ("expiry", 0, "revocation_list"),
    ("expiry --bucket never", 7, "Use: expired"),
    ("exports list", 0, ""),
    ("exports create machine.example --with-password", 2, "There is no password on standard input"),
    ("rotations list", 0, "There was no rotation."),
    (f"rotations show {UNKNOWN}", 5, ""),
    ("rotations start root", 2, "Give --yes"),
    ("jobs list --limit 1", 0, "The first 1 rows"),
    ("jobs show none", 5, ""),
    ("audit list --action node.transition --limit 2", 0, "--limit 0 shows all"),
    ("audit list --since yesterday", 7, "since"),
    ("audit status", 0, "state: "),
    ("alerts list", 0, ""),
    (f"alerts acknowledge {UNKNOWN}", 5, ""),
    ("completion bash", 0, "_QMCCTL_COMPLETE"),
    ("dream", 2, "No such command"),
    ("--help", 0, "login"),
]


@pytest.mark.parametrize(("words", "code", "text"), COMMANDS, ids=[row[0] for row in COMMANDS])
def test_commands_end_with_their_code(words: str, code: int, text: str, rim: str, environment, qmcctl: Qmcctl) -> None:
    ended = qmcctl(*words.split())
    assert (ended.code, text in ended.out + ended.err) == (code, True), ended


LISTS = ["nodes", "certificates", "exports", "rotations", "jobs", "audit", "alerts"]


@pytest.mark.parametrize("name", LISTS)
def test_json_of_a_list_has_the_objects_of_the_api(name: str, rim: str, site: Site, environment, qmcctl: Qmcctl) -> None:
    ended = qmcctl(name, "list", "--limit", "3", "--json")
    found = json.loads(ended.out)
    assert (ended.code, list(found)) == (0, ["results"])
    rows = site.call("GET", f"/{name}/?page_size=3")[1]["results"]
    assert [set(row) for row in found["results"]] == [set(row) for row in rows]


def test_json_of_expiry_and_of_one_object(rim: str, site: Site, environment, qmcctl: Qmcctl) -> None:
    assert set(json.loads(qmcctl("expiry", "--json").out)) == {"results", "totals", "as_of", "without_end"}
    node = json.loads(qmcctl("nodes", "show", rim, "--json").out)
    assert set(node) == set(site.node(node["id"]))


def test_a_refusal_in_json_is_a_problem_with_its_exit_code(rim: str, environment, qmcctl: Qmcctl) -> None:
    ended = qmcctl("nodes", "register", "new", "--host-name", "a_b", "--json")
    problem = json.loads(ended.err)
    assert (ended.out, problem["type"], problem["status"], problem["exit_code"]) == ("", "urn:trust-zone:invalid", 400, 7)
    assert problem["errors"][0]["field"] == "host_name"


def test_a_blocked_registration_says_what_blocks_and_what_to_do(site: Site, environment, qmcctl: Qmcctl) -> None:
    ended = qmcctl("nodes", "register", "closed", "--host-name", "closed.example", "--address", "127.0.99.9")
    assert ended.code == 6
    assert "Start the agent or open the firewall." in ended.err
    assert "run `qmcctl nodes register closed` without --host-name" in ended.err
    assert qmcctl("nodes", "decommission", "closed", "--yes", "--wait").code == 0
    assert site.call("GET", "/nodes/?state=decommissioned&search=closed")[1]["results"][0]["state"] == "decommissioned"


def test_a_node_is_registered_renewed_and_gets_a_new_password(site: Site, environment) -> None:
    """In processes of their own, because the password is typed while the first one waits."""
    address = site.agents[1]
    command = [sys.executable, "-m", "cli", "nodes", "register", "rim2", "--host-name", "rim2.example", "--address", address, "--wait"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as registering:
        assert registering.stdout is not None
        password = registering.stdout.readline().removeprefix("Password: ").strip()
        (node,) = site.call("GET", "/nodes/?search=rim2")[1]["results"]
        site.wait_for_state(node["id"], "awaiting_password")
        assert site.type(address, password)[0] in (200, 202)
        out, err = registering.communicate(timeout=120)
    assert (registering.returncode, "rim2 is registered." in out) == (0, True), err
    assert password not in err
    renewing = subprocess.run(
        [*command[:4], "renew", "rim2", "--wait", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (renewing.returncode, json.loads(renewing.stdout)["results"][0]["state"]) == (0, "done"), renewing
    again = [*command[:4], "redistribute", "rim2", "--yes", "--json"]
    redistributed = subprocess.run(again, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert set(json.loads(redistributed.stdout)) == {"id", "password", "setup_url", "state", "expires_at"}


def test_an_export_is_made_renewed_and_revoked(environment, qmcctl: Qmcctl) -> None:
    made = json.loads(qmcctl("exports", "create", "pump.example", "--wait", "--json").out)["results"][0]
    assert (made["machine_name"], made["status"]) == ("pump.example", "made")
    assert json.loads(qmcctl("exports", "renew", "pump.example", "--wait", "--json").out)["generation"] == 2
    revoked = qmcctl("exports", "revoke", "pump.example", "--reason", "test", "--yes")
    assert (revoked.code, "revoked" in revoked.out) == (0, True), revoked


def test_a_wrong_token_is_refused_with_a_remedy(environment, monkeypatch: pytest.MonkeyPatch, qmcctl: Qmcctl) -> None:
    monkeypatch.setenv("QMC_TOKEN", "qmc_wrong")
    ended = qmcctl("nodes", "list")
    assert (ended.code, ended.out) == (3, "")
    assert "run `qmcctl login` again" in ended.err
    assert "qmc_wrong" not in ended.err


def test_a_token_without_the_scope_may_not(site: Site, rim: str, environment, monkeypatch: pytest.MonkeyPatch, qmcctl: Qmcctl) -> None:
    monkeypatch.setenv("QMC_TOKEN", site.manage("create_token", "admin", "--name", "reader", "--scope", "read", "--skip-checks").strip())
    ended = qmcctl("nodes", "renew", "rim1")
    assert (ended.code, "write" in ended.err) == (4, True), ended


def test_a_site_that_is_away_is_named(environment, monkeypatch: pytest.MonkeyPatch, qmcctl: Qmcctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("QMC_URL", f"https://127.0.0.1:{port}")
    ended = qmcctl("nodes", "list")
    assert (ended.code, f"https://127.0.0.1:{port} does not answer: Connection refused." in ended.err) == (8, True), ended


def other_root(tmp_path: Path) -> Path:
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other",
                    "-keyout", os.devnull, "-out", other], check=True, capture_output=True)  # fmt: skip
    return other


def test_another_root_is_not_trusted(environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qmcctl: Qmcctl, site: Site) -> None:
    monkeypatch.setenv("QMC_CACERT", str(other_root(tmp_path)))
    ended = qmcctl("nodes", "list")
    assert (ended.code, "No root that is trusted here" in ended.err) == (9, True), ended
    monkeypatch.setenv("QMC_CACERT", str(tmp_path / "none.pem"))
    assert qmcctl("nodes", "list").code == 2


def assert_signed_in(ended: Ended, qmcctl: Qmcctl, site: Site) -> None:
    assert (ended.code, root_fingerprint(site) in ended.out.replace(" ", "")) == (0, True), ended
    assert site.token not in ended.out + ended.err
    assert qmcctl("nodes", "list").code == 0


def test_login_pins_the_root_with_this_fingerprint(site: Site, home: Path, qmcctl: Qmcctl) -> None:
    url = f"https://127.0.0.1:{site.port}"
    assert qmcctl("nodes", "list").code == 3
    assert qmcctl("login", url, typed=site.token).code == 9  # nobody compared the root, and no terminal asks
    assert qmcctl("login", url, "--fingerprint", "00" * 32, typed=site.token).code == 9
    assert qmcctl("login", url, "--fingerprint", "a", typed=site.token).code == 2
    assert qmcctl("login", url, "--fingerprint", root_fingerprint(site), typed="qmc_wrong").code == 3
    assert qmcctl("login", f"http://127.0.0.1:{site.port}", typed=site.token).code == 2
    assert not home.exists()
    assert_signed_in(qmcctl("login", url, "--fingerprint", root_fingerprint(site).upper(), typed=site.token), qmcctl, site)
    assert (home / "token").read_text() == site.token
    assert [stat.S_IMODE((home / name).stat().st_mode) for name in (".", "token", "site.json")] == [0o700, 0o600, 0o600]
    assert_signed_in(qmcctl("login", url, typed=site.token), qmcctl, site)  # the pinned root is still trusted
    assert qmcctl("logout").code == 0
    assert list(home.iterdir()) == []


def test_login_pins_the_roots_of_a_file(site: Site, home: Path, qmcctl: Qmcctl) -> None:
    assert_signed_in(qmcctl("login", f"127.0.0.1:{site.port}", "--root", str(roots(site)), typed=site.token), qmcctl, site)


def test_the_token_of_one_site_is_never_sent_to_another(site: Site, home: Path, monkeypatch: pytest.MonkeyPatch, qmcctl: Qmcctl) -> None:
    qmcctl("login", f"https://127.0.0.1:{site.port}", "--root", str(roots(site)), typed=site.token)
    monkeypatch.setenv("QMC_URL", f"https://localhost:{site.port}")
    ended = qmcctl("nodes", "list")
    assert (ended.code, "There is no token for" in ended.err) == (3, True)


class Keyring(keyring.backend.KeyringBackend):
    """One that works."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def test_a_keyring_that_works_keeps_the_token(site: Site, home: Path, qmcctl: Qmcctl) -> None:
    kept = Keyring()
    keyring.set_keyring(kept)
    url = f"https://127.0.0.1:{site.port}"
    assert_signed_in(qmcctl("login", url, "--root", str(roots(site)), typed=site.token), qmcctl, site)
    assert kept.kept == {(profile.SERVICE, url): site.token}
    assert not (home / "token").exists()
    qmcctl("logout")
    assert kept.kept == {}


def levels(ended: Ended) -> dict[str, str]:
    return {row["code"]: row["level"] for row in json.loads(ended.out)["results"]}


def test_doctor_checks_the_site_and_writes_an_archive_without_the_token(
    site: Site, rim: str, tmp_path: Path, environment, qmcctl: Qmcctl
) -> None:
    ended = qmcctl("doctor", "--json", "--bundle", str(tmp_path / "report.zip"))
    found = levels(ended)
    assert {found[code] for code in ("name", "port", "chain", "token", "clock", "roots", "versions", "audit")} == {"ok"}, ended
    with ZipFile(tmp_path / "report.zip") as opened:
        parts = {name: opened.read(name).decode() for name in opened.namelist()}
    assert {"doctor.json", "nodes.json", "audit.json", "settings.json"} <= set(parts)
    assert "rim1" in parts["nodes.json"]
    assert [name for name, text in parts.items() if site.token in text] == []


def test_doctor_says_what_is_wrong_with_a_site(environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qmcctl: Qmcctl) -> None:
    monkeypatch.setenv("QMC_TOKEN", "qmc_wrong")
    assert levels(qmcctl("doctor", "--json")) == {"name": "ok", "chain": "ok", "token": "problem"}
    monkeypatch.setenv("QMC_CACERT", str(other_root(tmp_path)))
    assert levels(qmcctl("doctor", "--json")) == {"name": "ok", "chain": "problem"}
    monkeypatch.setenv("QMC_URL", "https://127.0.0.1:9")
    assert levels(qmcctl("doctor", "--json")) == {"name": "ok", "port": "problem"}


def test_doctor_checks_a_node(site: Site, rim: str, tmp_path: Path, home: Path, qmcctl: Qmcctl) -> None:
    address, bundle = site.agents[0], tmp_path / "node.zip"
    folder = site.data / "agents" / address
    found = levels(qmcctl("doctor", "--home", str(folder), "--address", address, "--json", "--bundle", str(bundle)))
    assert {level for code, level in found.items() if code != "name"} == {"ok"}, found
    assert {"permissions", "store", "service-certificate", "client-certificate", "port", "central", "clock"} <= set(found)
    with ZipFile(bundle) as opened:
        assert set(opened.namelist()) == {"doctor.json", "certificates.json", "files.json"}


class Starting(socketserver.ThreadingTCPServer):
    """Closes the first connections, as a site that is starting, then forwards to the site."""

    daemon_threads = True
    refused = 0

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(("127.0.0.1", 0), Forward)


class Forward(socketserver.BaseRequestHandler):
    server: Starting

    def handle(self) -> None:
        if self.server.refused < 2:
            self.server.refused += 1
            return
        with socket.create_connection(("127.0.0.1", self.server.port)) as onward:
            back = threading.Thread(target=self.pump, args=(onward, self.request), daemon=True)
            back.start()
            self.pump(self.request, onward)
            back.join()

    @staticmethod
    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while received := source.recv(65536):
                target.sendall(received)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has closed


@contextmanager
def starting(site: Site) -> Iterator[Starting]:
    with Starting(site.port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def register_script(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docs/register-node.sh", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_script_waits_for_a_site_that_is_starting_and_ends_at_the_first_error(site: Site, rim: str, environment) -> None:
    with starting(site) as server:
        environment["QMC_URL"] = f"https://127.0.0.1:{server.server_address[1]}"
        ended = register_script(environment, "rim1", "rim1.example", site.agents[0], f"http://{site.agents[0]}:4570")
        assert server.refused == 2
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    assert "A node with this name already exists." in ended.stderr


def test_the_script_ends_when_a_token_is_wrong(site: Site, environment) -> None:
    ended = register_script(environment | {"QMC_TOKEN": "wrong"}, "rim9", "rim9.example", site.agents[0], f"http://{site.agents[0]}:4570")
    assert (ended.returncode, ended.stdout, "was answered with 401" in ended.stderr) == (1, "", True), ended
    assert register_script(environment, "rim9").returncode == 2


@pytest.mark.parametrize("language", one_of(2, ["py", "sh"]))
def test_the_recipe_renews_what_is_older(language: str, rim: str, environment) -> None:
    """Nothing is a month old here; everything is older than no day."""
    young = recipe("renew-older", language, environment)
    assert (young.returncode, young.stdout) == (0, ""), young
    renewed = recipe("renew-older", language, environment, "0")
    assert (renewed.returncode, "renewed rim1\n" in renewed.stdout) == (0, True), renewed


@each_language
def test_the_recipe_makes_an_export(language: str, environment) -> None:
    machine = f"{language}.example"
    made = recipe("export-for-machine", language, environment, machine)
    assert made.returncode == 0, made
    assert (Path(made.stdout.strip().partition(":")[2]) / "server.pem").exists(), made


@each_language
def test_the_recipe_feeds_a_dashboard(language: str, rim: str, environment) -> None:
    shown = json.loads(recipe("dashboard", language, environment).stdout)
    assert set(shown) == {"totals", "next", "needs"}
    assert {"expired", "7_days", "later"} <= set(shown["totals"])
    assert set(shown["next"][0]) == {"kind", "subject", "holder", "not_after", "days_left"}


@each_language
def test_a_recipe_ends_at_the_first_error(language: str, environment) -> None:
    ended = recipe("renew-older", language, environment | {"QMC_TOKEN": "wrong"}, "1")
    assert (ended.returncode, ended.stdout, "was answered with 401" in ended.stderr) == (1, "", True), ended
