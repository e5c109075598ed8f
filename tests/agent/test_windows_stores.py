"""The stores of Windows: the text of the script, and its files in other programs. These tests do not run on Windows."""

import asyncio
import dataclasses
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from agent.store import Installed, Store
from agent.system import certificate_stores, windows_stores
from agent.system.certificate_stores import StoreUpdater, SystemStore
from agent.system.folders import NotPossible
from agent.system.windows_stores import MACHINE, ROOTS, USER, Content, Work, of_installed, quoted, thumbprint, work
from pki.exchange.package import Package
from sitekit.authority import Authority, make_authority

PASSWORD = "Zq7-only-for-these-files-_x"
FOLDERS = [
    PureWindowsPath(r"C:\agent\windows-stores"),
    PureWindowsPath(r"C:\Program Files\The O'Neill agent\windows-stores"),
    PureWindowsPath("C:\\Ulf’s ‘best’ ‚agent‛ $(calc) `n @PREFIX@ [1]\\windows-stores"),
]
SINGLE = "'‘’‚‛"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, package: Package, authority: Authority) -> Installed:
    return Store(tmp_path_factory.mktemp("home")).install(package, now=authority.now)


@pytest.fixture(scope="module")
def content(installed: Installed) -> Content:
    return of_installed(installed)


def made(content: Content, folder: PureWindowsPath = FOLDERS[0]) -> Work:
    return work(content, folder=folder, password=PASSWORD)


def strings(script: str) -> list[str]:
    """The single-quoted strings of a script by the rules of PowerShell, without comments."""
    found, at = list[str](), 0
    while at < len(script):
        if script[at] == "#":
            at = script.index("\n", at)
        elif script[at] == '"':
            at = script.index('"', at + 1)
        elif script[at] in SINGLE:
            text, at = "", at + 1
            while not (script[at] in SINGLE and script[at + 1] not in SINGLE):
                text, at = text + script[at], at + (2 if script[at] in SINGLE else 1)
            found.append(text)
        at += 1
    return found


@pytest.mark.parametrize("text", ["", "plain", "O'Neill", "''", "’", "'‘’‚‛'", '$env:x `n $(x) "@PREFIX@"', r"C:\a\ "])
def test_quoted_text_is_one_string_and_the_text_itself(text: str) -> None:
    assert strings(f"x = {quoted(text)} ;") == [text]


@pytest.mark.parametrize("folder", FOLDERS, ids=["plain", "spaces and quotes", "what PowerShell would read"])
def test_script_names_each_file_with_its_store_thumbprint_and_friendly_name(
    content: Content, installed: Installed, folder: PureWindowsPath
) -> None:
    expected = [
        (ROOTS, "root-1.cer", installed.roots[0], "root"), (MACHINE, "service.pfx", installed.service, "service"),
        (MACHINE, "cluster.pfx", installed.cluster, "cluster"), (USER, "client.pfx", installed.client, "client"),
    ]  # fmt: skip
    result = made(content, folder)
    assert list(result.files) == [file for _, file, _, _ in expected]
    found = strings(result.script)
    start = found.index(ROOTS)
    assert [tuple(found[at : at + 4]) for at in range(start, start + 16, 4)] == [
        (store, str(folder / file), thumbprint(certificate), f"Trust zone zone: {name}") for store, file, certificate, name in expected
    ]


def test_role_and_issuer_decide_what_is_of_this_zone(content: Content, installed: Installed) -> None:
    """The values are those in the certificates. A root of another zone with the same name is another issuer."""
    found = strings(made(content).script)
    assert "1.3.6.1.5.5.7.13.3" in found

    def named(certificate: x509.Certificate) -> str:
        key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        return " ".join(der.hex("-").upper() for der in (certificate.issuer.public_bytes(), key.public_bytes()))

    for certificate in (installed.roots[0], installed.service, installed.client, installed.cluster):
        assert named(certificate) in found
    twin = make_authority().certificate
    assert twin.subject == installed.roots[0].subject
    assert named(twin) not in found


def test_the_script_has_no_secrets(content: Content, installed: Installed) -> None:
    result = made(content)
    assert PASSWORD not in result.script + repr(result) + repr(content)
    assert "PRIVATE" not in result.script
    for line in (installed.path / "exported/server_key.pem").read_text().splitlines()[1:-1]:
        assert line not in result.script


def test_the_script_for_removal_has_no_certificates_and_all_issuers(installed: Installed) -> None:
    result = made(windows_stores.nothing(installed))
    assert result.files == {}
    assert thumbprint(installed.roots[0]) not in result.script
    assert re.search(r"\$certificates = @\(\s*\)", result.script)
    assert installed.roots[0].subject.public_bytes().hex("-").upper() in result.script


def test_powershell_reads_the_script(content: Content, tmp_path: Path) -> None:
    program = shutil.which("pwsh")
    if program is None:
        pytest.skip("PowerShell (pwsh) is not on this machine")
    (tmp_path / "stores.ps1").write_text(made(content, FOLDERS[2]).script)
    parse = "$e = $null; [void][Management.Automation.Language.Parser]::ParseFile($args[0], [ref]$null, [ref]$e); $e.Count"
    command = [program, "-NoProfile", "-Command", f"& {{ {parse} }} '{tmp_path / 'stores.ps1'}'"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "0"


# What Windows would import, as other programs read it.


@pytest.mark.parametrize(("name", "kind"), [("service", "service"), ("cluster", "cluster"), ("client", "client")])
def test_openssl_and_java_open_each_pfx(content: Content, installed: Installed, tmp_path: Path, name: str, kind: str) -> None:
    file = tmp_path / f"{name}.pfx"
    file.write_bytes(made(content).files[file.name])
    certificate: x509.Certificate = getattr(installed, kind)
    opened = subprocess.run(
        ["openssl", "pkcs12", "-in", file, "-passin", "stdin", "-nodes"], input=PASSWORD, capture_output=True, text=True, check=True
    ).stdout
    assert x509.load_pem_x509_certificates(opened.encode()) == [certificate]
    assert f"friendlyName: Trust zone zone: {name}" in opened
    key = subprocess.run(["openssl", "pkey", "-pubout"], input=opened, capture_output=True, text=True, check=True).stdout
    own = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=opened, capture_output=True, text=True, check=True).stdout
    assert key == own
    if keytool := shutil.which("keytool"):
        command = [keytool, "-list", "-v", "-storetype", "PKCS12", "-keystore", file, "-storepass:env", "WORD"]
        result = subprocess.run(command, env={"WORD": PASSWORD, "LC_ALL": "C"}, capture_output=True, text=True, check=True).stdout
        assert "Entry type: PrivateKeyEntry" in result
        assert certificate.fingerprint(hashes.SHA256()).hex(":").upper() in result


def test_openssl_reads_the_root(content: Content, installed: Installed) -> None:
    command = ["openssl", "x509", "-inform", "DER", "-outform", "PEM"]
    read = subprocess.run(command, input=made(content).files["root-1.cer"], capture_output=True, check=True).stdout
    assert read == installed.roots[0].public_bytes(Encoding.PEM)


# How it is run: a program in the place of powershell.exe writes down what it finds.


@pytest.fixture
def stand_in(tmp_path: Path) -> tuple[str, ...]:
    """A program that records its files, arguments, environment and input, and ends with the given code."""
    program = tmp_path / "powershell"
    program.write_text(
        f'#!/bin/sh\nmkdir {tmp_path}/seen\nfor last; do :; done\ncp -p "$(dirname "$last")"/* {tmp_path}/seen/\n'
        f'echo "$*" > {tmp_path}/arguments\nenv > {tmp_path}/environment\ncat > {tmp_path}/input\necho "it was said"\nexit $(cat {tmp_path}/ends)\n'
    )
    program.chmod(0o755)
    return (str(program), "-NoProfile", "-File")


@pytest.mark.parametrize("ends", [0, 1])
def test_password_is_on_standard_input_only_and_files_are_deleted(
    content: Content, tmp_path: Path, stand_in: tuple[str, ...], ends: int
) -> None:
    (tmp_path / "ends").write_text(str(ends))
    home = tmp_path / "The O'Neill agent"
    (home / "windows-stores").mkdir(parents=True)
    (home / "windows-stores/service.pfx").write_bytes(b"of a run that was cut off")
    if ends:
        with pytest.raises(NotPossible, match=r"as an administrator or as Local System\. Its output: it was said"):
            windows_stores.run(content, home, command=stand_in)
    else:
        assert windows_stores.run(content, home, command=stand_in) == "it was said"
    assert list(home.iterdir()) == []
    seen = {path.name: path.read_bytes() for path in (tmp_path / "seen").iterdir()}
    assert set(seen) == {"stores.ps1", "root-1.cer", "service.pfx", "cluster.pfx", "client.pfx"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "seen").iterdir()} == {0o600}
    password = (tmp_path / "input").read_text().strip()
    assert len(password) >= 32
    for name in ("arguments", "environment"):
        assert password not in (tmp_path / name).read_text()
    assert password.encode() not in seen["stores.ps1"]
    script = seen["stores.ps1"].decode("utf-8-sig")
    assert seen["stores.ps1"].startswith(b"\xef\xbb\xbf")
    assert str(home / "windows-stores/service.pfx") in strings(script.replace("\r\n", "\n"))
    command = ["openssl", "pkcs12", "-in", tmp_path / "seen/service.pfx", "-passin", f"pass:{password}", "-nokeys"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_each_run_has_another_password(content: Content, tmp_path: Path, stand_in: tuple[str, ...]) -> None:
    (tmp_path / "ends").write_text("0")
    words = set()
    for _ in range(2):
        windows_stores.run(content, tmp_path / "home", command=stand_in)
        words.add((tmp_path / "input").read_text())
        shutil.rmtree(tmp_path / "seen")
    assert len(words) == 2


def test_windows_fills_after_each_switch_and_linux_never(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: Package, authority: Authority, installed: Installed
) -> None:
    assert certificate_stores.system_stores(trust=False) == []
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        (store,) = certificate_stores.system_stores(trust=False)
    assert store.fill is windows_stores.fill
    generations = []

    def note(given: Installed) -> str:
        generations.append(given.generation)
        return ""

    async def walk() -> None:
        updater = StoreUpdater(SystemStore(store.name, store.takes, note))
        for given in (installed, installed, second, second):
            updater.follow(given)
            if updater.running:
                await updater.running

    home = Store(tmp_path)
    second = home.install(dataclasses.replace(package, generation=2), now=authority.now)
    asyncio.run(walk())
    assert generations == [1, 2]
