"""Fills the certificate stores of Windows, which services there use, with a generated PowerShell script (S3, S6)."""

import contextlib
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from agent.files import write
from agent.store import Installed
from agent.system.folders import NotPossible
from pki.core import keys
from pki.core.keys import PrivateKey
from pki.core.roles import ROLE_OID
from pki.foreign.pfx import PfxForm, pfx_make

ROOTS, MACHINE, USER = r"Cert:\LocalMachine\Root", r"Cert:\LocalMachine\My", r"Cert:\CurrentUser\My"
FOLDER, SCRIPT = "windows-stores", "stores.ps1"
COMMAND = ("powershell.exe", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File")
TIMEOUT_S, OUTPUT_CHARACTERS = 120, 1000
# In PowerShell each of these ends a quoted string, and two of them mean one.
SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"


@dataclass(frozen=True)
class Content:
    """The content for the stores of this machine; a pair is a certificate with its private key.

    Other certificates that `issuers` issued are of this trust zone and are removed.
    """

    trust_zone: str
    issuers: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    machine: Mapping[str, tuple[x509.Certificate, PrivateKey]] = field(repr=False)
    user: Mapping[str, tuple[x509.Certificate, PrivateKey]] = field(repr=False)


@dataclass(frozen=True)
class Work:
    """A script, and the files that it imports, by name. Their password is the first line of the script's input."""

    script: str
    files: Mapping[str, bytes] = field(repr=False)


def quoted(text: str) -> str:
    """`text` as a literal string of PowerShell."""
    return "'" + "".join(symbol * 2 if symbol in SINGLE_QUOTES else symbol for symbol in text) + "'"


def thumbprint(certificate: x509.Certificate) -> str:
    """The name of a certificate in the stores of Windows."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def _hex(der: bytes) -> str:
    """The format of `[BitConverter]::ToString`."""
    return der.hex("-").upper()


def _issuer(root: x509.Certificate) -> str:
    """The issuer name and authority key identifier in certificates of this root. Roots of two zones can have the same name."""
    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    named = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return f"{_hex(root.subject.public_bytes())} {_hex(named.public_bytes())}"


def work(content: Content, *, folder: PurePath, password: str) -> Work:
    """The script, and the files that it expects in `folder`. The script has no secrets, so logs may have it."""
    files, rows = dict[str, bytes](), list[str]()

    def add(store: str, name: str, certificate: x509.Certificate, file: str, der: bytes) -> None:
        files[file] = der
        texts = (store, str(folder / file), thumbprint(certificate), f"{prefix(content.trust_zone)}{name}")
        rows.append("    , @(" + ", ".join(quoted(text) for text in texts) + ")")

    for number, root in enumerate(content.roots, start=1):
        add(ROOTS, "root", root, f"root-{number}.cer", root.public_bytes(Encoding.DER))
    for store, pairs in ((MACHINE, content.machine), (USER, content.user)):
        for name, (certificate, key) in pairs.items():
            packed = pfx_make(certificate, key, password=password, form=PfxForm.LEGACY, name=f"{prefix(content.trust_zone)}{name}")
            add(store, name, certificate, f"{name}.pfx", packed)
    return Work(_script(content, rows), files)


def prefix(trust_zone: str) -> str:
    """The prefix of the friendly names of imported certificates."""
    return f"Trust zone {trust_zone}: "


def _script(content: Content, rows: Iterable[str]) -> str:
    named = {
        "@WANTED@": "\n".join(rows),
        "@PREFIX@": quoted(prefix(content.trust_zone)),
        "@ISSUERS@": "\n".join(f"    {quoted(_issuer(root))}" for root in content.issuers),
        "@ROLE@": quoted(ROLE_OID.dotted_string),
    }
    return re.sub("@[A-Z]+@", lambda found: named[found.group()], TEMPLATE)


TEMPLATE = r"""# Fills the certificate stores of this machine with those of its trust zone. The password of the files comes on standard input.
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0

$secret = New-Object System.Security.SecureString
foreach ($symbol in [Console]::In.ReadLine().ToCharArray()) { $secret.AppendChar($symbol) }
$prefix = @PREFIX@
# Store, file, thumbprint, friendly name.
$certificates = @(
@WANTED@
)
# Name and key identifier of the roots of this trust zone, as their certificates name them.
$issuers = @(
@ISSUERS@
)

function Get-RawExtension($certificate, $oid) {
    foreach ($extension in $certificate.Extensions) {
        if ($extension.Oid.Value -eq $oid) { return [BitConverter]::ToString($extension.RawData) }
    }
    return ''
}

# Whether a certificate is of this trust zone: it has a role (or is the cluster certificate), and one of the roots issued it or its friendly name has the prefix.
function Test-OfThisZone($certificate) {
    $role = Get-RawExtension $certificate @ROLE@
    if ($role -eq '' -and $certificate.Subject -ne 'CN=QlikServiceCluster') { return $false }
    $issuer = [BitConverter]::ToString($certificate.IssuerName.RawData) + ' ' + (Get-RawExtension $certificate '2.5.29.35')
    if ($issuers -contains $issuer) { return $true }
    return ([string]$certificate.FriendlyName).StartsWith($prefix, [StringComparison]::Ordinal)
}

# The user of this script runs the services, so it gets read access to the keys of the machine.
function Grant-Read($certificate) {
    $key = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($certificate)
    if ($null -eq $key) { $key = [Security.Cryptography.X509Certificates.ECDsaCertificateExtensions]::GetECDsaPrivateKey($certificate) }
    if ($key -is [Security.Cryptography.RSACryptoServiceProvider]) { $name = $key.CspKeyContainerInfo.UniqueKeyContainerName }
    else { $name = $key.Key.UniqueName }
    $user = [Security.Principal.WindowsIdentity]::GetCurrent().User
    $rule = New-Object Security.AccessControl.FileSystemAccessRule($user, 'Read', 'Allow')
    $granted = $false
    foreach ($place in 'Microsoft\Crypto\Keys', 'Microsoft\Crypto\RSA\MachineKeys') {
        $file = [IO.Path]::Combine($env:ProgramData, $place, $name)
        if (Test-Path -LiteralPath $file) {
            $list = Get-Acl -LiteralPath $file
            $list.AddAccessRule($rule)
            Set-Acl -LiteralPath $file -AclObject $list
            $granted = $true
        }
    }
    if (-not $granted) { throw "The file of the private key of $($certificate.Thumbprint) was not found." }
}

# Import the new certificates before removing the old ones, so that there is always one.
foreach ($entry in $certificates) {
    $store, $file, $thumbprint, $name = $entry
    $place = "$store\$thumbprint"
    if ($file.EndsWith('.cer', [StringComparison]::Ordinal)) {
        if (-not (Test-Path -LiteralPath $place)) { [void](Import-Certificate -FilePath $file -CertStoreLocation $store) }
    } else {
        if (-not (Test-Path -LiteralPath $place) -or -not (Get-Item -LiteralPath $place).HasPrivateKey) {
            [void](Import-PfxCertificate -FilePath $file -CertStoreLocation $store -Password $secret)
        }
        if ($store.StartsWith('Cert:\LocalMachine\', [StringComparison]::Ordinal)) { Grant-Read (Get-Item -LiteralPath $place) }
    }
    (Get-Item -LiteralPath $place).FriendlyName = $name
}

$kept = @($certificates | ForEach-Object { $_[0] + '\' + $_[2] })
$removed = 0
foreach ($store in 'Cert:\LocalMachine\Root', 'Cert:\LocalMachine\My', 'Cert:\CurrentUser\My') {
    foreach ($certificate in @(Get-ChildItem -LiteralPath $store)) {
        $place = $store + '\' + $certificate.Thumbprint
        if ($kept -contains $place -or -not (Test-OfThisZone $certificate)) { continue }
        if ($certificate.HasPrivateKey) { Remove-Item -LiteralPath $place -DeleteKey } else { Remove-Item -LiteralPath $place }
        $removed += 1
    }
}
Write-Output "$($certificates.Count) certificates in place, $removed earlier ones removed"
"""


def of_installed(installed: Installed) -> Content:
    """The content for the stores from the installed generation. Raises: OSError, PKIError."""

    def pair(certificate: x509.Certificate, file: Path) -> tuple[x509.Certificate, PrivateKey]:
        return certificate, keys.from_pem(file.read_bytes(), own=True)

    cluster = installed.path / "machine/personal/cluster.pem"
    machine = {"service": pair(installed.service, installed.service_pem), "cluster": pair(installed.cluster, cluster)}
    user = {"client": pair(installed.client, installed.client_pem)}
    return Content(installed.trust_zone, installed.roots, installed.roots, machine, user)


def nothing(installed: Installed) -> Content:
    """Content that removes all certificates of the trust zone from the stores."""
    return Content(installed.trust_zone, installed.roots, (), {}, {})


def run(content: Content, home: Path, *, command: tuple[str, ...] = COMMAND) -> str:
    """Write script and files into a folder of `home`, run the script, and delete them. Returns its output. Raises: NotPossible, OSError."""
    folder, password = home.resolve() / FOLDER, secrets.token_urlsafe(32)
    made = work(content, folder=folder, password=password)
    shutil.rmtree(folder, ignore_errors=True)  # of an interrupted run
    try:
        for name, der in made.files.items():
            write(folder / name, der)
        # Windows PowerShell 5.1 reads a file without a byte order mark in the code page of the system.
        write(folder / SCRIPT, b"\xef\xbb\xbf" + made.script.replace("\n", "\r\n").encode())
        return _output((*command, str(folder / SCRIPT)), password)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _output(command: tuple[str, ...], password: str) -> str:
    try:
        ended = subprocess.run(  # noqa: S603
            command, input=f"{password}\n".encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise NotPossible(f"{command[0]} did not end within {TIMEOUT_S} s. The agent tries again in a minute.") from exc
    output = ended.stdout[-OUTPUT_CHARACTERS:].decode(errors="replace").strip()
    if ended.returncode:
        raise NotPossible(
            f"The certificate stores of this machine were not filled: {command[0]} failed with exit code {ended.returncode}. Run the agent's service "
            f"as an administrator or as Local System. Its output: {output}"
        )
    return output


def fill(installed: Installed) -> str:
    """Import the installed generation into the stores. Returns a description of the changes. Raises: NotPossible, OSError, PKIError."""
    return run(of_installed(installed), installed.path.parent.parent)
