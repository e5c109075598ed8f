"""What stands in the way of a browser-facing certificate: each finding in words, with its remedy (S1)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import foreign
from pki.errors import PKIError
from pki.findings import Finding
from pki.foreign import ForeignCertificate

ENDS_SOON, LONGEST_FOR_APPLE = timedelta(days=30), timedelta(days=825)
SERVER_AUTH, ANY_PURPOSE = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string
EXCHANGE = "Ask the certificate authority for another one."


def _ok(code: str, title: str, remedy: str = "") -> Finding:
    return Finding(code, "ok", title, remedy)


def _warning(code: str, title: str, remedy: str) -> Finding:
    return Finding(code, "warning", title, remedy)


def _blocker(code: str, title: str, remedy: str) -> Finding:
    return Finding(code, "blocker", title, remedy)


def checks(chain: Sequence[ForeignCertificate], *, has_key: bool, roots: Iterable[ForeignCertificate], now: datetime) -> list[Finding]:
    """Everything that can be said without a node. `chain` begins with the leaf; `roots` are this trust zone's own."""
    leaf = chain[0]
    found = [_key(leaf, has_key), _strength(chain), _dates(leaf, now), _purpose(leaf), _usage(leaf), _names(leaf), _signatures(chain)]
    found += [_authority(leaf), _chain(chain, now), _zone(leaf, list(roots)), _length(leaf)]
    return [each for each in found if each is not None]


def unreadable(reason: PKIError) -> Finding:
    """Of a row that older code kept, or that was damaged."""
    return _blocker("unreadable", f"It cannot be read. {reason}", "Choose another certificate where this one is chosen, then delete it.")


def _key(leaf: ForeignCertificate, has_key: bool) -> Finding:
    if has_key:
        return _ok("private-key", "The private key is there and belongs to it.")
    return _blocker("private-key", "Its private key is not there, or does not open.", "Delete it, and upload it again with its key.")


def _strength(chain: Sequence[ForeignCertificate]) -> Finding:
    leaf, *above = chain
    words = leaf.key.words
    if leaf.key.is_too_short:
        return _blocker("key", f"Its key is {words}, which browsers refuse as too short.", "Have one made for RSA-2048 or longer.")
    short = next((each for each in above if each.key.is_too_short), None)
    if short is not None:
        told = f"The key of its intermediate {short.name} is {short.key.words}, which browsers and proxies refuse as too short."
        return _blocker("key", told, EXCHANGE)
    if words.startswith(("RSA-", "EC P-")):
        return _ok("key", f"Its key is {words}.")
    return _blocker(
        "key", f"Its key is {words}, which not every browser and proxy takes.", "Have one made for RSA, or for EC P-256 or P-384."
    )


def _dates(leaf: ForeignCertificate, now: datetime) -> Finding:
    begins, ends = leaf.not_before, leaf.not_after
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


def _purpose(leaf: ForeignCertificate) -> Finding:
    if leaf.purposes is None:
        return _warning(
            "purpose", "It names no purpose, so Apple clients refuse it.", "Ask for one with the purpose server authentication."
        )
    if {SERVER_AUTH, ANY_PURPOSE} & {*leaf.purposes}:
        return _ok("purpose", "It is made for servers.")
    return _blocker("purpose", "It is not made for servers: server authentication is missing.", "Ask for a web server certificate.")


def _usage(leaf: ForeignCertificate) -> Finding | None:
    if leaf.may_sign:
        return None
    return _blocker(
        "key-usage", "Its key may not sign, and browsers ask for just that.", "Ask for one with the key usage digital signature."
    )


def _names(leaf: ForeignCertificate) -> Finding:
    borne = leaf.names
    if borne:
        return _ok("names", f"It is made out to {', '.join(borne[:8])}{' and more' if len(borne) > 8 else ''}.")
    return _blocker(
        "names",
        "It bears no subject alternative name. Browsers read nothing else; the common name does not count.",
        "Ask for one with the host names as subject alternative names.",
    )


def _signatures(chain: Sequence[ForeignCertificate]) -> Finding | None:
    weak = next((each for each in chain if each.is_weakly_signed), None)
    if weak is None:
        return None
    return _blocker("signature", f"{weak.name} is signed with {weak.hash_name.upper()}, which browsers refuse.", EXCHANGE)


def _authority(leaf: ForeignCertificate) -> Finding | None:
    if leaf.is_authority:
        return _blocker(
            "authority",
            "It is a certificate authority's own certificate, not a server's.",
            "Its key must never be on a proxy. Ask for a web server certificate.",
        )
    return None


def _chain(chain: Sequence[ForeignCertificate], now: datetime) -> Finding:
    last = chain[-1]
    issuer = last.issuer.text
    if chain[0].is_self_signed:
        return _warning(
            "chain",
            "It is signed by itself: no browser trusts it unless it is told to, one by one.",
            "Ask a certificate authority for one.",
        )
    stale = next((each for each in chain[1:] if not each.is_valid(now)), None)
    if stale is not None:
        return _blocker(
            "chain", f"The intermediate {stale.name} is not valid now.", "Upload it again with the authority's current intermediates."
        )
    if len(chain) > 1:
        return _ok("chain", f"The chain is in order, {len(chain) - 1} intermediate{'' if len(chain) == 2 else 's'} up to {issuer}.")
    where = f" It is to be found at {last.locations[0]}." if last.locations else ""
    return _warning(
        "chain",
        f"It comes without an intermediate: {issuer} issued it.",
        f"If browsers trust that as a root, all is well. Otherwise upload it again together with that certificate, or they refuse it.{where}",
    )


def _zone(leaf: ForeignCertificate, roots: Sequence[ForeignCertificate]) -> Finding | None:
    if any(foreign.comes_from(leaf, root) for root in roots):
        return _warning(
            "trust-zone",
            "This trust zone's own root issued it.",
            "Browsers trust it only where that root is installed; a node serves such a one by itself.",
        )
    if leaf.role is None:
        return None
    return _blocker(
        "trust-zone",
        f"It is a {(leaf.role or 'trust zone').lower()} certificate of another site's trust zone, issued by {leaf.issuer.text}.",
        "Choose the certificate that was made for browsers, not the one out of the other site's store.",
    )


def _length(leaf: ForeignCertificate) -> Finding | None:
    life = leaf.not_after - leaf.not_before
    if life <= LONGEST_FOR_APPLE:
        return None
    return _warning(
        "lifetime",
        f"It is valid for {life.days} days; Apple clients refuse more than {LONGEST_FOR_APPLE.days}.",
        "Ask for a shorter one if such clients come.",
    )


def for_node(leaf: ForeignCertificate, *, name: str, host_name: str, further: Sequence[str]) -> Finding:
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
