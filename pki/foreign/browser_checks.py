"""All findings about a browser certificate: OpenSSL's verdict as text, and the further requirements of browsers (S1).

OpenSSL verifies the chain (`agent.handshake`). This module checks the dates, because `now` is a parameter, and what browsers refuse and OpenSSL
accepts.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pki.core import clocks
from pki.core.errors import PKIError
from pki.core.findings import Finding
from pki.foreign import read as foreign
from pki.foreign.paths import Path
from pki.foreign.read import ForeignCertificate
from pki.foreign.refusal import Refusal
from pki.foreign.remedies import Remedy
from pki.foreign.verdict import explained

ENDS_SOON = timedelta(days=30)
LONGEST_OF_PUBLIC_AUTHORITIES, LONGEST_FOR_APPLE = timedelta(days=398), timedelta(days=825)
LEAF_KEYS, ISSUER_KEYS = ("RSA-", "EC P-"), ("RSA-", "EC P-", "EC secp521r1")
LONGEST_RSA_KEY = 8192
LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
HOST_NAME, WILDCARD = re.compile(rf"({LABEL}\.)*{LABEL}", re.IGNORECASE), re.compile(rf"\*\.{LABEL}(\.{LABEL})+", re.IGNORECASE)


def _ok(code: str, title: str) -> Finding:
    return Finding(code, "ok", title)


def _warning(code: str, title: str, remedy: str) -> Finding:
    return Finding(code, "warning", title, remedy)


def _blocker(code: str, title: str, remedy: str) -> Finding:
    return Finding(code, "blocker", title, remedy)


def checks(path: Path, *, has_key: bool, refusal: Refusal | None, roots: Iterable[ForeignCertificate], now: datetime) -> list[Finding]:
    """All findings that do not depend on a node. `refusal` is OpenSSL's, None if it accepts the path; `roots` are those of this trust zone."""
    leaf = path.leaf
    found: list[Finding | None] = [
        _private_key(has_key),
        *_chain(path, refusal, is_judged=has_key),
        _dates(leaf, now),
        *_issuer_dates(path, now),
    ]
    found += [_key(leaf), *_issuer_keys(path), *_purpose(leaf), *_names(leaf), _authority(leaf), _zone(leaf, list(roots)), _length(leaf)]
    return list({finding.title: finding for finding in reversed(found) if finding is not None}.values())[
        ::-1
    ]  # OpenSSL may report the same


def unreadable(reason: PKIError) -> Finding:
    """The finding for a row that cannot be read: it is damaged, or older code wrote it."""
    return _blocker("unreadable", f"It cannot be read. {reason}", Remedy.CHOOSE_AND_DELETE)


def _private_key(has_key: bool) -> Finding:
    if has_key:
        return _ok("private-key", "The private key is there and belongs to it.")
    return _blocker("private-key", "Its private key is not there, or cannot be decrypted.", Remedy.UPLOAD_WITH_KEY)


def _chain(path: Path, refusal: Refusal | None, *, is_judged: bool) -> list[Finding]:
    found = [explained(refusal, path)] if refusal else []
    last, above = path.sent[-1], len(path.sent) - 1
    if path.is_alone:
        where = f" It can be fetched from {last.locations[0]}." if last.locations else ""
        found.append(
            _blocker("chain", f"The intermediate certificate {last.issuer.text}, which issued it, is missing.", Remedy.ADD_ISSUER + where)
        )
    elif path.leaf.is_self_signed:
        found.append(_warning("chain", "It is self-signed: browsers trust it only where it is installed.", Remedy.ADD_AUTHORITY))
    elif is_judged and not found:
        issuers = (
            f"{above} intermediate{'' if above == 1 else 's'} up to {last.issuer.text}"
            if above
            else f"issued by the root {last.issuer.text}"
        )
        found.append(_ok("chain", f"The chain is in order: {issuers}."))
    return found


def _dates(leaf: ForeignCertificate, now: datetime) -> Finding:
    begins, ends = leaf.not_before, leaf.not_after
    if now > ends:
        return _blocker("dates", f"It expired on {clocks.day(ends)}.", Remedy.ANOTHER_CERTIFICATE)
    if now < begins:
        return _warning("dates", f"It is not valid before {clocks.stamp(begins)}.", Remedy.WAIT)
    if ends - now < ENDS_SOON:
        return _warning("dates", f"It expires in {clocks.length(ends - now)}, on {clocks.day(ends)}.", Remedy.SUCCESSOR)
    return _ok("dates", f"It is valid until {clocks.day(ends)}.")


def _issuer_dates(path: Path, now: datetime) -> list[Finding]:
    """The first certificate above the leaf that makes the chain fail now, or soon and before the leaf expires."""
    above = path.certificates[1:]
    for issuer in above:
        if now > issuer.not_after:
            return [_blocker("chain", f"{issuer.name}, in its chain, expired on {clocks.day(issuer.not_after)}.", Remedy.CURRENT_ISSUERS)]
        if now < issuer.not_before:
            return [
                _blocker(
                    "chain", f"{issuer.name}, in its chain, is not valid before {clocks.day(issuer.not_before)}.", Remedy.CURRENT_ISSUERS
                )
            ]
    first = min(above, key=lambda issuer: issuer.not_after, default=path.leaf)
    if first.not_after < path.leaf.not_after and first.not_after - now < ENDS_SOON:
        title = f"{first.name}, in its chain, expires in {clocks.length(first.not_after - now)}, on {clocks.day(first.not_after)}, before the certificate itself."
        return [_warning("chain", title, Remedy.CURRENT_ISSUERS)]
    return []


def _key(leaf: ForeignCertificate) -> Finding:
    words = leaf.key.words
    if leaf.key.is_too_short:
        return _blocker("key", f"Its key is {words}, which browsers refuse as too short.", Remedy.COMMON_KEY)
    if not words.startswith(LEAF_KEYS) or words.startswith(foreign.PSS_WORDS) or leaf.key.bits > LONGEST_RSA_KEY:
        return _blocker("key", f"Its key is {words}. Browsers do not support this key type.", Remedy.COMMON_KEY)
    return _ok("key", f"Its key is {words}.")


def _issuer_keys(path: Path) -> list[Finding]:
    for certificate in path.certificates[1:]:
        if certificate.key.is_too_short:
            title = (
                f"The key of {certificate.name}, in its chain, is {certificate.key.words}, which browsers and proxies refuse as too short."
            )
            return [_blocker("key", title, Remedy.ANOTHER_CERTIFICATE)]
        if not certificate.key.words.startswith(ISSUER_KEYS) or certificate.key.words.startswith(foreign.PSS_WORDS):
            title = f"The key of {certificate.name}, in its chain, is {certificate.key.words}. Browsers do not support this key type."
            return [_blocker("key", title, Remedy.ANOTHER_CERTIFICATE)]
    return [
        _blocker("signature", f"{link.name} is signed with {link.hash_name.upper()}, which browsers refuse.", Remedy.ANOTHER_CERTIFICATE)
        for link in path.sent
        if link.is_weakly_signed and not link.is_self_signed
    ][:1]


def _purpose(leaf: ForeignCertificate) -> list[Finding]:
    """Findings about the purpose. OpenSSL itself refuses certificates for clients only."""
    found = []
    if leaf.purposes is None:
        found.append(_warning("purpose", "It names no purpose, so Apple clients refuse it.", Remedy.SERVER_CERTIFICATE))
    if not leaf.may_sign:
        title = "Its key usage does not include digital signature, which browsers ask for."
        found.append(_blocker("key-usage", title, Remedy.SERVER_CERTIFICATE))
    if leaf.must_staple:
        found.append(_warning("staple", "Some browsers refuse it without a stapled OCSP response, because it asks for one.", Remedy.STAPLE))
    return found


def hosts(leaf: ForeignCertificate) -> list[str]:
    """The names that browsers match with a host: host names, wildcards with two or more labels below, addresses."""
    return [name for name in leaf.dns_names if _is_host(name)] + leaf.addresses


def _is_host(name: str) -> bool:
    # Browsers read a host that ends in a number as an address.
    return bool(HOST_NAME.fullmatch(name) or WILDCARD.fullmatch(name)) and not name.rpartition(".")[2].isdigit()


def example_name(leaf: ForeignCertificate) -> str:
    """A host name for a server with this certificate, "" if there is none."""
    return next((name.replace("*", "any", 1) for name in hosts(leaf)), "")


def _names(leaf: ForeignCertificate) -> list[Finding]:
    names, useless = hosts(leaf), [name for name in leaf.dns_names if not _is_host(name)]
    if not leaf.names:
        return [_blocker("names", "It has no subject alternative name for a host. Browsers ignore the common name.", Remedy.HOST_NAMES)]
    quoted = ", ".join(f"“{name[:80]}”" for name in useless[:5])
    if not names:
        return [_blocker("names", f"Browsers match no host with its names: {quoted}.", Remedy.HOST_NAMES)]
    found = [_ok("names", f"Its names are {', '.join(names[:8])}{' and more' if len(names) > 8 else ''}.")]
    if useless:
        found.append(_warning("names", f"Browsers match no host with {quoted}.", Remedy.HOST_NAMES))
    return found


def _authority(leaf: ForeignCertificate) -> Finding | None:
    if not leaf.is_authority:
        return None
    return _blocker("authority", "It is the certificate of a certificate authority, not of a server.", Remedy.SERVER_CERTIFICATE)


def _zone(leaf: ForeignCertificate, roots: Sequence[ForeignCertificate]) -> Finding | None:
    if any(foreign.comes_from(leaf, root) for root in roots):
        return _warning("trust-zone", "This trust zone's own root issued it.", Remedy.TRUST_ROOT)
    if leaf.role is None:
        return None
    title = f"It is a {(leaf.role or 'trust zone').lower()} certificate of another site's trust zone, issued by {leaf.issuer.text}."
    return _blocker("trust-zone", title, Remedy.SITE_CERTIFICATE)


def _length(leaf: ForeignCertificate) -> Finding | None:
    life = leaf.not_after - leaf.not_before
    if life <= LONGEST_OF_PUBLIC_AUTHORITIES:
        return None
    public = f"It is valid for {life.days} days. Browsers refuse more than {LONGEST_OF_PUBLIC_AUTHORITIES.days} from public authorities"
    if life <= LONGEST_FOR_APPLE:
        return _warning("lifetime", f"{public}.", Remedy.SHORTER)
    return _warning("lifetime", f"{public}, and Apple clients more than {LONGEST_FOR_APPLE.days} from any.", Remedy.SHORTER)


def for_node(leaf: ForeignCertificate, *, name: str, host_name: str, further: Sequence[str]) -> Finding:
    """Whether it has a name of the node `name`. One is enough."""
    covered = [host for host in (host_name, *further) if foreign.covers(leaf, host)]
    if host_name in covered:
        return _ok("names-of-node", f"It covers {host_name}.")
    if covered:
        title = f"It covers {', '.join(covered)}, and not {host_name}."
        return _warning("names-of-node", title, Remedy.CALL_BY_THAT_NAME)
    title = f"It covers none of the names of {name}: {', '.join((host_name, *further))}."
    return _blocker("names-of-node", title, Remedy.NAME_OF_NODE)
