"""Revocation lists: a table of their effects, checked by OpenSSL and pkilint too."""

import dataclasses
import functools
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from pkilint import loader, pkix
from pkilint.pkix import crl as crls
from pkilint.pkix import extension, name
from pkilint.validation import ValidationFindingSeverity

from agent import tls
from agent.store import Store
from pki.core import revocation, verify
from pki.core.errors import PackageInvalid, PeerRefused, PKIError, ProfileError
from pki.core.roles import Kind, Role
from pki.exchange import package_check
from pki.issuing import revocation_list
from pki.issuing.revocation_list import Entry, RevocationCode
from sitekit.authority import Authority, make_authority
from tests.slow import examples


def make(
    authority: Authority, *serials: int, number: int = 1, code: RevocationCode = RevocationCode.SUPERSEDED, ago: timedelta = timedelta(0)
):
    moment = datetime.now(UTC) - ago
    entries = [Entry(serial, moment, code) for serial in serials]
    der = revocation_list.list_sign(authority.certificate, authority.key, number=number, entries=entries, now=moment)
    return x509.load_der_x509_crl(der)


def pem(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def client(pairs) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pairs[Kind.CLIENT].certificate)


@functools.cache
def linter():
    decoders = [pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS), pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS)]
    parts = [
        crls.create_issuer_validator_container([]),
        crls.create_validity_validator_container([]),
        crls.create_extensions_validator_container([]),
    ]
    return crls.create_pkix_crl_validator_container(decoders, parts)


def lint(crl: x509.CertificateRevocationList) -> list[str]:
    results = linter().validate(loader.RFC5280CertificateListDocumentLoader().load_der_document(crl.public_bytes(Encoding.DER)).root)
    found = [description.finding for result in results for description in result.finding_descriptions]
    return [finding.code for finding in found if finding.severity < ValidationFindingSeverity.INFO]


def openssl(*words: object) -> tuple[bool, str]:
    ended = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    return ended.returncode == 0, ended.stdout + ended.stderr


YEAR_2000 = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 49 * 365 * 86_400_000_000).map(lambda microseconds: YEAR_2000 + timedelta(microseconds=microseconds))


@examples(40)
@given(revoked=st.lists(MOMENTS, min_size=1, max_size=4), made=st.lists(MOMENTS, min_size=2, max_size=3))
def test_every_list_has_the_moment_of_each_revocation(authority: Authority, revoked: list[datetime], made: list[datetime]) -> None:
    """Also if the clock was set back between revocation and list. Only the list itself is backdated."""
    entries = [Entry(serial, moment, RevocationCode.SUPERSEDED) for serial, moment in enumerate(revoked, 1)]
    for now in made:
        der = revocation_list.list_sign(authority.certificate, authority.key, number=1, entries=entries, now=now)
        crl = x509.load_der_x509_crl(der)
        assert {entry.serial_number: entry.revocation_date_utc for entry in crl} == {
            serial: moment.replace(microsecond=0) for serial, moment in enumerate(revoked, 1)
        }
        assert crl.last_update_utc == now.replace(microsecond=0) - timedelta(hours=1)


def test_openssl_reads_the_same_moments_in_lists_that_are_apart(authority: Authority, tmp_path: Path) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 30, 999, UTC)
    entries = [Entry(serial, moment + timedelta(minutes=serial), RevocationCode.KEY_COMPROMISE) for serial in (1, 2)]
    seen = []
    for later in (timedelta(minutes=3), timedelta(minutes=4), timedelta(hours=2), timedelta(days=400)):
        der = revocation_list.list_sign(authority.certificate, authority.key, number=1, entries=entries, now=moment + later)
        (tmp_path / "crl.pem").write_bytes(pem(x509.load_der_x509_crl(der)))
        good, text = openssl("crl", "-noout", "-text", "-in", tmp_path / "crl.pem")
        assert good, text
        seen.append([line.partition(":")[2].strip() for line in text.splitlines() if "Revocation Date" in line])
    assert seen == [["Mar  1 12:01:30 2026 GMT", "Mar  1 12:02:30 2026 GMT"]] * 4


@pytest.mark.parametrize("code", RevocationCode)
def test_list_of_every_reason_passes_pkilint_and_openssl(authority: Authority, code: RevocationCode, tmp_path: Path) -> None:
    crl = make(authority, 2**127 + 1, 5, code=code)
    assert lint(crl) == []
    (tmp_path / "root.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "crl.pem").write_bytes(pem(crl))
    good, output = openssl("crl", "-verify", "-CAfile", tmp_path / "root.pem", "-noout", "-in", tmp_path / "crl.pem", "-text")
    assert (good, "verify OK" in output) == (True, True), output
    # The unspecified reason is left out (RFC 5280, 5.3.1).
    assert ("X509v3 CRL Reason Code" in output) is (code is not RevocationCode.UNSPECIFIED)


# what the list names, how old it is → whether the client certificate passes here, and with openssl -crl_check
COUNTS = {
    "empty": ((), 0, True, True),
    "another's serial": ((77,), 0, True, True),
    "its serial": ((0,), 0, False, False),
    "its serial among others": ((7, 0, 9), 0, False, False),
    "stale, another's": ((77,), 31, True, False),
    "stale, its serial": ((0,), 31, False, False),
}


@pytest.mark.parametrize(("named", "days", "here", "there"), COUNTS.values(), ids=COUNTS.keys())
def test_revoked_certificates_of_a_list(
    authority: Authority, client: x509.Certificate, tmp_path: Path, named: tuple[int, ...], days: int, here: bool, there: bool
) -> None:
    crl = make(authority, *(serial or client.serial_number for serial in named), ago=timedelta(days=days))
    assert revocation.is_revoked(client, [crl]) is not here
    checked = functools.partial(
        verify.peer, client, [authority.certificate], role=Role.CLIENT, host_name=None, now=authority.now, crls=[crl]
    )
    if here:
        checked()
    else:
        with pytest.raises(PeerRefused, match="was revoked"):
            checked()
    for place, content in {
        "root": authority.certificate.public_bytes(Encoding.PEM),
        "client": client.public_bytes(Encoding.PEM),
        "crl": pem(crl),
    }.items():
        (tmp_path / place).write_bytes(content)
    words = ("-CAfile", tmp_path / "root", "-CRLfile", tmp_path / "crl", "-crl_check", "-x509_strict", tmp_path / "client")
    good, output = openssl("verify", *words)
    assert good is there, output


def test_list_of_another_root_is_ignored(authority: Authority, client: x509.Certificate) -> None:
    assert not revocation.is_revoked(client, [make(make_authority("other.example"), client.serial_number)])


def test_list_needs_the_key_of_its_root(authority: Authority) -> None:
    with pytest.raises(ProfileError, match="does not belong"):
        make(dataclasses.replace(authority, key=make_authority().key))


@pytest.mark.parametrize(("last", "at", "number"), [(0, 1_800_000_000, 1_800_000_000), (1_800_000_000, 1_800_000_000, 1_800_000_001),
                                                   (1_900_000_000, 1_800_000_000, 1_900_000_001)], ids=["first", "same second", "clock set back"])  # fmt: skip
def test_numbers_grow_whatever_the_clock_does(last: int, at: int, number: int) -> None:
    assert revocation_list.list_number(last, datetime.fromtimestamp(at, UTC)) == number


def test_invalid_lists_and_roots_are_refused(authority: Authority, client: x509.Certificate) -> None:
    root, foreign = authority.certificate.public_bytes(Encoding.PEM), make(make_authority())
    altered = pem(make(authority, 5)).replace(b"-----BEGIN X509 CRL-----\n", b"-----BEGIN X509 CRL-----\nAAAA")
    with pytest.raises(PKIError, match="cannot be read"):
        revocation.load(altered)
    with pytest.raises(PackageInvalid, match="not signed by one of these roots"):
        package_check.trust([root], [pem(foreign)], own=[client])
    package_check.trust([root], [pem(make(authority))], own=[client])


@pytest.mark.parametrize(("named", "accepted"), [(False, True), (True, False)], ids=["stale list", "stale list that names it"])
def test_an_outdated_list_still_counts(authority: Authority, package, client, tmp_path: Path, named: bool, accepted: bool) -> None:
    store = Store(tmp_path)
    store.install(package, now=authority.now)
    stale = make(authority, client.serial_number if named else 77, ago=timedelta(days=31))
    installed = store.take_trust([package.roots[0]], [pem(stale)])
    left, right = socket.socketpair()
    refused = []

    def serve() -> None:
        with right:
            try:
                with tls.server_context(installed).wrap_socket(right, server_side=True) as secure:
                    secure.sendall(b"2")
            except ssl.SSLError as exc:
                refused.append(str(exc))

    serving = threading.Thread(target=serve)
    serving.start()
    with left, tls.client_context(installed).wrap_socket(left, server_hostname="rim1.example") as secure:
        answer = secure.recv(1) if accepted else b""
        serving.join()
    assert (answer, any("certificate revoked" in message for message in refused)) == ((b"2", False) if accepted else (b"", True))
