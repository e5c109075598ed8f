"""The backup of a node: a refused restore leaves nothing behind, and the central node's store is not removed."""

import dataclasses
import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.backup import BackupRefused, backup, restore
from agent.state import Refused, State
from agent.store import Store
from pki.core import keys
from pki.core.keys import KeyType
from pki.exchange.package import Package


@pytest.fixture
def home(tmp_path: Path, package: Package) -> Path:
    Store(tmp_path / "home").install(package, now=datetime.now(UTC))
    State(tmp_path / "home").set_central("192.0.2.1", 4242, None)
    return tmp_path / "home"


def packed(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def other_key(members: dict[str, bytes], name: str) -> dict[str, bytes]:
    place = next(member for member in members if member.endswith(name))
    certificate = members[place][members[place].index(b"-----BEGIN CERTIFICATE") :]
    return members | {place: keys.to_pem(keys.generate(KeyType.EC_P256)) + certificate}


def without(members: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {place: content for place, content in members.items() if not place.endswith(name)}


WRONG: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "cut": lambda members: packed(members)[:3000],
    "nothing": lambda members: b"",
    "upwards": lambda members: packed(members | {"generations/1/../../../x": b"x"}),
    "absolute": lambda members: packed(members | {"/x": b"x"}),
    "elsewhere": lambda members: packed(members | {"x": b"x"}),
    "two generations": lambda members: packed(members | {"generations/2/manifest.json": b"{}"}),
    "no manifest": lambda members: packed(without(members, "manifest.json")),
    "another client key": lambda members: packed(other_key(members, "user/personal/client.pem")),
    "another service key": lambda members: packed(other_key(members, "machine/personal/service.pem")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_inconsistent_backup_leaves_nothing(home: Path, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "b.tar").write_bytes(WRONG[wrong](Store(home).files()))
    with pytest.raises(BackupRefused):
        restore(tmp_path / "other", tmp_path / "b.tar")
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "x").exists()


def test_backup_includes_settings_of_commands(home: Path, tmp_path: Path) -> None:
    backup(home, tmp_path / "b.tar")
    installed = restore(tmp_path / "other", tmp_path / "b.tar")
    assert State(tmp_path / "other").central(installed).order([])[0].address == "192.0.2.1"
    assert Store(tmp_path / "other").files() == Store(home).files()


def test_the_central_nodes_store_is_not_removed(home: Path, package: Package, tmp_path: Path) -> None:
    central = State(tmp_path / "central")
    central.store.install(dataclasses.replace(package, central_host_name=package.host_name), now=datetime.now(UTC))
    with pytest.raises(Refused, match="Nothing was removed"):
        central.remove()
    assert central.store.current() is not None
    State(home).remove()
    assert [path.name for path in home.iterdir()] == [".lock"]
