"""The two wheels: their content, and a site from them without the source tree and without a network."""

import base64
import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from agent.version import VERSION
from sitekit.site import ROOT
from tests.slow import takes_minutes
from tests.test_architecture import APPS

ALONE = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]


def build(folder: Path) -> list[Path]:
    """The agent's wheel, then the console's."""
    subprocess.run([sys.executable, ROOT / "scripts/wheels", folder], capture_output=True, check=True)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(tmp_path_factory.mktemp("dist"))


def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_the_same_files_give_the_same_bytes(wheels: list[Path], tmp_path: Path) -> None:
    assert [(wheel.name, wheel.read_bytes()) for wheel in build(tmp_path)] == [(wheel.name, wheel.read_bytes()) for wheel in wheels]


def test_the_wheels_have_every_module_once(wheels: list[Path]) -> None:
    agent, console = map(names, wheels)
    assert agent & console == set()
    modules = {path.relative_to(ROOT).as_posix() for app in APPS for path in (ROOT / app).rglob("*.py")}
    assert {name for name in agent | console if name.endswith(".py") and not name.startswith("qmc/docs/")} == modules


def test_the_agents_wheel_cannot_issue_certificates(wheels: list[Path]) -> None:
    agent, _ = map(names, wheels)
    assert {name.split("/")[0] for name in agent} == {"agent", "pki", f"trust_zone_agent-{VERSION}.dist-info"}
    assert [name for name in agent if name.startswith("pki/issuing/")] == []


IMPORT_EVERYTHING = """import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import agent
for module in pkgutil.walk_packages(agent.__path__, "agent."): importlib.import_module(module.name)
modules = [module for name, module in sys.modules.items() if name.split(".")[0] in ("agent", "pki")]
print(*(module.__file__.removeprefix(sys.argv[1] + "/") for module in modules))"""


def test_the_agents_wheel_has_what_it_imports_and_nothing_else(wheels: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORT_EVERYTHING, wheels[0]]
    imported = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert set(imported) == {name for name in names(wheels[0]) if name.endswith(".py")}


def test_the_console_has_its_pages_and_nothing_for_development(wheels: list[Path]) -> None:
    _, console = map(names, wheels)
    assert {name.split("/")[0] for name in console} - {*APPS} == {f"trust_zone_console-{VERSION}.dist-info"}
    assert {
        "qmc/templates/base.html",
        "qmc/static/qmc/console.css",
        "qmc/static/made/icons.svg",
        "qmc/static/made/tabler.css",
    } <= console
    templates = {f"qmc/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "templates").rglob("*.html")}
    assert {name for name in console if name.endswith(".html")} == templates
    documents = {f"qmc/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "docs").glob("*.md")}
    assert {name for name in console if name.endswith(".md")} == documents
    assert [name for name in console if "node_modules" in name or "tests/" in name or name.endswith(".pyc")] == []


def test_the_record_matches_the_files(wheels: list[Path]) -> None:
    for wheel in wheels:
        with ZipFile(wheel) as opened:
            (name,) = (path for path in opened.namelist() if path.endswith("/RECORD"))
            rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(opened.read(name).decode()))}
            assert set(rows) == set(opened.namelist())
            for path in set(rows) - {name}:
                digest = base64.urlsafe_b64encode(hashlib.sha256(opened.read(path)).digest()).rstrip(b"=").decode()
                assert rows[path] == [f"sha256={digest}", str(opened.getinfo(path).file_size)]


def test_the_console_requires_the_agent_of_its_version(wheels: list[Path]) -> None:
    required = []
    for wheel, name in zip(wheels, ("trust_zone_agent", "trust_zone_console"), strict=True):
        with ZipFile(wheel) as opened:
            lines = opened.read(f"{name}-{VERSION}.dist-info/METADATA").decode().splitlines()
            required.append([line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")])
    assert f"trust-zone-agent=={VERSION}" in required[1]
    assert {requirement.split(">")[0] for requirement in required[0]} == {"aiohttp", "cryptography", "joserfc"}


def install(environment: Path, *wheels: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        environment / "bin/python",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        *wheels,
    ]
    subprocess.run(command, check=True)


@takes_minutes
@pytest.mark.skipif(
    subprocess.run([*ALONE, "true"], check=False).returncode != 0, reason="this account cannot run a process without a network"
)
def test_the_wheels_make_and_serve_a_site_without_tree_and_network(wheels: list[Path], tmp_path: Path) -> None:
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    empty.mkdir()
    venv.create(environment, symlinks=True)
    purelib = environment / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (purelib / "packages.pth").write_text(sysconfig.get_path("purelib"))  # what the wheels require

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        around = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [environment / "bin" / words[0], *words[1:]], cwd=empty, env=around, capture_output=True, text=True, check=False
        )

    install(environment, wheels[0])
    assert run("qmc-agent", "--version").stdout == f"trust-zone-agent {VERSION}\n"
    assert "No module named 'pki.issuing'" in run("python", "-c", "import pki.issuing").stderr
    install(environment, wheels[1])
    assert run("qmc", "--version").stdout == f"trust-zone-console {VERSION}\n"
    assert list(empty.iterdir()) == []
    around = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    walked = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.wheel.walk", environment, empty],
        cwd=ROOT,
        env=around,
        capture_output=True,
        text=True,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr
    seen = json.loads(walked.stdout)
    assert seen["interfaces"] == ["lo"]
    assert seen["lost password"] == ["qmc reset_admin"]
    assert "qmc create_token USER" in seen["up"]
    assert (seen["sign-in"], seen["node"]) == (200, "registered")
    assert len(seen["files"]) > 3
    assert set(seen["files"].values()) == {200}
    assert all(Path(module).is_relative_to(environment) for module in seen["modules"]), seen["modules"]
    assert "verified: a trial restore" in seen["backup"]
    assert f"Version:  {VERSION}\n" in seen["up"]
    assert not any(Path(process).is_relative_to(ROOT) for process in seen["processes"]), seen["processes"]
