"""Exports: the files of a service and a client certificate in one of two formats, and the rules for their password."""

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
    """The content of an export, all PEM: the root that issued the service certificate first, then the other roots; their revocation lists."""

    service: Pair
    client: Pair
    roots: tuple[bytes, ...]
    revocation_lists: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Shape:
    """The options of an export. `legacy` is for PFX files on Windows Server 2016 and earlier; `include_ca` adds the roots to each certificate."""

    format: Format
    password: str = field(repr=False)
    include_ca: bool = False
    legacy: bool = False


def password_problem(password: str, format: Format) -> str:
    """Why `password` cannot encrypt an export of `format`, and what to do; "" if it can."""
    if not password and format is Format.WINDOWS:
        return "A Windows export needs a password, because it encrypts the PFX file. Type one, or choose PEM."
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
    """The certificate, followed by the root that issued it if `include_ca` is set."""
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

    `password_problem` must accept `shape.password`. With an empty one, the keys in PEM files are not encrypted.
    """
    return _windows(content, shape) if shape.format is Format.WINDOWS else _pem(content, shape)


def zipped(folders: Mapping[str, Mapping[str, bytes]], *, now: datetime) -> bytes:
    """One zip with a folder for each machine. Only the owner can read the files (0600)."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, content in folders.items():
            for name, data in content.items():
                entry = zipfile.ZipInfo(f"{folder}/{name}", now.timetuple()[:6])
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100600 << 16
                archive.writestr(entry, data)
    return made.getvalue()


def unzipped(archives: Iterable[bytes]) -> dict[str, dict[str, bytes]]:
    """The content of several archives of `zipped`: folder → name → content."""
    folders: dict[str, dict[str, bytes]] = {}
    for source in archives:
        with zipfile.ZipFile(io.BytesIO(source)) as archive:
            for path in archive.namelist():
                folder, _, name = path.partition("/")
                folders.setdefault(folder, {})[name] = archive.read(path)
    return folders
