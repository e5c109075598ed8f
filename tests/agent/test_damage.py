"""Damaged files of a home are named with the remedy, without a traceback, and a new package repairs them."""

import dataclasses
import json
import shutil
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from agent import passwords, tls
from agent.damage import StoreDamaged
from agent.state import State
from pki.core.errors import PKIError
from pki.exchange import package as packages
from pki.exchange import password
from tests.agent.commands import command
from tests.agent.pages import Pages
from tests.slow import examples, one_of

GENERATION = [
    "manifest.json", "machine/root/roots.pem", "machine/personal/service.pem", "machine/personal/cluster.pem", "user/personal/client.pem",
    "exported/server.pem", "exported/client.pem",
]  # fmt: skip
DAMAGES = {
    "empty": lambda content: b"", "zeros": lambda content: b"\0" * len(content), "cut": lambda content: content[: len(content) // 3],
    "text": lambda content: b"[]", "nested": lambda content: b"[" * 100_000, "bytes": lambda content: b"\xff\xfe" + content[::-1],
}  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, package) -> Path:
    home = tmp_path_factory.mktemp("installed") / "home"
    typed = password.generate()
    state = State(home)
    state.accept(packages.seal_with_password(package, typed), source="127.0.0.1", now=datetime.now(UTC))
    state.reopen()
    state.unlock(packages.Opener(typed), now=datetime.now(UTC))
    return home


@pytest.fixture
def home(installed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(installed, tmp_path / "home", symlinks=True))


def damage(path: Path, how: str) -> None:
    path.write_bytes(DAMAGES[how](path.read_bytes()))


@pytest.mark.parametrize(("name", "how"), one_of(5, product(GENERATION, DAMAGES)))
def test_a_damaged_generation_is_named_and_a_new_package_repairs_it(name: str, how: str, home: Path, package) -> None:
    state, now = State(home), datetime.now(UTC)
    damage(home / "current" / name, how)
    with pytest.raises(StoreDamaged, match="Press Redistribute") as error:
        state.store.current()
    assert str((home / "current").resolve() / name) in str(error.value)
    assert state.is_open(now)
    assert (state.status(now)["value"], state.status(now)["trust_zone"], state.damage()) == (1, None, str(error.value))
    with pytest.raises(PKIError):
        state.install_renewal(b"", now=now)
    typed = password.generate()
    state.accept(packages.seal_with_password(dataclasses.replace(package, generation=2), typed), source="127.0.0.1", now=now)
    assert passwords.unlock(state, typed, report=str).generation == 2
    assert state.damage() == ""
    assert not state.is_open(now)


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*GENERATION, "service-pairs"]), place=st.floats(0, 0.999), byte=st.integers(0, 255))
@example(name="user/personal/client.pem", place=0.48, byte=ord("B"))
def test_one_changed_byte_is_reported_or_harmless(name: str, place: float, byte: int, home: Path) -> None:
    """OpenSSL loads all files that are not reported."""
    path = next((home / "service-pairs").glob("*/service.pem")) if name == "service-pairs" else home / "current" / name
    content = path.read_bytes()
    at = int(place * len(content))
    path.write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
    try:
        state = State(home)
        found = state.store.readable()
        assert found or str(path.resolve()) in state.damage()
        if found:
            state.store.key_ring()
            state.update_browser_pem(now=datetime.now(UTC))
            tls.server_context(found)
            tls.client_context(found)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "value"), [("generation", "1e999"), ("central_addresses", "5"), ("database_key_oids", '["1.2"]')], ids=lambda value: value[:10]
)
def test_a_manifest_with_another_value_is_named(name: str, value: str, home: Path) -> None:
    manifest = home / "current/manifest.json"
    content = json.loads(manifest.read_bytes())
    del content[name]
    manifest.write_text(f'{json.dumps(content)[:-1]}, "{name}": {value}}}')
    assert "manifest.json is damaged: its content is not what the agent wrote." in State(home).damage()


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_agent_json_is_renamed(how: str, home: Path) -> None:
    damage(home / "agent.json", how)
    state = State(home)
    assert state.memory() == {"wrong_passwords": 0, "reopened": None}
    assert not state.is_open(datetime.now(UTC))
    assert (home / "agent.json.damaged").exists()
    assert state.count_wrong_password(datetime.now(UTC)) == 1


@pytest.mark.parametrize(
    "kept",
    ['{"hook": {"at": 5}, "last_problem": {}, "central": {"address": "10.0.0.1"}, "central_told": {"generation": 1}, "central_called": 5, "wrong_passwords": null}',
     '{"wrong_passwords": "x", "reopened": [], "paused_until": 5, "central": 7, "last_problem": "x", "hook": []}', '{"paused_until": "never"}', "{}", "null", "7"],
)  # fmt: skip
def test_valid_members_of_agent_json_are_used(kept: str, home: Path) -> None:
    (home / "agent.json").write_text(kept)
    state, now = State(home), datetime.now(UTC)
    assert (state.status(now)["wrong_passwords"], state.last_problem(), state.hook(), state.paused_until(now)) == (0, None, None, None)
    installed = state.store.current()
    assert installed is not None
    assert [str(place) for place in state.central(installed).order([])] == ["127.0.0.1:1"]


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["machine/root/crl.pem", "browser/chosen.json", "service-pairs", "current"])
def test_damaged_files_that_are_fetched_or_made_again_stop_nothing(name: str, how: str, home: Path) -> None:
    """Also with a missing generation."""
    paths = {
        "browser/chosen.json": home / "browser/chosen.json",
        "service-pairs": next((home / "service-pairs").glob("*/service.pem")),
        "current": home / "current/machine/personal/browser.pem",
    }
    path = paths.get(name, home / "current" / name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(DAMAGES[how](b"-----BEGIN X509 CRL-----\n" * 9))
    state, now = State(home), datetime.now(UTC)
    found = state.store.current()
    assert found is not None
    assert len(state.store.key_ring().keys) == 1
    state.update_browser_pem(now=now)
    state.store.remove_all_but_current()
    assert found.browser_pem.read_bytes() == found.service_pem.read_bytes()


def test_commands_name_the_file_and_the_remedy(home: Path, tmp_path: Path) -> None:
    """The restore that they name works."""
    assert command("backup", "--home", home, tmp_path / "node.tar").returncode == 0
    for name in ("manifest.json", "machine/personal/service.pem"):
        damage(home / "current" / name, "zeros")
    damage(home / "agent.json", "empty")
    for words in (
        ["status"],
        ["status", "--json"],
        ["reopen"],
        ["backup", tmp_path / "other.tar"],
        ["connections"],
        ["set-central", "10.0.0.1"],
    ):
        ended = command(*words[:1], "--home", home, *words[1:])
        assert "Traceback" not in ended.stderr, words
        assert "manifest.json is damaged: it has only zero bytes" in ended.stdout + ended.stderr or words[0] in (
            "reopen",
            "set-central",
        ), words
    assert command("status", "--home", home).returncode == 0
    assert f"move the folder {home} to another place, then" in command("status", "--home", home).stdout  # the remedy that works here
    refused = command("remove", "--home", home, "--yes")
    assert (refused.returncode, "move the folder" in refused.stderr) == (1, True)
    shutil.move(home, tmp_path / "away")
    assert command("restore", "--home", home, tmp_path / "node.tar").returncode == 0
    damage(home / "current/machine/root/roots.pem", "empty")
    assert f"remove --home {home} --yes`, then" in command("status", "--home", home).stdout
    assert command("remove", "--home", home, "--yes").returncode == 0
    assert command("restore", "--home", home, tmp_path / "node.tar").returncode == 0
    assert State(home).damage() == ""


def test_page_and_ports_answer_on_a_damaged_home(home: Path) -> None:
    damage(home / "current/manifest.json", "empty")
    (home / "waiting").mkdir(exist_ok=True)
    (home / "waiting" / f"{'ab' * 32}.json").write_bytes(b"\0" * 500)
    pages = Pages(home)
    try:
        assert "manifest.json is damaged: it is empty." in pages.page()
        assert pages.status()["waiting"] == []
    finally:
        pages.stop()
