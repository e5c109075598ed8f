"""The verdict on chains: OpenSSL's program verifies all accepted chains, and blocked chains are refused by it or by an own rule."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path as Folder

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent import handshake
from pki.core.findings import Finding
from pki.foreign import browser_checks, browser_facing
from pki.foreign import private_key as foreign_key
from pki.foreign.browser_facing import ServerPair
from pki.foreign.paths import Path
from pki.foreign.refusal import Refusal
from pki.foreign.remedies import Remedy
from pki.foreign.uploaded import File
from pki.foreign.verdict import WORDS, explained
from tests.foreign_files import ODD, resigned, with_extension
from tests.public_authority import NOW, Signed, intermediate, p256, root, sign
from tests.verdict import judge

DAY = timedelta(days=1)
NO_TEXT = "bytes that are no UTF-8"  # OpenSSL cannot compare such a name, and loads no certificate with it
CLIENTS = (ExtendedKeyUsageOID.CLIENT_AUTH,)


def authority(name: str = "CA", issuer: Signed | None = None, **more: object) -> Signed:
    asked = {"key": p256(sum(name.encode())), "names": (), "ca": True, "purposes": (), "usage": ("key_cert_sign", "crl_sign"), "days": 3000}
    return sign(name, issuer=issuer or root(), **(asked | more))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Brought:
    """Uploaded files: certificates, the leaf first, and its key."""

    certificates: list[bytes]
    key: object

    def pair(self, now: datetime = NOW) -> ServerPair:
        content = foreign_key.of(self.key).pem + b"".join(self.certificates)
        return browser_facing.upload([File("all.pem", content)], "", kept=lambda leaf: (), judge=judge, now=now)

    def findings(self, now: datetime = NOW) -> list[Finding]:
        pair = self.pair(now)
        return browser_checks.checks(pair.path, has_key=True, refusal=judge(pair.path, pair.key), roots=[], now=now)

    def levels(self) -> dict[str, str]:
        return {finding.code: finding.level for finding in self.findings() if finding.level != "ok"}


def brought(leaf: Signed, *above: Signed) -> Brought:
    return Brought([certificate.pem for certificate in (leaf, *above)], leaf.key)


def constrained(*permitted: str) -> x509.NameConstraints:
    return x509.NameConstraints([x509.DNSName(name) for name in permitted], None)


def under(issuer: Signed, *above: Signed, **more: object) -> Brought:
    return brought(sign(issuer=issuer, key=p256(5), **more), issuer, *above)  # type: ignore[arg-type]


def renewed(*, expired_first: bool) -> Brought:
    """Two intermediates with the same name and key. One has expired."""
    old, new = authority(begins=NOW - 91 * DAY, days=90), authority()
    above = (old, new) if expired_first else (new, old)
    return under(new, *above)


def cross_signed() -> Brought:
    """The issuer of the intermediate as a root, and the same signed by an older, expired root."""
    old = sign("Old Root", key=p256(71), names=(), ca=True, purposes=(), usage=("key_cert_sign",), begins=NOW - 400 * DAY, days=300)
    young = sign("Young Root", key=p256(72), names=(), ca=True, purposes=(), usage=("key_cert_sign",), days=4000)
    crossed = sign(
        "Young Root", issuer=old, key=p256(72), names=(), ca=True, purposes=(), usage=("key_cert_sign",), begins=NOW - 400 * DAY, days=300
    )
    issuing = authority("Issuing", young)
    return under(issuing, crossed, old, young)


def same_name_other_key() -> Brought:
    """A new root with the same name instead of the one that issued."""
    other = sign("Public Root", key=p256(73), names=(), ca=True, purposes=(), usage=("key_cert_sign",), days=4000)
    return under(intermediate(), other)


def odd(change: str) -> Brought:
    leaf = sign(issuer=intermediate(), key=p256(5))
    return Brought([resigned(leaf, intermediate(), ODD[change]), intermediate().pem], leaf.key)


def with_unknown(*, critical: bool) -> Brought:
    leaf = sign(issuer=intermediate(), key=p256(5))
    flag = b"\x01\x01\xff" if critical else b""
    changed = resigned(leaf, intermediate(), lambda signed: with_extension(signed, "2b060104018f3f07", b"\x05\0", critical=flag))
    return Brought([changed, intermediate().pem], leaf.key)


def case_of_names() -> Brought:
    """The issuer's name in another case and with more spaces, which OpenSSL and browsers ignore."""
    issuing = authority("Public  ca 9")
    leaf = sign(issuer=authority("PUBLIC CA 9", key=issuing.key), key=p256(5))
    return brought(leaf, issuing)


def signed_with(key: object, hashed: object) -> Brought:
    issuing = authority("Issuing", key=key)
    return under(issuing, hashed=hashed)


# What is brought → the findings that are not fine. OpenSSL's program must agree about each chain.
GOOD: dict[str, tuple[Callable[[], Brought], dict[str, str]]] = {
    "leaf and intermediate": (lambda: under(intermediate()), {}),
    "with the root": (lambda: under(intermediate(), root()), {}),
    "issued by the root, which came along": (lambda: under(root()), {}),
    "two intermediates in the wrong order": (lambda: under(authority("Low", authority("High")), root(), authority("High")), {}),
    "an expired twin first": (lambda: renewed(expired_first=True), {}),
    "an expired twin second": (lambda: renewed(expired_first=False), {}),
    "a cross-signed root of which one way has expired": (cross_signed, {}),
    "a root of the same name that did not issue": (same_name_other_key, {}),
    "names in another case": (case_of_names, {}),
    "a stranger": (lambda: under(intermediate(), authority("Stranger", authority("Elsewhere"))), {}),
    "an extension that nobody knows, not critical": (lambda: with_unknown(critical=False), {}),
    "name constraints that allow it": (lambda: under(authority(further=(constrained("example"),))), {}),
    "an intermediate for servers": (lambda: under(authority(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,))), {}),
    "an RSA intermediate": (lambda: signed_with(rsa.generate_private_key(65537, 2048), hashes.SHA256()), {}),
    "a P-384 intermediate": (lambda: signed_with(ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()), {}),
    "a P-521 intermediate": (lambda: signed_with(ec.generate_private_key(ec.SECP521R1()), hashes.SHA512()), {}),
    "an RSA key": (lambda: brought(sign(issuer=intermediate(), key=rsa.generate_private_key(65537, 2048)), intermediate()), {}),
    "an exponent of 3": (lambda: brought(sign(issuer=intermediate(), key=rsa.generate_private_key(3, 2048)), intermediate()), {}),
    "an address": (lambda: under(intermediate(), names=("10.1.2.3", "2001:db8::1")), {}),
    "a wildcard": (lambda: under(intermediate(), names=("*.corp.example",)), {}),
    "self-signed": (lambda: brought(sign(key=p256(5))), {"chain": "warning"}),
    "an intermediate that expires in four days": (lambda: under(authority(begins=NOW - 26 * DAY, days=30)), {"chain": "warning"}),
    "an intermediate that expires in 40 days": (lambda: under(authority(begins=NOW - 20 * DAY, days=60)), {}),
    "both expire soon, the intermediate last": (lambda: under(authority(begins=NOW - 20 * DAY, days=30), days=5), {"dates": "warning"}),
    "an address as a DNS name before others": (lambda: under(intermediate(), further=(as_dns("10.1.2.3", "www.example"),), names=()), {"names": "warning"}),
    "a name that matches no host beside one that does": (lambda: under(intermediate(), names=("*", "www.example")), {"names": "warning"}),
    **{name: (lambda name=name: odd(name), {}) for name in ODD if name != NO_TEXT},
}  # fmt: skip
BAD: dict[str, tuple[Callable[[], Brought], dict[str, str], str]] = {
    "a leaf alone": (lambda: brought(sign(issuer=intermediate(), key=p256(5))), {"chain": "blocker"}, "CN=Public CA 7, which issued it, is missing"),
    "the middle is missing": (lambda: brought(sign(issuer=authority("Low", authority("High")), key=p256(5)), authority("High"), root()), {"chain": "blocker"}, "CN=Low, which issued it, is missing"),
    "an issuer that is no authority": (lambda: under(authority("www", ca=False)), {"chain": "blocker"}, "www is not a certificate authority"),
    "an intermediate for clients": (lambda: under(authority(purposes=CLIENTS)), {"purpose": "blocker"}, "CA is not made for servers"),
    "for clients": (lambda: under(intermediate(), purposes=CLIENTS), {"purpose": "blocker"}, "www.example is not made for servers"),
    "a critical extension that nobody knows": (lambda: with_unknown(critical=True), {"chain": "blocker"}, "1.3.6.1.4.1.1983.7"),
    "another one below than allowed": (lambda: under(authority("Low", tight()), tight()), {"chain": "blocker"}, "this many others below"),
    "name constraints that do not allow it": (lambda: under(authority(further=(constrained("corp.example"),))), {"chain": "blocker"}, "name constraints"),
    "name constraints of the root": (lambda: under(authority("Low", narrow()), narrow()), {"chain": "blocker"}, "name constraints"),
    NO_TEXT: (lambda: odd(NO_TEXT), {"chain": "blocker"}, "OpenSSL refuses it"),
    "an RSA-1024 intermediate": (lambda: signed_with(rsa.generate_private_key(65537, 1024), hashes.SHA256()), {"key": "blocker"}, "RSA-1024"),
}  # fmt: skip
# What OpenSSL takes and browsers do not.
OURS: dict[str, tuple[Callable[[], Brought], dict[str, str], str]] = {
    "an expired intermediate": (lambda: under(authority(begins=NOW - 91 * DAY, days=90)), {"chain": "blocker"}, "expired on 23 Nov 2026"),
    "an intermediate of tomorrow": (lambda: under(authority(begins=NOW + DAY)), {"chain": "blocker"}, "is not valid before 25 Nov 2026"),
    "an expired root that came along": (lambda: under(authority("Low", stale_root()), stale_root()), {"chain": "blocker"}, "Stale Root, in its chain, expired"),
    "an Ed25519 intermediate": (lambda: signed_with(ed25519.Ed25519PrivateKey.generate(), None), {"key": "blocker"}, "Ed25519"),
    "an Ed448 intermediate": (lambda: signed_with(ed448.Ed448PrivateKey.generate(), None), {"key": "blocker"}, "Ed448"),
    "an Ed25519 key": (lambda: brought(sign(issuer=intermediate(), key=ed25519.Ed25519PrivateKey.generate()), intermediate()), {"key": "blocker"}, "Ed25519"),
    "no name": (lambda: under(intermediate(), names=()), {"names": "blocker"}, "no subject alternative name"),
    "an address as a DNS name": (lambda: under(intermediate(), further=(as_dns("10.1.2.3"),), names=()), {"names": "blocker"}, "“10.1.2.3”"),
    "names that match no host": (lambda: under(intermediate(), names=("*", "*.example", "a b", "w*.corp.example")), {"names": "blocker"}, "“*”, “*.example”, “a b”"),
}  # fmt: skip


def as_dns(*names: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])


def tight() -> Signed:
    return ca_with(x509.BasicConstraints(True, 0))


def narrow() -> Signed:
    return sign(
        "Narrow Root",
        key=p256(81),
        names=(),
        ca=True,
        purposes=(),
        usage=("key_cert_sign",),
        days=3000,
        further=(constrained("corp.example"),),
    )


def stale_root() -> Signed:
    return sign("Stale Root", key=p256(82), names=(), ca=True, purposes=(), usage=("key_cert_sign",), begins=NOW - 400 * DAY, days=300)


def ca_with(basic: x509.BasicConstraints) -> Signed:
    """An authority with path length 0."""
    plain = authority("High")
    builder = x509.CertificateBuilder(
        plain.certificate.issuer, plain.certificate.subject, plain.key.public_key(), 77, plain.certificate.not_valid_before_utc,
        plain.certificate.not_valid_after_utc,
    )  # fmt: skip
    return Signed(builder.add_extension(basic, critical=True).sign(root().key, hashes.SHA256()), plain.key)


def program(files: Brought, folder: Folder, *, now: datetime = NOW) -> bool:
    """Whether `openssl verify` accepts the sent certificates, with the uploaded top as trust anchor."""
    path = files.pair(now).path
    (folder / "leaf.pem").write_bytes(path.leaf.pem)
    (folder / "above.pem").write_bytes(b"".join(certificate.pem for certificate in path.sent[1:]) or path.leaf.pem)
    (folder / "top.pem").write_bytes(path.top.pem)
    options = [
        "-partial_chain",
        "-purpose",
        "sslserver",
        "-auth_level",
        "2",
        "-attime",
        str(int(now.timestamp())),
        "-no-CAfile",
        "-no-CApath",
    ]
    asked = ["openssl", "verify", *options, "-untrusted", "above.pem", "-trusted", "top.pem", "leaf.pem"]
    return subprocess.run(asked, cwd=folder, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("case", GOOD)
def test_openssl_agrees_with_accepted_chains(case: str, tmp_path: Folder) -> None:
    files, expected = GOOD[case][0](), GOOD[case][1]
    assert files.levels() == expected
    assert program(files, tmp_path)


@pytest.mark.parametrize("case", BAD)
def test_a_chain_that_openssl_refuses_is_blocked_with_the_reason(case: str, tmp_path: Folder) -> None:
    make, expected, words = BAD[case]
    files = make()
    found = [finding for finding in files.findings() if finding.level != "ok"]
    assert {finding.code: finding.level for finding in found} == expected
    assert words in " ".join(finding.title for finding in found)
    assert all(finding.remedy for finding in found)
    assert files.pair().path.is_alone or not program(files, tmp_path)


@pytest.mark.parametrize("case", OURS)
def test_chains_that_only_browsers_refuse_are_blocked(case: str) -> None:
    make, expected, words = OURS[case]
    files = make()
    found = [finding for finding in files.findings() if finding.level != "ok"]
    assert {finding.code: finding.level for finding in found} == expected
    assert words in " ".join(finding.title for finding in found)


def test_dsa_is_no_key_for_browsers() -> None:
    made = sign(key=dsa.generate_private_key(2048))
    assert brought_levels(made)["key"] == "blocker"


def brought_levels(made: Signed) -> dict[str, str]:
    path, key = Path((made.foreign,)), foreign_key.of(made.key)
    found = browser_checks.checks(path, has_key=True, refusal=judge(path, key), roots=[], now=NOW)
    return {finding.code: finding.level for finding in found if finding.level != "ok"}


def test_the_day_on_which_an_intermediate_expires_is_named() -> None:
    (found,) = [finding for finding in under(authority(begins=NOW - 26 * DAY, days=30)).findings() if finding.level == "warning"]
    assert found.title == "CA, in its chain, expires in 4 days, on 28 Nov 2026, before the certificate itself."


def test_every_reason_has_a_text_for_any_chain() -> None:
    path = under(intermediate(), root()).pair().path
    for code in [*WORDS, "1", "99", "SOMETHING_ELSE", "EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"]:
        found = explained(Refusal(code, "its own \0 words"), path)
        assert (found.level, found.remedy in list(Remedy), "{" in found.title, found.title.endswith(".")) == ("blocker", True, False, True)


def test_a_key_that_does_not_belong_is_refused_by_the_handshake() -> None:
    path = under(intermediate()).pair().path
    refusal = judge(path, foreign_key.of(p256(99)))
    assert refusal is not None
    assert explained(refusal, path).code == "private-key"


def test_without_memory_files_the_key_is_in_a_private_folder_for_a_moment(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, seen = under(intermediate()).pair(), []
    content = browser_facing.bundle(pair.path, pair.key)
    monkeypatch.delattr(handshake.os, "memfd_create")
    with handshake._readable(content, tmp_path) as path:
        seen += [oct(Folder(path).parent.stat().st_mode & 0o777), Folder(path).read_bytes()]
    assert seen == ["0o700", content]
    assert handshake.refusal(content, anchor=pair.path.top.der, name="www.example", folder=tmp_path) is None
    assert list(tmp_path.iterdir()) == []
