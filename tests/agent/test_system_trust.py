"""The trust zone's roots in the trust store of a Linux system: with the real tool of Debian in another folder, and a table for Red Hat."""

import asyncio
import dataclasses
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.__main__ import main
from agent.store import Installed, Store
from agent.system import system_trust
from agent.system.certificate_stores import AGAIN_AFTER_S, StoreUpdater, SystemStore
from agent.system.folders import NotPossible
from agent.system.system_trust import DEBIAN, RED_HAT, TRUST_STORES, TrustStore, is_used, remove, root_files, settle, this_trust_store
from pki.core import verify
from pki.exchange.package import Package
from sitekit.authority import Authority, make_authority

ZONE = "2b1c8f0e-4a55-4d6e-9f3f-8f0c1f0e7a11"
FOREIGN = (
    "custom.crt",
    "trust-zone-other-0123456789abcdef.crt",
    f"trust-zone-{ZONE}-of-mine.crt",
    f"trust-zone-{ZONE}-0123456789abcdef.crt.bak",
)


@pytest.fixture(scope="module")
def second() -> Authority:
    return make_authority("second.example")


@pytest.fixture(scope="module")
def foreign() -> bytes:
    return make_authority("foreign.example").certificate.public_bytes(Encoding.PEM)


class Debian:
    """A separate trust store, updated by this machine's real update-ca-certificates."""

    def __init__(self, root: Path, foreign: bytes) -> None:
        folders = {name: root / name for name in ("anchors", "shipped", "certs", "hooks")}
        for folder in folders.values():
            folder.mkdir()
        (root / "conf").write_text("")
        self.anchors, self.certs = folders["anchors"], folders["certs"]
        for name in FOREIGN:
            (self.anchors / name).write_bytes(foreign)
        command = (
            "/usr/sbin/update-ca-certificates", "--certsconf", str(root / "conf"), "--certsdir", str(folders["shipped"]),
            "--localcertsdir", str(self.anchors), "--etccertsdir", str(self.certs), "--hooksdir", str(folders["hooks"]),
        )  # fmt: skip
        self.store = TrustStore(self.anchors, command, (*command, "--fresh"))

    def trusts(self, certificate: x509.Certificate, tmp: Path) -> bool:
        """The results of openssl with the bundle and with the folder of links. Programs read one of them."""
        leaf = tmp / "leaf.pem"
        leaf.write_bytes(certificate.public_bytes(Encoding.PEM))
        said = set()
        for where in (["-CAfile", self.certs / "ca-certificates.crt", "-no-CApath"], ["-CApath", self.certs, "-no-CAfile"]):
            command = ["openssl", "verify", "-x509_strict", "-no-CAstore", *where, leaf]
            said.add(subprocess.run(command, capture_output=True, check=False).returncode == 0)
        assert len(said) == 1
        return said.pop()

    def others(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.anchors.iterdir() if path.name in FOREIGN}


@pytest.mark.skipif(not Path("/usr/sbin/update-ca-certificates").exists(), reason="this system has no update-ca-certificates")
def test_debian_adds_replaces_and_removes_roots(tmp_path: Path, authority: Authority, second: Authority, pairs, foreign: bytes) -> None:
    debian = Debian(tmp_path, foreign)
    before, service = debian.others(), x509.load_pem_x509_certificate(pairs["service"].certificate)
    younger = second.certificate
    assert settle(debian.store, ZONE, [authority.certificate]) == (1, 0)
    assert debian.trusts(service, tmp_path)
    assert not debian.trusts(younger, tmp_path)
    assert settle(debian.store, ZONE, [younger, authority.certificate]) == (1, 0)
    assert debian.trusts(service, tmp_path)
    assert debian.trusts(younger, tmp_path)
    assert settle(debian.store, ZONE, [younger, authority.certificate]) == (0, 0)
    assert settle(debian.store, ZONE, [younger]) == (0, 1)
    assert not debian.trusts(service, tmp_path)
    assert debian.trusts(younger, tmp_path)
    for path in debian.anchors.glob(f"trust-zone-{ZONE}-*.crt"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444 or path.name in FOREIGN
    assert remove(debian.store, ZONE) == 1
    assert not debian.trusts(younger, tmp_path)
    assert debian.others() == before
    assert {path.name for path in debian.anchors.iterdir()} == set(FOREIGN)


def test_an_interrupted_command_runs_again(tmp_path: Path, authority: Authority, foreign: bytes) -> None:
    debian = Debian(tmp_path, foreign)
    broken = TrustStore(debian.anchors, ("/bin/false",), ("/bin/false",))
    with pytest.raises(NotPossible, match="failed with exit code 1"):
        settle(broken, ZONE, [authority.certificate])
    assert not (debian.certs / "ca-certificates.crt").exists()
    assert settle(debian.store, ZONE, [authority.certificate]) == (0, 0)
    assert debian.trusts(authority.certificate, tmp_path)


def test_a_damaged_file_is_written_again(tmp_path: Path, authority: Authority) -> None:
    store = TrustStore(tmp_path, ("/bin/true",), ("/bin/true",))
    (name,) = root_files(ZONE, [authority.certificate])
    (tmp_path / name).write_bytes(b"spoiled")
    assert settle(store, ZONE, [authority.certificate]) == (1, 0)
    assert x509.load_pem_x509_certificate((tmp_path / name).read_bytes()) == authority.certificate
    assert [path.name for path in tmp_path.iterdir()] == [name]


# Which way a system goes: folder and tool decide, and who asks.


@pytest.mark.parametrize(
    ("folders", "tools", "command", "anew"),
    [
        ([DEBIAN], ["update-ca-certificates"], ["update-ca-certificates"], ["update-ca-certificates", "--fresh"]),
        ([RED_HAT], ["update-ca-trust"], ["update-ca-trust", "extract"], ["update-ca-trust", "extract"]),
        ([RED_HAT], ["update-ca-certificates", "update-ca-trust"], ["update-ca-trust", "extract"], ["update-ca-trust", "extract"]),
        ([DEBIAN, RED_HAT], ["update-ca-trust"], ["update-ca-trust", "extract"], ["update-ca-trust", "extract"]),
    ],
    ids=["Debian", "Red Hat", "Red Hat with a strange tool", "folder without its tool"],
)
def test_tool_and_folder_decide_the_trust_store(
    tmp_path: Path, folders: list[TrustStore], tools: list[str], command: list[str], anew: list[str]
) -> None:
    for folder in folders:
        (tmp_path / folder.anchors.relative_to("/")).mkdir(parents=True)
    store = this_trust_store(system=tmp_path, tool=lambda name: f"/there/{name}" if name in tools else None, user=0)
    assert store.anchors == tmp_path / next(
        trust_store for trust_store in TRUST_STORES if trust_store.command[0] == command[0]
    ).anchors.relative_to("/")
    assert (store.command, store.anew) == ((f"/there/{command[0]}", *command[1:]), (f"/there/{anew[0]}", *anew[1:]))


@pytest.mark.parametrize(
    ("folder", "tool", "user", "reason"),
    [
        (DEBIAN, "update-ca-certificates", 1000, "Only root may change .*Nothing was changed. Run this as root"),
        (DEBIAN, "nothing", 0, "neither update-ca-certificates with /usr/local/share/ca-certificates or update-ca-trust with /etc/pki"),
        (None, "update-ca-certificates", 0, "to its trust store yourself"),
    ],
    ids=["not root", "no tool", "no folder"],
)
def test_an_unsupported_system_is_refused_with_the_reason(
    tmp_path: Path, folder: TrustStore | None, tool: str, user: int, reason: str
) -> None:
    if folder:
        (tmp_path / folder.anchors.relative_to("/")).mkdir(parents=True)
    with pytest.raises(NotPossible, match=reason):
        this_trust_store(system=tmp_path, tool=lambda name: f"/there/{name}" if name == tool else None, user=user)


def test_red_hat_gets_one_file_for_each_root_and_runs_extract(tmp_path: Path, authority: Authority, second: Authority) -> None:
    """The tool of Red Hat is not installed, so this checks its arguments and the files."""
    anchors, said = tmp_path / "anchors", tmp_path / "said"
    anchors.mkdir()
    (anchors / FOREIGN[0]).write_bytes(b"custom")
    tool = tmp_path / "update-ca-trust"
    tool.write_text(f'#!/bin/sh\necho "$*:" $(ls {anchors} | sort) >> {said}\n')
    tool.chmod(0o755)
    store = TrustStore(anchors, (str(tool), "extract"), (str(tool), "extract"))
    settle(store, ZONE, [authority.certificate])
    settle(store, ZONE, [second.certificate, authority.certificate])
    settle(store, ZONE, [second.certificate])
    remove(store, ZONE)
    old, new = (f"trust-zone-{ZONE}-{verify.fingerprint(root.certificate)[:16]}.crt" for root in (authority, second))
    reason = [sorted(line.removeprefix("extract: ").split()) for line in said.read_text().splitlines()]
    assert reason == [sorted([FOREIGN[0], *files]) for files in ([old], [old, new], [new], [])]


@pytest.mark.parametrize("zone", ["", "..", "a/b", "a b", "x" * 65, "*"])
def test_zone_that_cannot_name_a_file_is_refused(tmp_path: Path, authority: Authority, zone: str) -> None:
    with pytest.raises(NotPossible, match="cannot be part of a file name"):
        settle(TrustStore(tmp_path, ("/bin/true",), ("/bin/true",)), zone, [authority.certificate])
    assert list(tmp_path.iterdir()) == []


def test_only_own_files_are_removed(tmp_path: Path, authority: Authority) -> None:
    anchors = tmp_path / RED_HAT.anchors.relative_to("/")
    anchors.mkdir(parents=True)
    assert not is_used(ZONE, system=tmp_path)
    (name,) = root_files(ZONE, [authority.certificate])
    (anchors / name).write_bytes(b"")
    assert is_used(ZONE, system=tmp_path)
    assert not is_used("another", system=tmp_path)


@pytest.mark.parametrize("words", [["system-trust"], ["serve", "--system-trust"]])
def test_command_reports_an_unsupported_system(
    tmp_path: Path,
    package: Package,
    authority: Authority,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Store(tmp_path).install(package, now=authority.now)
    monkeypatch.setattr(system_trust, "TRUST_STORES", ())
    monkeypatch.setattr(sys, "argv", ["agent", *words, "--home", str(tmp_path)])
    assert main() in (1, 2)
    assert "Nothing was changed. Add the roots in exported/root.pem" in capsys.readouterr().err


def test_commands_add_and_remove_roots(
    tmp_path: Path, package: Package, authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With another trust store. If `remove` fails there, nothing is removed."""
    home, anchors = tmp_path / "home", tmp_path / "anchors"
    anchors.mkdir()
    Store(home).install(dataclasses.replace(package, trust_zone=ZONE), now=authority.now)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def agent(tool: str, *words: str) -> int:
        monkeypatch.setattr(system_trust, "TRUST_STORES", (TrustStore(anchors, (tool,), (tool,)),))
        monkeypatch.setattr(sys, "argv", ["agent", *words, "--home", str(home)])
        return main()

    def there() -> int:
        return len(list(anchors.iterdir()))

    assert (agent("true", "system-trust"), there()) == (0, 1)
    assert "1 roots of this trust zone in " in capsys.readouterr().out
    assert (agent("true", "system-trust", "--remove"), there()) == (0, 0)
    assert (agent("true", "system-trust"), there()) == (0, 1)
    assert agent("nothing-of-this-name", "remove", "--yes") == 1
    assert there() == 1
    assert Store(home).current() is not None
    assert (agent("true", "remove", "--yes"), there()) == (0, 0)
    assert Store(home).current() is None
    assert agent("true", "system-trust") == 1
    assert "Nothing is installed" in capsys.readouterr().err


# When the running agent fills another store.


def test_store_is_filled_at_the_start_after_changes_and_after_failures(
    tmp_path: Path, package: Package, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    installed = Store(tmp_path).install(package, now=authority.now)
    filled, seconds, takes, works = [], [1000.0], ["one"], [True]

    def fill(_: Installed) -> str:
        filled.append(takes[0])
        if not works[0]:
            raise NotPossible("the tool is broken")
        return "done"

    async def walk() -> None:
        updater = StoreUpdater(SystemStore("a store", lambda _: takes[0], fill), clock=lambda: seconds[0])

        async def follow(what: Installed | None = installed) -> None:
            updater.follow(what)
            if updater.running:
                await updater.running

        await follow(None)
        await follow()
        await follow()
        assert filled == ["one"]
        takes[0], works[0] = "two", False
        await follow()
        await follow()
        assert filled == ["one", "two"]
        seconds[0] += AGAIN_AFTER_S
        works[0] = True
        await follow()
        await follow()
        assert filled == ["one", "two", "two"]
        await follow(None)  # removed, and registered again under the same root
        await follow()
        assert filled == ["one", "two", "two", "two"]

    asyncio.run(walk())
    assert "a store: the tool is broken" in caplog.text
