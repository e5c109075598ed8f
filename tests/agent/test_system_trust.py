"""The trust zone's roots among those of a Linux system: the real tool below a folder of its own, and the other family's as a table."""

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
from agent.system.folders import NotPossible
from agent.system.other_stores import AGAIN_AFTER_S, Filler, OtherStore
from agent.system.system_trust import DEBIAN, RED_HAT, WAYS, Way, is_used, remove, settle, wanted, way_here
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
    """A system of its own, kept by this machine's real update-ca-certificates."""

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
        self.way = Way(self.anchors, command, (*command, "--fresh"))

    def trusts(self, certificate: x509.Certificate, tmp: Path) -> bool:
        """What openssl says, by the bundle and by the folder of links alone: programs read the one or the other."""
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
def test_debian_trusts_follows_and_forgets(tmp_path: Path, authority: Authority, second: Authority, pairs, foreign: bytes) -> None:
    debian = Debian(tmp_path, foreign)
    before, service = debian.others(), x509.load_pem_x509_certificate(pairs["service"].certificate)
    younger = second.certificate
    assert settle(debian.way, ZONE, [authority.certificate]) == (1, 0)
    assert debian.trusts(service, tmp_path)
    assert not debian.trusts(younger, tmp_path)
    assert settle(debian.way, ZONE, [younger, authority.certificate]) == (1, 0)
    assert debian.trusts(service, tmp_path)
    assert debian.trusts(younger, tmp_path)
    assert settle(debian.way, ZONE, [younger, authority.certificate]) == (0, 0)
    assert settle(debian.way, ZONE, [younger]) == (0, 1)
    assert not debian.trusts(service, tmp_path)
    assert debian.trusts(younger, tmp_path)
    for path in debian.anchors.glob(f"trust-zone-{ZONE}-*.crt"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444 or path.name in FOREIGN
    assert remove(debian.way, ZONE) == 1
    assert not debian.trusts(younger, tmp_path)
    assert debian.others() == before
    assert {path.name for path in debian.anchors.iterdir()} == set(FOREIGN)


def test_cut_off_before_the_system_was_told_is_told_again(tmp_path: Path, authority: Authority, foreign: bytes) -> None:
    debian = Debian(tmp_path, foreign)
    broken = Way(debian.anchors, ("/bin/false",), ("/bin/false",))
    with pytest.raises(NotPossible, match="ended with 1"):
        settle(broken, ZONE, [authority.certificate])
    assert not (debian.certs / "ca-certificates.crt").exists()
    assert settle(debian.way, ZONE, [authority.certificate]) == (0, 0)
    assert debian.trusts(authority.certificate, tmp_path)


def test_file_that_somebody_spoiled_is_written_again(tmp_path: Path, authority: Authority) -> None:
    way = Way(tmp_path, ("/bin/true",), ("/bin/true",))
    (name,) = wanted(ZONE, [authority.certificate])
    (tmp_path / name).write_bytes(b"spoiled")
    assert settle(way, ZONE, [authority.certificate]) == (1, 0)
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
def test_tool_and_folder_decide_the_way(tmp_path: Path, folders: list[Way], tools: list[str], command: list[str], anew: list[str]) -> None:
    for each in folders:
        (tmp_path / each.anchors.relative_to("/")).mkdir(parents=True)
    way = way_here(system=tmp_path, tool=lambda name: f"/there/{name}" if name in tools else None, user=0)
    assert way.anchors == tmp_path / next(each for each in WAYS if each.command[0] == command[0]).anchors.relative_to("/")
    assert (way.command, way.anew) == ((f"/there/{command[0]}", *command[1:]), (f"/there/{anew[0]}", *anew[1:]))


@pytest.mark.parametrize(
    ("folder", "tool", "user", "told"),
    [
        (DEBIAN, "update-ca-certificates", 1000, "Only root may change .*Nothing was changed. Run it as root"),
        (DEBIAN, "nothing", 0, "neither update-ca-certificates with /usr/local/share/ca-certificates or update-ca-trust with /etc/pki"),
        (None, "update-ca-certificates", 0, "by hand"),
    ],
    ids=["not root", "no tool", "no folder"],
)
def test_where_it_is_not_possible_it_says_so(tmp_path: Path, folder: Way | None, tool: str, user: int, told: str) -> None:
    if folder:
        (tmp_path / folder.anchors.relative_to("/")).mkdir(parents=True)
    with pytest.raises(NotPossible, match=told):
        way_here(system=tmp_path, tool=lambda name: f"/there/{name}" if name == tool else None, user=user)


def test_red_hat_gets_one_file_for_each_root_and_is_told_to_extract(tmp_path: Path, authority: Authority, second: Authority) -> None:
    """Its tool is not here: what it was called with, and which files it found."""
    anchors, said = tmp_path / "anchors", tmp_path / "said"
    anchors.mkdir()
    (anchors / FOREIGN[0]).write_bytes(b"custom")
    tool = tmp_path / "update-ca-trust"
    tool.write_text(f'#!/bin/sh\necho "$*:" $(ls {anchors} | sort) >> {said}\n')
    tool.chmod(0o755)
    way = Way(anchors, (str(tool), "extract"), (str(tool), "extract"))
    settle(way, ZONE, [authority.certificate])
    settle(way, ZONE, [second.certificate, authority.certificate])
    settle(way, ZONE, [second.certificate])
    remove(way, ZONE)
    old, new = (f"trust-zone-{ZONE}-{verify.fingerprint(each.certificate)[:16]}.crt" for each in (authority, second))
    told = [sorted(line.removeprefix("extract: ").split()) for line in said.read_text().splitlines()]
    assert told == [sorted([FOREIGN[0], *files]) for files in ([old], [old, new], [new], [])]


@pytest.mark.parametrize("zone", ["", "..", "a/b", "a b", "x" * 65, "*"])
def test_zone_that_cannot_name_a_file_is_refused(tmp_path: Path, authority: Authority, zone: str) -> None:
    with pytest.raises(NotPossible, match="cannot stand in the name of a file"):
        settle(Way(tmp_path, ("/bin/true",), ("/bin/true",)), zone, [authority.certificate])
    assert list(tmp_path.iterdir()) == []


def test_only_who_put_something_there_takes_it_out(tmp_path: Path, authority: Authority) -> None:
    anchors = tmp_path / RED_HAT.anchors.relative_to("/")
    anchors.mkdir(parents=True)
    assert not is_used(ZONE, system=tmp_path)
    (name,) = wanted(ZONE, [authority.certificate])
    (anchors / name).write_bytes(b"")
    assert is_used(ZONE, system=tmp_path)
    assert not is_used("another", system=tmp_path)


@pytest.mark.parametrize("words", [["system-trust"], ["serve", "--system-trust"]])
def test_command_says_what_is_not_possible(
    tmp_path: Path,
    package: Package,
    authority: Authority,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Store(tmp_path).install(package, now=authority.now)
    monkeypatch.setattr(system_trust, "WAYS", ())
    monkeypatch.setattr(sys, "argv", ["agent", *words, "--home", str(tmp_path)])
    assert main() in (1, 2)
    assert "Nothing was changed. Give the roots in exported/root.pem" in capsys.readouterr().err


def test_commands_bring_take_out_and_remove(
    tmp_path: Path, package: Package, authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A family of systems of its own: what `remove` cannot take out leaves everything where it is."""
    home, anchors = tmp_path / "home", tmp_path / "anchors"
    anchors.mkdir()
    Store(home).install(dataclasses.replace(package, trust_zone=ZONE), now=authority.now)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def agent(tool: str, *words: str) -> int:
        monkeypatch.setattr(system_trust, "WAYS", (Way(anchors, (tool,), (tool,)),))
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


def test_filled_at_the_start_and_when_it_changes_and_again_after_a_failure(
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
        filler = Filler(OtherStore("a store", lambda _: takes[0], fill), clock=lambda: seconds[0])

        async def follow(what: Installed | None = installed) -> None:
            filler.follow(what)
            if filler.running:
                await filler.running

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
