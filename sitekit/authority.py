"""A root certificate with its key, for tests and benches that need certificates and no database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.core import keys
from pki.core.addresses import CentralAddress
from pki.core.database_key import DatabaseKey
from pki.core.keys import KeyType, PrivateKey
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.exchange.package import Package
from pki.issuing import issue

NAMES = {Kind.SERVICE: "rim1.example", Kind.CLIENT: "QlikClient", Kind.CLUSTER: "QlikServiceCluster", Kind.SERVER: "www.example"}
KEY_TYPES = {Kind.SERVICE: KeyType.RSA_2048, Kind.CLIENT: KeyType.EC_P256, Kind.CLUSTER: KeyType.RSA_2048, Kind.SERVER: KeyType.EC_P256}


@dataclass(frozen=True)
class Authority:
    """A root with its key and database key, for tests that need certificates and no database."""

    certificate: x509.Certificate
    key: PrivateKey
    database_key: DatabaseKey
    now: datetime

    def pair(self, kind: Kind, *, common_name: str = "", names: tuple[str, ...] = (), now: datetime | None = None) -> Pair:
        key = keys.generate(KEY_TYPES[kind])
        database_key = self.database_key if kind is Kind.SERVICE else None
        request = issue.Request(kind, common_name or NAMES[kind], names, key.public_key(), 60, database_key)
        plan = issue.prepare(request, issuer_certificate=self.certificate, now=now or self.now)
        return Pair(issue.pem(issue.sign(plan, self.key)), keys.to_pem(key))

    def package(self, **fields: Any) -> Package:
        """A package for the first generation of rim1.example; `fields` replaces other fields."""
        pairs = {kind.value: fields.pop(kind.value, None) or self.pair(kind) for kind in (Kind.SERVICE, Kind.CLIENT, Kind.CLUSTER)}
        plain = {
            "trust_zone": "zone",
            "node": "node",
            "host_name": NAMES[Kind.SERVICE],
            "generation": 1,
            "central_host_name": "central.example",
            "central_addresses": (CentralAddress("127.0.0.1", 1),),
            "roots": (self.certificate.public_bytes(Encoding.PEM),),
            "expires_at": self.now + timedelta(hours=24),
        }
        return Package(**pairs | plain | fields)


def make_authority(name: str = "central.example") -> Authority:
    now = datetime.now(UTC).replace(microsecond=0)
    key = keys.generate(KeyType.EC_P384)
    request = issue.Request(Kind.ROOT, issue.root_name(name), (), key.public_key(), 60)
    plan = issue.prepare(request, issuer_certificate=None, now=now)
    return Authority(x509.load_der_x509_certificate(issue.sign(plan, key)), key, DatabaseKey.generate(), now)
