"""One installed generation of keys and certificates: its files and their content."""

import functools
import hashlib
import json
import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from agent import damage
from pki.core import ber, database_key, keys, revocation, verify
from pki.core.addresses import CentralAddress
from pki.core.database_key import DatabaseKey, Oids
from pki.core.errors import PKIError
from pki.core.keys import PrivateKey

log = logging.getLogger("agent")
ROOTS, LISTS = "machine/root/roots.pem", "machine/root/crl.pem"
SERVICE, BROWSER = "machine/personal/service.pem", "machine/personal/browser.pem"
CLIENT = "user/personal/client.pem"
COPIES = {ROOTS: "exported/root.pem", LISTS: "exported/crl.pem"}


@dataclass(frozen=True)
class Installed:
    """One installed generation, read from the disk."""

    path: Path
    generation: int
    trust_zone: str
    node: str
    host_name: str
    central_host_name: str
    central_addresses: tuple[CentralAddress, ...]
    database_key_oids: Oids
    nudged_by: tuple[str, ...]
    roots: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...]
    service: x509.Certificate
    client: x509.Certificate
    cluster: x509.Certificate

    @property
    def revision(self) -> tuple[int, dict[str, int]]:
        """The generation, and the number of the revocation list for each root's fingerprint. It changes with all that is served, trusted or revoked."""
        numbers = {crl.issuer: revocation.number_of(crl) for crl in self.crls}
        return self.generation, {verify.fingerprint(root): numbers.get(root.subject, 0) for root in self.roots}

    @property
    def service_pem(self) -> Path:
        """The file with key and chain of the listener."""
        return self.path / SERVICE

    @property
    def browser_pem(self) -> Path:
        """The file with key and chain of the browser certificate. It is replaced in one step, also between two generations."""
        return self.path / BROWSER

    @property
    def browser(self) -> bytes:
        """The first certificate (DER) in browser.pem now. Raises: OSError, ValueError."""
        return ber.pem_content(self.browser_pem.read_bytes(), "CERTIFICATE")

    @property
    def browser_revision(self) -> str:
        """SHA-256 of browser.pem as it is on the disk now. Raises: OSError."""
        return hashlib.sha256(self.browser_pem.read_bytes()).hexdigest()

    @property
    def client_pem(self) -> Path:
        return self.path / CLIENT

    @property
    def roots_pem(self) -> Path:
        return self.path / ROOTS

    def service_key(self) -> PrivateKey:
        return keys.from_pem((self.path / "exported/server_key.pem").read_bytes(), own=True)

    def database_key(self) -> DatabaseKey:
        """The database key, decrypted from the service certificate with its private key (S16). Raises: DatabaseKeyError."""
        return database_key.read(self.service, self.service_key(), self.database_key_oids)

    def places(self) -> Iterator[tuple[str, Path]]:
        """The installed files with their descriptions, for a person."""
        yield "Root certificate", self.roots_pem
        yield "Service certificate and key", self.service_pem
        yield "QlikServiceCluster certificate and key", self.path / "machine/personal/cluster.pem"
        yield "Client certificate and key", self.client_pem
        yield "Copies for node.js services", self.path / "exported"


def _manifest(generation: Path) -> dict[str, Any]:
    """Raises: ValueError, KeyError, TypeError."""
    content = json.loads((generation / "manifest.json").read_bytes())
    manifest = {name: str(content[name]) for name in ("trust_zone", "node", "host_name", "central_host_name")}
    addresses = tuple(CentralAddress(*address) for address in content["central_addresses"])
    oids = Oids.parse(*content["database_key_oids"])
    nudged_by = tuple(map(str, content.get("nudged_by", ())))  # older agents wrote no list
    return manifest | {
        "generation": int(content["generation"]),
        "central_addresses": addresses,
        "database_key_oids": oids,
        "nudged_by": nudged_by,
    }


def _check_loads(path: Path) -> None:
    """Raises: SSLError unless OpenSSL loads everything in `path`."""
    status = path.stat()
    _loaded(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(8)
def _loaded(path: Path, _changed_ns: int, _size: int) -> None:
    """The agent reads a generation twice a second. The cache loads an unchanged file only once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(path) if path.match(ROOTS) else context.load_cert_chain(path)


def _check_pair(path: Path) -> None:
    """Raises: ValueError, PKIError, SSLError, UnsupportedAlgorithm unless `path` has a certificate with its key, and OpenSSL loads both."""
    pem = path.read_bytes()
    if keys.from_pem(pem, own=True).public_key() != x509.load_pem_x509_certificate(pem).public_key():
        raise ValueError("the key does not belong to the certificate")
    _check_loads(path)


def _lists(generation: Path, roots: tuple[x509.Certificate, ...]) -> tuple[x509.CertificateRevocationList, ...]:
    """The revocation lists of a generation. While roots and lists are being replaced, a list of a removed root can be among them; it is left out."""
    path = generation / LISTS
    try:
        crls = revocation.load(path.read_bytes()) if path.exists() else ()
    except (ValueError, PKIError):  # damaged: there is no list then, and the next heartbeat fetches it again
        log.warning("%s is damaged; the next heartbeat fetches it again", path)
        crls = ()
    return tuple(crl for crl in crls if any(crl.issuer == root.subject for root in roots))


def read(home: Path, path: Path) -> Installed:
    """The generation in the folder `path`. Raises: StoreDamaged, OSError."""
    with damage.named(home, path / "manifest.json"):
        manifest = _manifest(path)

    def certificate(name: str) -> x509.Certificate:
        with damage.named(home, path / name):
            return x509.load_pem_x509_certificate((path / name).read_bytes())

    for name in (SERVICE, CLIENT):
        with damage.named(home, path / name):
            _check_pair(path / name)
    with damage.named(home, path / ROOTS):
        roots = tuple(x509.load_pem_x509_certificates((path / ROOTS).read_bytes()))
        _check_loads(path / ROOTS)
    return Installed(
        path=path,
        roots=roots,
        crls=_lists(path, roots),
        service=certificate("exported/server.pem"),
        client=certificate("exported/client.pem"),
        cluster=certificate("machine/personal/cluster.pem"),
        **manifest,
    )
