"""An export: the files of a service and a client pair in one of two formats, and which password may seal their keys. Pure."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.core import keys, verify
from pki.core.pair import Pair
from pki.foreign import pfx


class Format(StrEnum):
    WINDOWS = "windows"
    PEM = "pem"


@dataclass(frozen=True)
class Content:
    """What goes along, all PEM: the root that issued the service pair first, then any other in force; one list for each that has one."""

    service: Pair
    client: Pair
    roots: tuple[bytes, ...]
    revocation_lists: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Shape:
    """How the files are made. `legacy` seals a PFX for Windows Server 2016 and earlier; `include_ca` puts the roots beside each certificate."""

    format: Format
    password: str = field(repr=False)
    include_ca: bool = False
    legacy: bool = False


def password_problem(password: str, format: Format) -> str:
    """Why `password` cannot seal an export of `format`, and what to do; "" if it can."""
    if not password and format is Format.WINDOWS:
        return "A Windows export needs a password: a PFX file is sealed with it. Type one, or choose PEM."
    return pfx.password_problem(password) if password else ""


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _pfx(pair: Pair, content: Content, shape: Shape) -> bytes:
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    roots = [x509.load_pem_x509_certificate(root) for root in content.roots] if shape.include_ca else []
    return pfx.pfx_make(
        certificate, keys.from_pem(pair.private_key, own=True), password=shape.password, name=pfx.friendly_name(certificate), roots=roots,
        form=pfx.PfxForm.LEGACY if shape.legacy else pfx.PfxForm.AES,
    )  # fmt: skip


def _windows(content: Content, shape: Shape) -> dict[str, bytes]:
    roots = {f"root{f'-{number}' if number > 1 else ''}.cer": _der(root) for number, root in enumerate(content.roots, 1)}
    return roots | {"server.pfx": _pfx(content.service, content, shape), "client.pfx": _pfx(content.client, content, shape)}


def _pem_key(pair: Pair, shape: Shape) -> bytes:
    if not shape.password:
        return pair.private_key
    return keys.to_encrypted_pem(keys.from_pem(pair.private_key, own=True), shape.password.encode())


def _chain(pair: Pair, content: Content, shape: Shape) -> bytes:
    """The certificate, and behind it the root that issued it where that is wanted."""
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    above = (root for root in content.roots if verify.is_issued_by(certificate, x509.load_pem_x509_certificate(root)))
    return pair.certificate + (next(above, b"") if shape.include_ca else b"")


def _pem(content: Content, shape: Shape) -> dict[str, bytes]:
    found = {
        "root.pem": b"".join(content.roots),
        "server.pem": _chain(content.service, content, shape),
        "server_key.pem": _pem_key(content.service, shape),
        "client.pem": _chain(content.client, content, shape),
        "client_key.pem": _pem_key(content.client, shape),
    }
    return found | ({"crl.pem": b"".join(content.revocation_lists)} if content.revocation_lists else {})


def files(content: Content, shape: Shape) -> dict[str, bytes]:
    """The files by name: the five of PEM and crl.pem where there is a list, or root.cer, server.pfx and client.pfx.

    `shape.password` is what `password_problem` accepts; an empty one leaves the keys of PEM in the clear.
    """
    return _windows(content, shape) if shape.format is Format.WINDOWS else _pem(content, shape)


def zipped(folders: Mapping[str, Mapping[str, bytes]], *, now: datetime) -> bytes:
    """One zip with a folder for each machine; files are for their owner alone (0600)."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, content in folders.items():
            for name, data in content.items():
                entry = zipfile.ZipInfo(f"{folder}/{name}", now.timetuple()[:6])
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100600 << 16
                archive.writestr(entry, data)
    return made.getvalue()


def unzipped(archives: Iterable[bytes]) -> dict[str, dict[str, bytes]]:
    """What `zipped` put in, of several: folder → name → content."""
    folders: dict[str, dict[str, bytes]] = {}
    for each in archives:
        with zipfile.ZipFile(io.BytesIO(each)) as archive:
            for path in archive.namelist():
                folder, _, name = path.partition("/")
                folders.setdefault(folder, {})[name] = archive.read(path)
    return folders
