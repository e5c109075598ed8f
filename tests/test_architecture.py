"""Imports point one way: between apps, and between the rooms of an app. docs/develop/architecture.md draws both."""

import ast
import importlib
import operator
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.steps import EVERY_STEP

ROOT = Path(__file__).parent.parent
# In this order: each imports only the earlier ones.
APPS = [
    "pki", "agent", "cli", "sealing", "outbound", "jobs", "audit", "attention", "web", "people", "bulk", "certs", "nodes", "storage", "backups", "alerts", "qrs", "qmc",
]  # fmt: skip
# The rooms of an app from the ground up. What an app has beside its rooms is above them all, but for these files, which all rooms share.
ROOMS = {
    "pki": ["core", "evidence", "foreign", "cluster", "exchange", "issuing"],
    "audit": ["checkpoints", "exports", "retention", "syslog"],
    "web": ["lists", "repeats"],
    "people": ["roles", "sign_in", "factors", "accounts", "list_views", "provider", "tokens", "profile"],
    "certs": [
        "zone",
        "names",
        "keys",
        "certificates",
        "database_key",
        "central_key",
        "roots",
        "revocation",
        "lifetime",
        "cluster",
        "exports",
        "founding",
    ],
    "nodes": [
        "calls",
        "inventory",
        "addresses",
        "dial",
        "observation",
        "nudges",
        "issuance",
        "renewal",
        "registration",
        "bulk_registration",
        "connections",
        "browser_certificates",
        "cluster",
        "central",
        "rotations",
        "revocation",
        "automatic",
        "node_api",
    ],
    "qrs": [
        "conventions",
        "filters",
        "callers",
        "endpoints",
        "cluster",
        "node_configurations",
        "registration",
        "distribution",
        "service_status",
        "selections",
        "about",
    ],
    "alerts": ["channels", "routes", "rules", "alerts", "deliveries", "state_changes", "watchdog", "board"],
    "qmc": [
        "addresses",
        "audit_log",
        "expiry",
        "schema",
        "help",
        "jobs",
        "dashboard",
        "overview",
        "recreation",
        "search",
        "syslog",
        "site_settings",
        "health",
        "metrics",
    ],
}
NEVER_ON_A_NODE = "pki.issuing"
SHARED = {"models", "states", "errors", "words", "fields", "jobs", "settings", "installation"}
# Of the audit log, its rooms also share what writes and reads events.
SHARED_OF = {"audit": {"actors", "chain", "event_lines", "listing", "reading", "reasons", "record", "request"}}
PROBE = """import importlib, pkgutil, sys, pki as core
for m in pkgutil.walk_packages(core.__path__, "pki."): importlib.import_module(m.name)
print(*sorted({"django", "rest_framework", "celery", "qmc"} & set(sys.modules)))"""


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def test_pki_core_imports_no_framework() -> None:
    out = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == ""


def sources(folder: str) -> Iterator[tuple[Path, set[str]]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "migrations" not in path.parts:
            yield path, imported(path)


@pytest.mark.parametrize("app", APPS)
def test_apps_import_one_way(app: str) -> None:
    above = set(APPS[APPS.index(app) + 1 :])
    assert {str(path): above & {name.split(".")[0] for name in names} for path, names in sources(app)} == {
        str(path): set() for path, _ in sources(app)
    }


def test_every_folder_of_an_app_is_a_room() -> None:
    for app, rooms in ROOMS.items():
        found = {path.name for path in (ROOT / app).iterdir() if (path / "__init__.py").exists()}
        assert found - {"migrations", "management", "templatetags"} == set(rooms)


@pytest.mark.parametrize(("app", "room"), [(app, room) for app, rooms in ROOMS.items() for room in rooms])
def test_rooms_import_one_way(app: str, room: str) -> None:
    """A room imports lower rooms, and of the app's own files those that all rooms share."""
    may = {*ROOMS[app][: ROOMS[app].index(room) + 1], *SHARED, *SHARED_OF.get(app, ())}
    for path, names in sources(f"{app}/{room}"):
        own = {name.split(".")[1] for name in names if name.startswith(f"{app}.") and name.count(".")}
        assert own <= may, path


@pytest.mark.parametrize("app", ["web", "bulk", "certs", "nodes", "alerts", "qmc"])
def test_templates_use_those_of_their_room_and_below(app: str) -> None:
    """What a higher room shows on the page of a lower one is a registered section."""
    folder = ROOT / "templates" / app
    rooms = ROOMS.get(app, [])
    for template in sorted(folder.rglob("*.html")):
        room = template.relative_to(folder).parts[0]
        for other_app, other_room in re.findall(r"""{% (?:include|extends) "(\w+)/(\w+)""", template.read_text()):
            assert APPS.index(other_app) <= APPS.index(app), template
            if other_app == app and room in rooms:
                assert rooms.index(other_room) <= rooms.index(room), template


def test_apps_use_few_of_the_agents_modules() -> None:
    for room in APPS[2:]:
        for path in (ROOT / room).rglob("*.py"):
            modules = {".".join(name.split(".")[:2]) for name in imported(path) if name.startswith("agent.")}
            assert modules <= {"agent.files", "agent.handshake", "agent.store", "agent.tls", "agent.version"}, path


# Why each of these uses the environment of its process.
USES_ENVIRONMENT = {
    "cli/profile.py": "reads where the profile is, and what takes precedence over it",
    "qmc/__main__.py": "puts `--data-dir` where the settings are read",
    "qmc/settings.py": "reads the settings of the installation, once",
    "qmc/celery.py": "chooses Django's settings",
    "qmc/metrics/processes.py": "names the folder of durations to the library that writes them",
    "qmc/management/commands/up.py": "gives it to the processes that it starts",
    "backups/backup.py": "gives it, without settings, to the trial restore",
}


def test_one_module_reads_the_settings_of_the_installation() -> None:
    """The agent has no settings of Django's; it reads the few that it needs."""
    found = {
        str(path.relative_to(ROOT))
        for app in set(APPS) - {"agent"}
        for path, names in sources(app)
        if ("os" in names and re.search(r"\bos\.(environ|getenv)\b", path.read_text())) or "os.environ" in names
    }
    assert found == USES_ENVIRONMENT.keys()


DIALS = re.compile(r"create_connection\(|HTTPS?Connection|\burlopen\b|\bimport (requests|aiohttp)\b")


def test_one_package_dials() -> None:
    """The agent has its own connection to the central node, and the command-line client its own to the API."""
    found = {str(path.relative_to(ROOT)) for app in set(APPS) - {"agent"} for path, _ in sources(app) if DIALS.search(path.read_text())}
    assert found == {"outbound/connections.py", "outbound/http.py", "cli/site.py", "cli/commands/login.py", "cli/doctor/of_node.py"}


def test_the_command_line_client_is_used_by_nothing() -> None:
    for app in set(APPS) - {"cli"}:
        for path, names in sources(app):
            assert not [name for name in names if name.split(".")[0] == "cli"], path


def test_benches_and_what_they_share_with_tests_import_no_tests() -> None:
    for folder in ("bench", "sitekit"):
        for path, names in sources(folder):
            assert not [name for name in names if name.split(".")[0] == "tests"], path


def test_init_files_are_empty() -> None:
    for room in set(APPS) - {"qmc"}:
        assert all(not path.read_text() for path in (ROOT / room).rglob("__init__.py")), room


def test_every_step_of_the_fault_tests_names_code_that_exists() -> None:
    missing = []
    for step in EVERY_STEP:
        module, _, path = step.target.partition(":")
        try:
            operator.attrgetter(path)(importlib.import_module(module))
        except (ImportError, AttributeError) as exc:
            missing.append(f"{step.name}: {exc}")
    assert missing == []


def test_the_drawing_in_the_document_is_that_of_the_code() -> None:
    drawn = subprocess.run([sys.executable, "scripts/draw-rooms"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert drawn in (ROOT / "docs/develop/architecture.md").read_text(), "run scripts/draw-rooms --write"


def test_the_agent_has_nothing_that_issues() -> None:
    """Nor has what it imports: the wheel of the agent leaves that room out."""
    for path, names in sources("agent"):
        assert not [name for name in names if name.startswith(NEVER_ON_A_NODE)], path
    for room in ROOMS["pki"][:-1]:
        for path, names in sources(f"pki/{room}"):
            assert not [name for name in names if name.startswith(NEVER_ON_A_NODE)], path
