"""Whether a browser certificate can be used: OpenSSL's verdict on the bytes that a node would get, and the further rules of browsers (S1)."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from threading import Lock

from cryptography import x509
from django.conf import settings

from agent import handshake
from certs.certificates.issuer import roots_in_force
from certs.models import Certificate
from nodes.models import BrowserCertificate, Node
from pki.core.errors import PKIError
from pki.core.findings import Finding
from pki.foreign import browser_checks
from pki.foreign import private_key as foreign_key
from pki.foreign import read as foreign
from pki.foreign.browser_facing import bundle
from pki.foreign.paths import Path
from pki.foreign.private_key import ForeignPrivateKey
from pki.foreign.read import ForeignCertificate
from pki.foreign.refusal import Refusal
from pki.foreign.verdict import explained
from sealing.errors import TrustZoneError

MOST_KEPT, MOST_ROOTS = 500, 8


def judge(path: Path, key: ForeignPrivateKey, *, name: str | None = None) -> Refusal | None:
    """OpenSSL's reason to refuse the path with this key, for `name` or any of its own names; None if it accepts it."""
    host_name = browser_checks.example_name(path.leaf) if name is None else name
    anchor = None if path.is_alone else path.top.der
    return handshake.refusal(bundle(path, key), anchor=anchor, name=host_name, folder=settings.NODE_STORE)


def key_of(certificate: BrowserCertificate) -> bytes | None:
    """Its private key (PEM); None if it cannot be decrypted."""
    try:
        opened: bytes | None = certificate.private_key.open() if certificate.private_key else None
    except (TrustZoneError, PKIError):
        return None
    return opened


def private_key_of(certificate: BrowserCertificate) -> ForeignPrivateKey | None:
    """The same as a key object; None also if its type is unknown."""
    return _read_key(key_of(certificate))


def _read_key(pem: bytes | None) -> ForeignPrivateKey | None:
    try:
        return foreign_key.from_pem(pem) if pem else None
    except PKIError:
        return None


@dataclass(frozen=True)
class Judged:
    """A path, whether its private key is there and belongs to it, and OpenSSL's reason to refuse both. The time decides nothing of this."""

    path: Path
    has_key: bool
    refusal: Refusal | None

    def findings(self, *, now: datetime, roots: Sequence[Certificate] | None = None) -> list[Finding]:
        """Everything that can be said without asking for which node it is. `roots` in force, where the caller has them already."""
        own = [_read_root(root.x509()) for root in (roots_in_force() if roots is None else roots)]
        return browser_checks.checks(self.path, has_key=self.has_key, refusal=self.refusal, roots=own, now=now)


def _judged(path: Path, key: ForeignPrivateKey | None) -> Judged:
    fits = key is not None and key.public == path.leaf.key
    return Judged(path, fits, judge(path, key) if key is not None and fits else None)


_kept: OrderedDict[bytes, Judged] = OrderedDict()  # by the digest of the certificates and the key, which nothing else influences
_keeping = Lock()


def _judged_once(certificate: BrowserCertificate) -> Judged:
    """The same for a stored certificate. Each process keeps the last MOST_KEPT, because each takes a handshake. Raises: PKIError."""
    key = key_of(certificate)
    content = json.dumps([certificate.certificates, certificate.root, hashlib.sha256(key or b"").hexdigest()])
    digest = hashlib.sha256(content.encode()).digest()
    with _keeping:
        found = _kept.get(digest)
    if found is None:
        found = _judged(certificate.path(), _read_key(key))
        with _keeping:
            _kept[digest] = found
            if len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
    return found


@lru_cache(maxsize=MOST_ROOTS)
def _read_root(root: x509.Certificate) -> ForeignCertificate:
    return foreign.from_x509(root)


def findings(certificate: BrowserCertificate, *, now: datetime, roots: Sequence[Certificate] | None = None) -> list[Finding]:
    """All findings about a certificate that do not depend on a node."""
    try:
        found = _judged_once(certificate)
    except PKIError as exc:
        return [browser_checks.unreadable(exc)]
    return found.findings(now=now, roots=roots)


def blockers(certificate: BrowserCertificate, *, now: datetime, roots: Sequence[Certificate] | None = None) -> list[Finding]:
    """The findings that block its use on any node."""
    return [finding for finding in findings(certificate, now=now, roots=roots) if finding.level == "blocker"]


def blockers_when_chosen(node: Node, certificate: BrowserCertificate, *, roots: Sequence[Certificate] | None = None) -> list[Finding]:
    """Its blockers at the moment when both the certificate and the choice for `node` existed."""
    met = max(moment for moment in (certificate.created_at, certificate.not_before, node.browser_chosen_at) if moment is not None)
    return [finding for finding in findings(certificate, now=met, roots=roots) if finding.level == "blocker"]


def names_findings(certificate: BrowserCertificate, nodes: Sequence[Node]) -> list[Finding]:
    """For each of `nodes`, the finding on whether the certificate covers a name of it."""
    try:
        path = certificate.path()
    except PKIError as exc:
        return [browser_checks.unreadable(exc)] * len(nodes)
    return [names_finding(path, node) for node in nodes]


def names_finding(path: Path, node: Node) -> Finding:
    return browser_checks.for_node(path.leaf, name=node.name, host_name=node.host_name, further=node.subject_alternative_names)


def findings_for(path: Path, key: ForeignPrivateKey | None, node: Node, *, now: datetime) -> list[Finding]:
    """All findings about a path for `node`. OpenSSL verifies it with a name of the node, as browsers do."""
    found, named = _judged(path, key).findings(now=now), names_finding(path, node)
    covered = [host_name for host_name in (node.host_name, *node.subject_alternative_names) if foreign.covers(path.leaf, host_name)]
    if key is None or not covered or any(finding.level == "blocker" for finding in found):
        return [*found, named]
    refused = [judge(path, key, name=host_name) for host_name in covered]
    return [*found, named] if None in refused else [*found, named, *map(partial(explained, path=path), filter(None, refused[:1]))]
