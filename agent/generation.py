"""One installed generation of keys and certificates: which files it has, and what they hold."""

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
    roots: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...]
    service: x509.Certificate
    client: x509.Certificate
    cluster: x509.Certificate

    @property
    def revision(self) -> tuple[int, dict[str, int]]:
        """Changes whenever what is served, trusted or refused does: the generation, and each root's fingerprint with its list's number."""
        numbers = {crl.issuer: revocation.number_of(crl) for crl in self.crls}
        return self.generation, {verify.fingerprint(root): numbers.get(root.subject, 0) for root in self.roots}

    @property
    def service_pem(self) -> Path:
        """Key and chain of the listener in one file."""
        return self.path / SERVICE

    @property
    def browser_pem(self) -> Path:
        """Key and chain of what browsers are shown; replaced in one step, also between two generations."""
        return self.path / BROWSER

    @property
    def browser(self) -> bytes:
        """The first certificate (DER) that browser.pem holds now. Raises: OSError, ValueError."""
        return ber.pem_content(self.browser_pem.read_bytes(), "CERTIFICATE")

    @property
    def browser_revision(self) -> str:
        """Changes whenever browser.pem does, as it is on the disk now. Raises: OSError."""
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
        """Read out of the service certificate with its private key (S16). Raises: DatabaseKeyError."""
        return database_key.read(self.service, self.service_key(), self.database_key_oids)

    def places(self) -> Iterator[tuple[str, Path]]:
        """What was installed where, for a person."""
        yield "Root certificate", self.roots_pem
        yield "Service certificate and key", self.service_pem
        yield "QlikServiceCluster certificate and key", self.path / "machine/personal/cluster.pem"
        yield "Client certificate and key", self.client_pem
        yield "Copies for node.js services", self.path / "exported"


def _manifest(generation: Path) -> dict[str, Any]:
    """Raises: ValueError, KeyError, TypeError."""
    told = json.loads((generation / "manifest.json").read_bytes())
    manifest = {name: str(told[name]) for name in ("trust_zone", "node", "host_name", "central_host_name")}
    addresses = tuple(CentralAddress(*each) for each in told["central_addresses"])
    oids = Oids.parse(*told["database_key_oids"])
    return manifest | {"generation": int(told["generation"]), "central_addresses": addresses, "database_key_oids": oids}


def _check_loads(path: Path) -> None:
    """Raises: SSLError unless OpenSSL loads all that `path` holds."""
    status = path.stat()
    _loaded(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(8)
def _loaded(path: Path, _changed_ns: int, _size: int) -> None:
    """A generation is read twice a second, so a file that has not changed is loaded once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(path) if path.match(ROOTS) else context.load_cert_chain(path)


def _check_pair(path: Path) -> None:
    """Raises: ValueError, PKIError, SSLError, UnsupportedAlgorithm unless `path` holds a certificate and its key, and OpenSSL loads all of it."""
    pem = path.read_bytes()
    if keys.from_pem(pem, own=True).public_key() != x509.load_pem_x509_certificate(pem).public_key():
        raise ValueError("the key does not belong to the certificate")
    _check_loads(path)


def _lists(generation: Path, roots: tuple[x509.Certificate, ...]) -> tuple[x509.CertificateRevocationList, ...]:
    """The lists of a generation; between the replacing of roots and lists one may be of a root that has gone."""
    path = generation / LISTS
    try:
        crls = revocation.load(path.read_bytes()) if path.exists() else ()
    except (ValueError, PKIError):  # damaged: it counts as none, and the next heartbeat fetches it again
        log.warning("%s is damaged; it is fetched again with the next call", path)
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
