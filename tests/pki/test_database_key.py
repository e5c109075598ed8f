"""The database key in a service certificate: read by an independent program, and all errors of reading."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki.core import database_key, keys
from pki.core.database_key import OAEP, PRESCRIBED, DatabaseKey, Oids
from pki.core.errors import DatabaseKeyError, ExtensionMissing, ProfileError, UnknownAlgorithm, UnwrapFailed
from pki.core.keys import KeyType
from pki.core.roles import Kind, octet_string

OWN = Oids.parse("1.3.6.1.4.1.99999.1.1", "1.3.6.1.4.1.99999.1.2")


def certificate(pairs, kind: Kind) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pairs[kind].certificate)


@pytest.mark.parametrize(("oid", "expected"), [(PRESCRIBED.key, None), (PRESCRIBED.algorithm, b"AES-256-GCM")], ids=["key", "algorithm"])
def test_openssl_alone_opens_it(pairs, authority, tmp_path: Path, oid: x509.ObjectIdentifier, expected: bytes | None) -> None:
    """asn1parse finds the extension and its OCTET STRING, and pkeyutl decrypts it with OAEP and SHA-256."""
    pem, wrapped, key = tmp_path / "service.pem", tmp_path / "wrapped", tmp_path / "key.pem"
    pem.write_bytes(pairs[Kind.SERVICE].certificate)
    key.write_bytes(pairs[Kind.SERVICE].private_key)
    lines = subprocess.run(["openssl", "asn1parse", "-in", pem], capture_output=True, text=True, check=True).stdout.splitlines()
    position = next(number for number, line in enumerate(lines) if line.endswith(f":{oid.dotted_string}"))
    match = re.match(r"\s*(\d+):d=\d+\s+hl=(\d+).*OCTET STRING", lines[position + 1])
    assert match, lines[position + 1]  # not critical: no BOOLEAN between
    extract = ["openssl", "asn1parse", "-in", pem, "-strparse", match[1], "-noout", "-out", tmp_path / "inner"]
    subprocess.run(extract, check=True, capture_output=True)
    header, content = (tmp_path / "inner").read_bytes()[:4], (tmp_path / "inner").read_bytes()[4:]
    assert header == b"\x04\x82\x01\x00"  # a DER OCTET STRING of one RSA-2048 block
    wrapped.write_bytes(content)
    options = [
        argument for option in ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256") for argument in ("-pkeyopt", option)
    ]
    command = ["openssl", "pkeyutl", "-decrypt", "-inkey", key, "-in", wrapped, *options]
    assert subprocess.run(command, capture_output=True, check=True).stdout == (expected or authority.database_key.key)


def carrying(pairs, *extensions: tuple[x509.ObjectIdentifier, bytes]) -> x509.Certificate:
    """A certificate with the key and name of the service certificate and extensions that prepare() never makes."""
    service, signer = certificate(pairs, Kind.SERVICE), ec.generate_private_key(ec.SECP256R1())
    start = service.not_valid_before_utc
    made = x509.CertificateBuilder(service.subject, service.subject, service.public_key(), 7, start, start + timedelta(days=1))
    for oid, value in extensions:
        made = made.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
    return made.sign(signer, hashes.SHA256())


def wrapped(pairs, content: bytes) -> bytes:
    return octet_string(certificate(pairs, Kind.SERVICE).public_key().encrypt(content, OAEP))


KEY, NAME = b"k" * 32, b"AES-256-GCM"
BROKEN = {
    "no extension": (lambda p: [], ExtensionMissing, "no database key"),
    "key alone": (lambda p: [(PRESCRIBED.key, wrapped(p, KEY))], ExtensionMissing, "13.2"),
    "algorithm alone": (lambda p: [(PRESCRIBED.algorithm, wrapped(p, NAME))], ExtensionMissing, "13.1"),
    "cut short": (lambda p: [(PRESCRIBED.key, wrapped(p, KEY)[:-1]), (PRESCRIBED.algorithm, wrapped(p, NAME))], ExtensionMissing, "damaged"),
    "no octet string": (lambda p: [(PRESCRIBED.key, b"\x0c\x01x"), (PRESCRIBED.algorithm, wrapped(p, NAME))], ExtensionMissing, "damaged"),
    "empty": (lambda p: [(PRESCRIBED.key, b""), (PRESCRIBED.algorithm, wrapped(p, NAME))], ExtensionMissing, "damaged"),
    "foreign block": (lambda p: [(PRESCRIBED.key, octet_string(b"x" * 256)), (PRESCRIBED.algorithm, wrapped(p, NAME))], UnwrapFailed, "another"),
    "block too long": (lambda p: [(PRESCRIBED.key, octet_string(b"x" * 300)), (PRESCRIBED.algorithm, wrapped(p, NAME))], UnwrapFailed, "another"),
    "unknown algorithm": (lambda p: [(PRESCRIBED.key, wrapped(p, KEY)), (PRESCRIBED.algorithm, wrapped(p, b"ROT13"))], UnknownAlgorithm, "ROT13"),
    "key of 16 bytes": (lambda p: [(PRESCRIBED.key, wrapped(p, KEY[:16])), (PRESCRIBED.algorithm, wrapped(p, NAME))], UnknownAlgorithm, "Update"),
    "other OIDs": (lambda p: [(OWN.key, wrapped(p, KEY)), (OWN.algorithm, wrapped(p, NAME))], ExtensionMissing, "no database key"),
}  # fmt: skip


@pytest.mark.parametrize(("extensions", "error", "words"), BROKEN.values(), ids=BROKEN)
def test_each_failure_is_named_with_its_certificate_and_remedy(pairs, extensions, error: type[DatabaseKeyError], words: str) -> None:
    private_key = keys.from_pem(pairs[Kind.SERVICE].private_key)
    with pytest.raises(error, match=r"rim1\.example") as raised:
        database_key.read(carrying(pairs, *extensions(pairs)), private_key)
    assert words in str(raised.value)
    assert re.search("Redistribute|Update", str(raised.value))


@pytest.mark.parametrize("key_type", [KeyType.RSA_2048, KeyType.EC_P256])
def test_a_wrong_private_key_is_named(pairs, key_type: KeyType) -> None:
    with pytest.raises(UnwrapFailed, match=r"rim1.example.*Redistribute"):
        database_key.read(certificate(pairs, Kind.SERVICE), keys.generate(key_type))


def test_a_site_may_have_its_own_oids(pairs) -> None:
    service = certificate(pairs, Kind.SERVICE)
    made = carrying(
        pairs, *((extension.oid, extension.value) for extension in database_key.extensions(DatabaseKey(KEY), service.public_key(), OWN))
    )
    private_key = keys.from_pem(pairs[Kind.SERVICE].private_key)
    assert database_key.read(made, private_key, OWN) == DatabaseKey(KEY)
    with pytest.raises(ExtensionMissing):
        database_key.read(made, private_key)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [("1.2.3", "1.2.3"), ("1.3.6.1.5.5.7.13.3", "1.2.3"), ("1.2.3", "2.5.29.17"), ("", "1.2.3"), ("rim", "1.2"), ("9.9.9", "1.2.3")],
)
def test_invalid_oids_are_refused(key: str, algorithm: str) -> None:
    with pytest.raises(ProfileError):
        Oids.parse(key, algorithm)
