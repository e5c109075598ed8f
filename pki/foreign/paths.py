"""The paths from a certificate to the top of the uploaded certificates (RFC 5280 section 6). A renewed or cross-signed intermediate gives several."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pki.foreign.read import ForeignCertificate, comes_from

LONGEST_PATH, MOST_PATHS = 12, 8
MOST_OF_A_NAME, MOST_SIGNATURES = 20, 400


@dataclass(frozen=True)
class Path:
    """A path from the leaf to the top, which is self-signed or has an unknown issuer."""

    certificates: tuple[ForeignCertificate, ...]

    @property
    def leaf(self) -> ForeignCertificate:
        return self.certificates[0]

    @property
    def top(self) -> ForeignCertificate:
        return self.certificates[-1]

    @property
    def root(self) -> ForeignCertificate | None:
        """The self-signed top, which servers do not send: browsers have it, or do not trust it."""
        return self.top if len(self.certificates) > 1 and self.top.is_self_signed else None

    @property
    def sent(self) -> tuple[ForeignCertificate, ...]:
        """The certificates that a proxy sends: the leaf and its intermediates in order."""
        return self.certificates[:-1] if self.root else self.certificates

    @property
    def is_alone(self) -> bool:
        """Whether it is only a leaf with an unknown issuer."""
        return len(self.certificates) == 1 and not self.leaf.is_self_signed

    def rank(self, now: datetime) -> tuple[bool, datetime, int]:
        """For sorting, greater is better: valid now, then valid for longer, then a longer path."""
        return (
            all(certificate.is_valid(now) for certificate in self.certificates),
            min(certificate.not_after for certificate in self.certificates),
            len(self.certificates),
        )


def paths(leaf: ForeignCertificate, others: Sequence[ForeignCertificate], *, now: datetime) -> list[Path]:
    """All paths, at least one, the best first."""
    found = _Search([certificate for certificate in dict.fromkeys(others) if certificate != leaf]).paths(leaf)
    return sorted(found, key=lambda path: path.rank(now), reverse=True)


class _Search:
    """The search for paths. Verification of signatures is slow, so each is verified once, and their number is limited."""

    def __init__(self, others: Sequence[ForeignCertificate]) -> None:
        self.others, self.signatures = others, 0
        self.known: dict[ForeignCertificate, list[ForeignCertificate]] = {}

    def paths(self, leaf: ForeignCertificate) -> list[Path]:
        found = []
        for path in self._from((leaf,)):
            found.append(Path(path))
            if len(found) == MOST_PATHS:
                break
        return found

    def _from(self, path: tuple[ForeignCertificate, ...]) -> Iterator[tuple[ForeignCertificate, ...]]:
        issuers = [] if len(path) > LONGEST_PATH else [candidate for candidate in self._issuers(path[-1]) if candidate not in path]
        for issuer in issuers:
            yield from self._from((*path, issuer))
        if not issuers:
            yield path

    def _issuers(self, of: ForeignCertificate) -> list[ForeignCertificate]:
        if of not in self.known:
            self.known[of] = [] if self._is(of, of) else [issuer for issuer in self._named(of) if self._is(of, issuer)]
        return self.known[of]

    def _named(self, of: ForeignCertificate) -> list[ForeignCertificate]:
        return [other for other in self.others if other.subject.canonical == of.issuer.canonical][:MOST_OF_A_NAME]

    def _is(self, of: ForeignCertificate, issuer: ForeignCertificate) -> bool:
        if of.issuer.canonical != issuer.subject.canonical:
            return False
        self.signatures += 1
        return self.signatures <= MOST_SIGNATURES and comes_from(of, issuer)
