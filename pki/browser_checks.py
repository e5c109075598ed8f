"""What stands in the way of a browser-facing certificate: each finding in words, with its remedy (S1)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from pki import foreign
from pki.browser_facing import name_of
from pki.findings import Finding
from pki.keys import key_type_of
from pki.roles import ROLE_OID, extension_value, role_of
from pki.verify import is_issued_by

ENDS_SOON, LONGEST_FOR_APPLE = timedelta(days=30), timedelta(days=825)
EXCHANGE = "Ask the certificate authority for another one."


def _ok(code: str, title: str, remedy: str = "") -> Finding:
    return Finding(code, "ok", title, remedy)


def _warning(code: str, title: str, remedy: str) -> Finding:
    return Finding(code, "warning", title, remedy)


def _blocker(code: str, title: str, remedy: str) -> Finding:
    return Finding(code, "blocker", title, remedy)


def checks(chain: Sequence[x509.Certificate], *, has_key: bool, roots: Iterable[x509.Certificate], now: datetime) -> list[Finding]:
    """Everything that can be said without a node. `chain` begins with the leaf; `roots` are this trust zone's own."""
    leaf = chain[0]
    found = [_key(leaf, has_key), _strength(chain), _dates(leaf, now), _purpose(leaf), _usage(leaf), _names(leaf), _signatures(chain)]
    found += [_authority(leaf), _chain(chain, now), _zone(leaf, list(roots)), _length(leaf)]
    return [each for each in found if each is not None]


def _key(leaf: x509.Certificate, has_key: bool) -> Finding:
    if has_key:
        return _ok("private-key", "The private key is there and belongs to it.")
    return _blocker("private-key", "Its private key is not there, or does not open.", "Delete it, and upload it again with its key.")


def key_words(key: Any) -> str:
    """The kind of a key, also of one that browsers do not take."""
    if isinstance(key, rsa.RSAPublicKey):
        return key_type_of(key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key_type_of(key) if isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1) else f"EC {key.curve.name}"
    return str(type(key).__name__.removesuffix("PublicKey").strip("_"))


def _strength(chain: Sequence[x509.Certificate]) -> Finding:
    leaf, *above = chain
    words = key_words(leaf.public_key())
    if foreign.is_too_short(leaf):
        return _blocker("key", f"Its key is {words}, which browsers refuse as too short.", "Have one made for RSA-2048 or longer.")
    short = next((each for each in above if foreign.is_too_short(each)), None)
    if short is not None:
        told = f"The key of its intermediate {name_of(short)} is {key_words(short.public_key())}, which browsers and proxies refuse as too short."
        return _blocker("key", told, EXCHANGE)
    if words.startswith(("RSA-", "EC P-")):
        return _ok("key", f"Its key is {words}.")
    return _blocker(
        "key", f"Its key is {words}, which not every browser and proxy takes.", "Have one made for RSA, or for EC P-256 or P-384."
    )


def _dates(leaf: x509.Certificate, now: datetime) -> Finding:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now > ends:
        return _blocker("dates", f"It expired on {ends:%d %B %Y}.", EXCHANGE)
    if now < begins:
        return _warning(
            "dates",
            f"It is not valid before {begins:%d %B %Y, %H:%M} UTC.",
            "Until then a node serves the trust zone's certificate instead.",
        )
    if ends - now < ENDS_SOON:
        days = (ends - now).days
        return _warning("dates", f"It ends in {days} day{'' if days == 1 else 's'}, on {ends:%d %B %Y}.", "Have its successor made now.")
    return _ok("dates", f"It is valid until {ends:%d %B %Y}.")


def _purpose(leaf: x509.Certificate) -> Finding:
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return _warning(
            "purpose", "It names no purpose, so Apple clients refuse it.", "Ask for one with the purpose server authentication."
        )
    if ExtendedKeyUsageOID.SERVER_AUTH in purposes or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        return _ok("purpose", "It is made for servers.")
    return _blocker("purpose", "It is not made for servers: server authentication is missing.", "Ask for a web server certificate.")


def _usage(leaf: x509.Certificate) -> Finding | None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    if usage.digital_signature:
        return None
    return _blocker(
        "key-usage", "Its key may not sign, and browsers ask for just that.", "Ask for one with the key usage digital signature."
    )


def _names(leaf: x509.Certificate) -> Finding:
    borne = foreign.alternative_names(leaf)
    if borne:
        return _ok("names", f"It is made out to {', '.join(borne[:8])}{' and more' if len(borne) > 8 else ''}.")
    return _blocker(
        "names",
        "It bears no subject alternative name. Browsers read nothing else; the common name does not count.",
        "Ask for one with the host names as subject alternative names.",
    )


def _signatures(chain: Sequence[x509.Certificate]) -> Finding | None:
    weak = next((each for each in chain if foreign.is_weakly_signed(each)), None)
    if weak is None:
        return None
    return _blocker("signature", f"{name_of(weak)} is signed with {foreign.hash_name(weak).upper()}, which browsers refuse.", EXCHANGE)


def _authority(leaf: x509.Certificate) -> Finding | None:
    try:
        is_authority = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if is_authority:
        return _blocker(
            "authority",
            "It is a certificate authority's own certificate, not a server's.",
            "Its key must never be on a proxy. Ask for a web server certificate.",
        )
    return None


def _locations(certificate: x509.Certificate) -> list[str]:
    try:
        told = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    places = [each.access_location for each in told if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS]
    return [each.value for each in places if isinstance(each, x509.UniformResourceIdentifier)]


def _chain(chain: Sequence[x509.Certificate], now: datetime) -> Finding:
    last = chain[-1]
    issuer = last.issuer.rfc4514_string()
    if foreign.is_self_signed(chain[0]):
        return _warning(
            "chain",
            "It is signed by itself: no browser trusts it unless it is told to, one by one.",
            "Ask a certificate authority for one.",
        )
    stale = next((each for each in chain[1:] if not each.not_valid_before_utc <= now <= each.not_valid_after_utc), None)
    if stale is not None:
        return _blocker(
            "chain", f"The intermediate {name_of(stale)} is not valid now.", "Upload it again with the authority's current intermediates."
        )
    if len(chain) > 1:
        return _ok("chain", f"The chain is in order, {len(chain) - 1} intermediate{'' if len(chain) == 2 else 's'} up to {issuer}.")
    where = f" It is to be found at {_locations(last)[0]}." if _locations(last) else ""
    return _warning(
        "chain",
        f"It comes without an intermediate: {issuer} issued it.",
        f"If browsers trust that as a root, all is well. Otherwise upload it again together with that certificate, or they refuse it.{where}",
    )


def _zone(leaf: x509.Certificate, roots: Sequence[x509.Certificate]) -> Finding | None:
    if any(is_issued_by(leaf, root) for root in roots):
        return _warning(
            "trust-zone",
            "This trust zone's own root issued it.",
            "Browsers trust it only where that root is installed; a node serves such a one by itself.",
        )
    if extension_value(leaf, ROLE_OID) is None:
        return None
    return _blocker(
        "trust-zone",
        f"It is a {(role_of(leaf) or 'trust zone').lower()} certificate of another site's trust zone, issued by {leaf.issuer.rfc4514_string()}.",
        "Choose the certificate that was made for browsers, not the one out of the other site's store.",
    )


def _length(leaf: x509.Certificate) -> Finding | None:
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    if life <= LONGEST_FOR_APPLE:
        return None
    return _warning(
        "lifetime",
        f"It is valid for {life.days} days; Apple clients refuse more than {LONGEST_FOR_APPLE.days}.",
        "Ask for a shorter one if such clients come.",
    )


def for_node(leaf: x509.Certificate, *, name: str, host_name: str, further: Sequence[str]) -> Finding:
    """Whether it covers what the node `name` is called; one of its names is enough."""
    covered = [each for each in (host_name, *further) if foreign.covers(leaf, each)]
    if host_name in covered:
        return _ok("names-of-node", f"It covers {host_name}.")
    if covered:
        return _warning(
            "names-of-node", f"It covers {', '.join(covered)}, and not {host_name}.", f"Browsers must call {name} by that name."
        )
    return _blocker(
        "names-of-node",
        f"It covers none of the names of {name}: {', '.join((host_name, *further))}.",
        "Ask for one with that name. A wildcard stands for one label only.",
    )
