"""Invalid packages, wrong signing keys, critical extensions, and properties of lifetimes."""

import base64
import dataclasses
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pki.core import keys, lifetime, names
from pki.core.addresses import CentralAddress
from pki.core.errors import InvalidName, PackageInvalid, PackageMalformed, PKIError, ProfileError, WrongPassword
from pki.core.keys import KeyType
from pki.core.roles import Kind
from pki.exchange import package as packages
from pki.exchange import package_check, package_header, password
from pki.exchange.package import Package
from pki.issuing import issue
from sitekit.authority import Authority

USAGES = {
    Kind.SERVICE: {"digital_signature", "key_encipherment"},
    Kind.CLIENT: {"digital_signature"},
    Kind.CLUSTER: {"digital_signature", "key_encipherment"},
    Kind.SERVER: {"digital_signature"},  # an EC key enciphers nothing
    Kind.ROOT: {"key_cert_sign", "crl_sign"},
}
ALL_USAGES = (
    "digital_signature",
    "content_commitment",
    "data_encipherment",
    "key_agreement",
    "key_encipherment",
    "key_cert_sign",
    "crl_sign",
)
MOMENTS = st.integers(1_735_689_600_000, 4_891_363_200_000).map(
    lambda millisecond: datetime.fromtimestamp(millisecond / 1000, UTC)
)  # 2025–2125


def loaded(kind: Kind, pairs, authority: Authority) -> x509.Certificate:
    return authority.certificate if kind is Kind.ROOT else x509.load_pem_x509_certificate(pairs[kind].certificate)


@pytest.mark.parametrize("kind", list(Kind))
def test_usage_and_constraints_are_critical_and_exact(kind: Kind, pairs, authority: Authority) -> None:
    certificate = loaded(kind, pairs, authority)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert usage.critical
    assert constraints.critical
    assert {name for name in ALL_USAGES if getattr(usage.value, name)} == USAGES[kind]
    assert constraints.value.ca is (kind is Kind.ROOT)
    assert certificate.version is x509.Version.v3
    issuer_id = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == issuer_id


@pytest.mark.parametrize("kind", [Kind.CLIENT, Kind.CLUSTER])
def test_client_and_cluster_certificates_have_no_host_name(kind: Kind, pairs, authority: Authority) -> None:
    with pytest.raises(x509.ExtensionNotFound):
        loaded(kind, pairs, authority).extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_root_passes_openssl_strict(authority: Authority, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", root, root], capture_output=True, check=True)


def test_openssl_shows_the_key_as_an_octet_string(pairs, authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "service.pem"
    path.write_bytes(pairs[Kind.SERVICE].certificate)
    out = subprocess.run(["openssl", "asn1parse", "-in", path], capture_output=True, text=True, check=True).stdout
    lines = out.splitlines()
    for oid in ("1.3.6.1.5.5.7.13.1", "1.3.6.1.5.5.7.13.2"):
        at = next(number for number, line in enumerate(lines) if line.endswith(":" + oid))
        assert "OCTET STRING      [HEX DUMP]:04820100" in lines[at + 1]  # non-critical: no BOOLEAN in between


@pytest.fixture(scope="module")
def plan(authority: Authority) -> issue.Plan:
    request = issue.Request(Kind.CLIENT, "QlikClient", (), keys.generate(KeyType.EC_P256).public_key(), 60)
    return issue.prepare(request, issuer_certificate=authority.certificate, now=authority.now)


def test_sign_refuses_a_key_that_is_not_the_issuers(plan: issue.Plan) -> None:
    with pytest.raises(ProfileError, match="belong to the issuer"):
        issue.sign(plan, keys.generate(KeyType.EC_P384))


def test_only_prepare_makes_a_plan(plan: issue.Plan) -> None:
    fields = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    with pytest.raises(ProfileError, match="prepare"):
        issue.Plan(**(fields | {"made_by": None}))


def test_prepare_refuses_a_short_rsa_key(authority: Authority) -> None:
    short = rsa.generate_private_key(65537, 1024).public_key()
    with pytest.raises(ProfileError, match="2048"):
        issue.prepare(issue.Request(Kind.CLIENT, "QlikClient", (), short, 60), issuer_certificate=authority.certificate, now=authority.now)


def test_a_name_occurs_once_in_any_case(authority: Authority) -> None:
    pair = authority.pair(Kind.SERVER, names=("WWW.example", "10.0.0.1", "10.0.0.1"))
    extension = x509.load_pem_x509_certificate(pair.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.san_strings(extension.value) == ["www.example", "10.0.0.1"]


def test_an_address_with_an_interface_is_refused() -> None:
    with pytest.raises(InvalidName, match="percent"):
        names.subject_alternative_name("fe80::1%eth0")


def test_deeply_nested_header_is_no_package() -> None:
    nested = base64.urlsafe_b64encode(b"[" * 40_000).rstrip(b"=")
    with pytest.raises(PackageMalformed):
        package_header.read(nested + b".a.b.c.d")


@pytest.fixture(scope="module")
def to_certificate(package: Package) -> bytes:
    return packages.seal_to_certificate(package, x509.load_pem_x509_certificate(package.service.certificate))


def test_renewal_opens_with_the_service_key_alone(package: Package, to_certificate: bytes) -> None:
    assert packages.open_with_private_key(to_certificate, keys.from_pem(package.service.private_key)) == package
    for other in (package.cluster, package.client):
        with pytest.raises(WrongPassword):
            packages.open_with_private_key(to_certificate, keys.from_pem(other.private_key))
    with pytest.raises(PackageMalformed):
        package_header.read(to_certificate)
    with pytest.raises(PackageInvalid, match="RSA"):
        packages.seal_to_certificate(package, x509.load_pem_x509_certificate(package.client.certificate))


@pytest.mark.parametrize("part", range(1, 5))
@pytest.mark.parametrize("value", [b"", b"a", b"AAAA", b"\xff", b"%%%%"])
def test_damaged_package_raises_its_own_error(part: int, value: bytes, package: Package, to_certificate: bytes) -> None:
    parts = to_certificate.split(b".")
    with pytest.raises((PackageMalformed, WrongPassword)):
        packages.open_with_private_key(b".".join([*parts[:part], value, *parts[part + 1 :]]), keys.from_pem(package.service.private_key))


def test_a_package_that_no_node_accepts_is_not_sealed(package: Package) -> None:
    large = dataclasses.replace(package, central_addresses=(CentralAddress("x" * 60, 1),) * 900)
    with pytest.raises(PackageInvalid, match="65536"):
        packages.seal_with_password(large, password.generate())


@pytest.mark.parametrize(
    "change", [{"trust_zone": "other"}, {"generation": 2}, {"root_sha256": "0" * 64}, {"central_name": "other.example"}], ids=str
)
def test_a_header_that_differs_from_the_content_is_refused(change: dict, package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, honest = password.generate(), packages._claims_of
    monkeypatch.setattr(packages, "_claims_of", lambda content: dataclasses.replace(honest(content), **change))
    sealed = packages.seal_with_password(package, typed)
    monkeypatch.undo()
    with pytest.raises(PackageInvalid, match="differ"):
        packages.Opener(typed).open(sealed)


def test_a_service_pair_is_no_cluster_pair(package: Package, authority: Authority) -> None:
    with pytest.raises(PackageInvalid, match="role Service"):
        package_check.package(dataclasses.replace(package, cluster=package.service), now=authority.now)


def test_the_agents_modules_load_no_linter() -> None:
    probe = "import sys, pki.exchange.package, pki.core.verify, pki.foreign.describe; print({'pki.issuing.issue', 'pki.issuing.lint', 'pkilint'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_encrypted_key_opens_with_its_passphrase_alone() -> None:
    key = keys.generate(KeyType.EC_P256)
    pem = keys.to_encrypted_pem(key, b"right")
    assert keys.from_pem(pem, b"right").public_key() == key.public_key()
    for passphrase in (b"wrong", None):
        with pytest.raises(PKIError):
            keys.from_pem(pem, passphrase)


@given(MOMENTS, st.integers(12, 60), st.one_of(st.none(), MOMENTS))
def test_validity_is_whole_seconds_and_never_beyond_the_issuer(now: datetime, months: int, issuer_end: datetime | None) -> None:
    span = lifetime.validity(now=now, months=months, issuer_not_after=issuer_end)
    uncut = lifetime.add_months(now.replace(microsecond=0), months) - timedelta(seconds=1)
    assert span.not_before == now.replace(microsecond=0) - timedelta(hours=1)
    assert span.not_after == (uncut if issuer_end is None else min(uncut, issuer_end))
    assert span.cut is (issuer_end is not None and issuer_end < uncut)


@given(MOMENTS, st.integers(1, 60), st.integers(1, 60))
def test_more_months_never_expire_earlier(moment: datetime, few: int, more: int) -> None:
    assert lifetime.add_months(moment, few) < lifetime.add_months(moment, few + more)


def test_password_survives_its_display() -> None:
    for good in (password.generate() for _ in range(200)):
        assert password.canonical(password.display(good)) == good
