"""Imports point one way: pki ← agent ← certs ← nodes ← qmc, and audit, jobs ← certs."""

import ast
import importlib
import operator
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.steps import EVERY_STEP

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "pki": set(),
    "agent": {"pki"},
    "audit": set(),
    "jobs": set(),
    "certs": {"pki", "agent", "audit", "jobs"},
    "nodes": {"pki", "agent", "audit", "jobs", "certs"},
}
ROOMS = {*MAY_IMPORT, "qmc"}
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


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_one_way(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        used = {name.split(".")[0] for name in imported(path)} & ROOMS - {room}
        assert used <= MAY_IMPORT[room], path


def test_apps_use_few_of_the_agents_modules() -> None:
    for room in ("certs", "nodes", "qmc"):
        for path in (ROOT / room).rglob("*.py"):
            modules = {".".join(name.split(".")[:2]) for name in imported(path) if name.startswith("agent.")}
            assert modules <= {"agent.files", "agent.handshake", "agent.store", "agent.tls"}, path


def test_init_files_are_empty() -> None:
    for room in MAY_IMPORT:
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
