"""Every kind of certificate, checked by other programs too."""

import dataclasses
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pkilint import loader

from pki.core import database_key, keys, verify
from pki.core.errors import LintError, PackageInvalid, PeerRefused, ProfileError
from pki.core.roles import ROLE_OID, Kind, Role, role_of
from pki.exchange import package_check
from pki.foreign import describe
from pki.issuing import issue, lint
from sitekit.authority import Authority, make_authority

LEAVES = [Kind.SERVICE, Kind.CLIENT, Kind.CLUSTER, Kind.SERVER]
ROLE_BYTES = {Kind.SERVICE: b"\x04\x07Service", Kind.CLIENT: b"\x04\x06Client", Kind.ROOT: b"\x04\x04Root"}
PURPOSES = {
    Kind.SERVICE: [ExtendedKeyUsageOID.SERVER_AUTH],
    Kind.CLIENT: [ExtendedKeyUsageOID.CLIENT_AUTH],
    Kind.CLUSTER: [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
    Kind.SERVER: [ExtendedKeyUsageOID.SERVER_AUTH],
}


def certificate(pairs, kind: Kind) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pairs[kind].certificate)


@pytest.mark.parametrize("kind", LEAVES)
def test_leaf_passes_openssl_strict_and_the_linter(kind: Kind, pairs, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "leaf.pem").write_bytes(pairs[kind].certificate)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "root.pem", tmp_path / "leaf.pem"]
    assert subprocess.run(command, capture_output=True, check=True).stdout.endswith(b": OK\n")
    assert lint.lint(certificate(pairs, kind).public_bytes(Encoding.DER)) == []
    assert certificate(pairs, kind).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == x509.ExtendedKeyUsage(PURPOSES[kind])


def test_root_passes_the_linter_and_carries_its_role(authority: Authority) -> None:
    root = authority.certificate
    assert lint.lint(root.public_bytes(Encoding.DER)) == []
    assert root.extensions.get_extension_for_oid(ROLE_OID).value.value == ROLE_BYTES[Kind.ROOT]
    assert root.subject.rfc4514_string() == "CN=central.example-CA"


WRONG: dict[str, tuple[x509.ExtensionType, bool, str]] = {
    "the key signs certificates": (x509.KeyUsage(False, False, False, False, False, True, False, False, False), True, "ERROR pkix.ee_certificate_keycertsign_keyusage_set"),
    "a name with an underscore at its start": (x509.SubjectAlternativeName([x509.DNSName("_rim1.example")]), False, "ERROR pkix.invalid_domain_name_syntax"),
    "a name with a space": (x509.SubjectAlternativeName([x509.DNSName("rim 1")]), False, "ERROR pkix.invalid_domain_name_syntax"),
    "a critical key identifier": (x509.SubjectKeyIdentifier(bytes(20)), True, "ERROR pkix.certificate_skid_extension_critical"),
}  # fmt: skip


def wrong(authority: Authority, extension: x509.ExtensionType, *, critical: bool) -> bytes:
    key, moment, name = authority.key, authority.now, authority.certificate.subject
    builder = x509.CertificateBuilder(name, name, key.public_key(), 2**100, moment, moment + timedelta(days=1))
    return builder.add_extension(extension, critical=critical).sign(key, keys.hash_for(key.public_key())).public_bytes(Encoding.DER)


@pytest.mark.parametrize(("extension", "critical", "finding"), WRONG.values(), ids=WRONG)
def test_the_linter_names_what_is_wrong(extension: x509.ExtensionType, critical: bool, finding: str, authority: Authority) -> None:
    assert finding in lint.lint(wrong(authority, extension, critical=critical))


def test_every_validator_of_pkilint_sees_every_node(pairs, authority: Authority) -> None:
    def seen(results: list[Any]) -> list[tuple[int, str, str]]:
        return [(id(result.validator), result.node.path, str(result.finding_descriptions)) for result in results]

    leaves = [certificate(pairs, kind).public_bytes(Encoding.DER) for kind in LEAVES]
    for der in [*leaves, *(wrong(authority, extension, critical=critical) for extension, critical, _ in WRONG.values())]:
        ours: list[Any] = []
        lint._validate(lint._profile(), loader.load_der_certificate(der).root, ours)
        assert seen(ours) == seen(lint._profile().validate(loader.load_der_certificate(der).root))
        assert len(ours) > 15


@pytest.mark.parametrize(
    "name", ["localhost", "rim1", "rim1.c", "rim1.site2", "xn--mller-kva.example", "A-1.example", "a" * 63, ".".join(["a" * 60] * 4)]
)
def test_the_linter_accepts_every_host_name(name: str, authority: Authority) -> None:
    names = x509.load_pem_x509_certificate(authority.pair(Kind.SERVER, names=(name,)).certificate)
    assert name in names.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


def test_a_certificate_with_a_finding_is_not_signed(authority: Authority) -> None:
    key, moment, nobody = authority.key, authority.now, x509.Name([])
    builder = x509.CertificateBuilder(nobody, nobody, key.public_key(), 2**100, moment, moment + timedelta(days=1))
    nameless = dataclasses.replace(authority, certificate=builder.sign(key, keys.hash_for(key.public_key())))
    with pytest.raises(LintError, match="name_empty"):
        nameless.pair(Kind.CLIENT)


@pytest.mark.parametrize("kind", LEAVES)
def test_role_extension_byte_for_byte(kind: Kind, pairs) -> None:
    found = [extension for extension in certificate(pairs, kind).extensions if extension.oid == ROLE_OID]
    assert [extension.value.value for extension in found] == ([ROLE_BYTES[kind]] if kind in ROLE_BYTES else [])
    assert not any(extension.critical for extension in found)


def test_serials_are_sixteen_bytes_and_differ(pairs) -> None:
    serials = {certificate(pairs, kind).serial_number for kind in LEAVES}
    assert len(serials) == len(LEAVES)
    assert all(serial.bit_length() == 127 for serial in serials)


def test_alternative_names_have_the_right_types(pairs) -> None:
    names = certificate(pairs, Kind.SERVICE).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["rim1.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.2"]


def test_leaf_never_outlives_its_issuer(authority: Authority) -> None:
    late = authority.pair(Kind.CLIENT, now=authority.now + timedelta(days=900))
    assert x509.load_pem_x509_certificate(late.certificate).not_valid_after_utc == authority.certificate.not_valid_after_utc
    with pytest.raises(ProfileError, match="expired"):
        authority.pair(Kind.CLIENT, now=authority.now + timedelta(days=2000))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"database_key": None}, id="service without database key"),
        pytest.param({"kind": Kind.CLIENT}, id="client with database key"),
        pytest.param({"kind": Kind.CLUSTER, "database_key": None, "subject_alternative_names": ("x.example",)}, id="cluster with names"),
        pytest.param({"kind": Kind.ROOT}, id="root under an issuer"),
        pytest.param({"public_key": ec.generate_private_key(ec.SECP256R1()).public_key()}, id="service with EC key"),
    ],
)
def test_profile_refuses(change: dict, authority: Authority, pairs) -> None:
    public_key = keys.from_pem(pairs[Kind.SERVICE].private_key).public_key()
    request = issue.Request(Kind.SERVICE, "rim1.example", (), public_key, 60, authority.database_key)
    with pytest.raises(ProfileError):
        issue.prepare(dataclasses.replace(request, **change), issuer_certificate=authority.certificate, now=authority.now)


def test_peer_checks_chain_role_name_and_clock(pairs, authority: Authority) -> None:
    service, roots, now = certificate(pairs, Kind.SERVICE), [authority.certificate], authority.now
    verify.peer(service, roots, role=Role.SERVICE, host_name="RIM1.example", now=now)
    verify.peer(service, roots, role=Role.SERVICE, host_name="127.0.0.2", now=now)
    for roots_, role, name, moment, why in (
        (roots, Role.CLIENT, None, now, "role"),
        (roots, Role.SERVICE, "rim2.example", now, "rim2"),
        (roots, Role.SERVICE, None, now - timedelta(days=2), "clock"),
        ([make_authority().certificate], Role.SERVICE, None, now, "another site"),
    ):
        with pytest.raises(PeerRefused, match=why):
            verify.peer(service, roots_, role=role, host_name=name, now=moment)


def test_package_is_checked_as_a_whole(package, pairs, authority: Authority) -> None:
    package_check.package(package, now=authority.now)
    for broken in (
        dataclasses.replace(package, host_name="rim2.example"),
        dataclasses.replace(package, client=package.cluster),
        dataclasses.replace(package, service=dataclasses.replace(package.service, private_key=package.cluster.private_key)),
        dataclasses.replace(package, roots=()),
    ):
        with pytest.raises(PackageInvalid, match="Redistribute"):
            package_check.package(broken, now=authority.now)


def test_description_names_the_role_and_hides_the_key(pairs) -> None:
    rows = dict(describe.describe(certificate(pairs, Kind.SERVICE), database_key.PRESCRIBED))
    assert rows["Trust zone role (1.3.6.1.5.5.7.13.3)"] == "Service"
    assert "only by the owner" in rows["Database key (1.3.6.1.5.5.7.13.1)"]
    assert role_of(certificate(pairs, Kind.CLIENT)) is Role.CLIENT
