"""The certificates of a node, and for each of them: is it installed there, is it served now, and did the node prove that it has the key?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from certs.models import Certificate
from nodes.models import Node, Observation
from pki.core import clocks
from pki.core.roles import Kind


@dataclass(frozen=True)
class Mark:
    """One answer: a word with its color and icon, and since when it is known."""

    word: str
    color: str
    icon: str
    at: datetime | None = None


@dataclass(frozen=True)
class HeldCertificate:
    """A certificate of the node, and what is known about it on the node. `served` and `proved` are None where the question has no sense."""

    certificate: Certificate
    name: str
    text: str
    installed: Mark
    served: Mark | None
    proved: Mark | None


LATER, NOT_YET = Mark("after the password", "grey", "circle-dashed"), Mark("not yet", "grey", "clock")
NOT_CHECKED, NO_ANSWER = Mark("not checked", "grey", "circle-dashed"), Mark("no answer", "grey", "plug-connected-x")
ANOTHER = Mark("another one", "orange", "replace")


def held_certificates(node: Node) -> list[HeldCertificate]:
    """The certificates of the node, each with what its heartbeat reports about it; empty if it has none of its own."""
    own = Certificate.objects.issued().filter(holder_id=node.pk).order_by("-generation", "-kind")
    if not own:
        return []
    shared = Certificate.objects.issued().filter(kind__in=[Kind.CLUSTER, Kind.ROOT]).order_by("kind")
    return [_held(certificate, node.observed) for certificate in [*own, *shared]]


def _held(certificate: Certificate, seen: Observation | None) -> HeldCertificate:
    name, text = _described(certificate)
    kind = Kind(certificate.kind)
    installed = _installed(certificate, seen)
    served = _served(certificate, seen) if kind == Kind.SERVICE else None
    return HeldCertificate(certificate, name, text, installed, served, None if kind == Kind.ROOT else _proved(certificate, seen))


def _described(certificate: Certificate) -> tuple[str, str]:
    match Kind(certificate.kind):
        case Kind.ROOT:
            return "Root CA", f"{certificate.subject} · {certificate.key_type}"
        case Kind.CLUSTER:
            return "QlikServiceCluster", f"shared by the site · {certificate.key_type}"
        case Kind.SERVICE:
            names = ", ".join(certificate.subject_alternative_names)
            return "Service", f"{names} · {certificate.key_type} · contains the database key"
        case kind:
            return kind.capitalize(), f"{certificate.subject} · {certificate.key_type}"


def _installed(certificate: Certificate, seen: Observation | None) -> Mark:
    if seen is None:
        return LATER
    is_root = certificate.kind == Kind.ROOT
    if certificate.sha256 not in (seen.trusts if is_root else seen.installed.values()):
        return NOT_YET
    return Mark("trusted" if is_root else "installed", "green", "circle-check")


def _served(certificate: Certificate, seen: Observation | None) -> Mark:
    """What the ports present that the agent checks: its own, and those of programs."""
    if seen is None:
        return LATER
    presented = {sha256 for name, sha256 in seen.served.items() if name != "service" or seen.listening}
    if certificate.sha256 in presented:
        return Mark("served", "green", "circle-check")
    if certificate.sha256 not in seen.installed.values():
        return NOT_YET
    return ANOTHER if presented - {None} else NO_ANSWER if presented else NOT_CHECKED


def _proved(certificate: Certificate, seen: Observation | None) -> Mark:
    """When the node last used the private key in a way that the central node verified."""
    if seen is None:
        return LATER
    at = _proved_at(certificate, seen) if certificate.sha256 in seen.installed.values() else None
    return Mark("proved", "green", "circle-check", at) if at else NOT_YET


def _proved_at(certificate: Certificate, seen: Observation) -> datetime | None:
    match Kind(certificate.kind):
        case Kind.SERVICE:  # it decrypted a challenge with the database key, which only the private key unwraps
            return _latest(clocks.parsed(at) for at in seen.proved.values())
        case Kind.CLIENT:  # each call is authenticated with it
            return seen.last_seen_at
        case Kind.CLUSTER:
            return seen.cluster_proved_at if seen.cluster_proved_sha256 == certificate.sha256 else None
    return None


def _latest(times: Iterable[datetime]) -> datetime | None:
    return max(times, default=None)
