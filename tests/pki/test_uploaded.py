"""All kinds of uploaded files: a file that OpenSSL reads gives the same certificates and key, and damaged files are refused with the reason."""

import base64
import contextlib
import functools
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path as Folder

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from pki.core import ber
from pki.core.errors import PfxRefused, PKIError, UploadRefused
from pki.foreign import browser_checks, browser_facing, pfx, uploaded
from pki.foreign import private_key as foreign_key
from pki.foreign.browser_facing import ServerPair
from pki.foreign.uploaded import File
from tests.foreign_files import ODD, resigned
from tests.public_authority import NOW, Signed, intermediate, p256, root, sign
from tests.slow import examples, one_of
from tests.verdict import judge

WORD = "secret"
SEC1, PKCS8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
CERTTOOL, KEYTOOL = shutil.which("certtool"), shutil.which("keytool")


@functools.cache
def leaf() -> Signed:
    return sign(issuer=intermediate(), key=p256(5))


@functools.cache
def rsa_leaf() -> Signed:
    return sign(issuer=intermediate(), key=rsa.generate_private_key(65537, 2048))


def der_key(signed: Signed, form: PrivateFormat = PKCS8) -> bytes:
    return bytes(signed.key.private_bytes(Encoding.DER, form, NoEncryption()))


def openssl(*arguments: str, given: bytes = b"", folder: Folder | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True, cwd=folder).stdout


def upload(*contents: bytes, passphrase: str = "") -> ServerPair:
    files = [File(f"{number}.pem", content) for number, content in enumerate(contents)]
    return browser_facing.upload(files, passphrase, kept=lambda leaf: (), judge=judge, now=NOW)


def is_in_order(pair: ServerPair, now: datetime = NOW) -> bool:
    found = browser_checks.checks(pair.path, has_key=True, refusal=judge(pair.path, pair.key), roots=[], now=now)
    return all(finding.level == "ok" for finding in found)


def parts_of(element: bytes) -> list[bytes]:
    return [part.raw for part in ber.first(element).parts]


def with_secret(length: int) -> bytes:
    """The EC key (SEC 1) with its secret number in another length."""
    version, secret, *rest = parts_of(der_key(leaf(), SEC1))
    number = int.from_bytes(ber.first(secret).content)
    return ber.der(0x30, version, ber.der(4, number.to_bytes(length)), *rest)


def without_public_half() -> bytes:
    return ber.der(0x30, *parts_of(der_key(leaf(), SEC1))[:3])


def with_attributes() -> bytes:
    attribute = ber.der(0x30, ber.der(6, bytes.fromhex("2a864886f70d010914")), ber.der(0x31, ber.der(0x1E, "www".encode("utf-16-be"))))
    return ber.der(0x30, *parts_of(der_key(leaf())), ber.der(0xA0, attribute))


def with_padded_numbers() -> bytes:
    """The RSA key (PKCS #1) with zeros before its numbers."""
    return ber.der(0x30, *(ber.der(2, b"\0\0" + ber.first(part).content) for part in parts_of(der_key(rsa_leaf(), SEC1))))


def indefinite(element: bytes, depth: int = 3) -> bytes:
    """A constructed element with indefinite lengths. Certificates in a bundle are unchanged."""
    inner = ber.first(element)
    kept = [indefinite(part.raw, depth - 1) if part.tag & 0x20 and depth else part.raw for part in inner.parts]
    return bytes([inner.tag]) + b"\x80" + b"".join(kept) + b"\0\0"


def in_pieces(element: bytes) -> bytes:
    """The format of Windows and NSS: indefinite lengths, and octet strings in two parts, also for the content of a PFX."""
    inner = ber.first(element)
    if inner.tag == ber.OCTET_STRING and len(inner.content) > 40:
        return b"\x24\x80" + ber.der(4, inner.content[:20]) + ber.der(4, inner.content[20:]) + b"\0\0"
    if not inner.tag & 0x20:
        return inner.raw
    return bytes([inner.tag]) + b"\x80" + b"".join(in_pieces(part.raw) for part in inner.parts) + b"\0\0"


def long_lengths(element: bytes) -> bytes:
    """Every length in five octets, which is BER but not DER."""
    inner = ber.first(element)
    content = b"".join(long_lengths(part.raw) for part in inner.parts) if inner.tag & 0x20 else inner.content
    return bytes([inner.tag, 0x84]) + len(content).to_bytes(4) + content


def pfx_of(*options: str, certificates: Sequence[bytes] = (), key: bytes = b"", passphrase: str = WORD) -> bytes:
    everything = (key or ber.pem("PRIVATE KEY", der_key(leaf()))) + b"".join(certificates or (leaf().pem, intermediate().pem))
    return openssl("pkcs12", "-export", "-passout", f"pass:{passphrase}", *options, given=everything)


def odd_leaf(change: str = "a star in a PrintableString") -> bytes:
    return resigned(leaf(), intermediate(), ODD[change])


def key_beside(der: bytes, label: str = "PRIVATE KEY") -> list[bytes]:
    return [leaf().pem + intermediate().pem, ber.pem(label, der)]


def p7b(*options: str) -> bytes:
    return openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", *options, given=leaf().pem + intermediate().pem)


CSR = browser_facing.request(p256(5), ["www.example"])
DH = ber.pem("DH PARAMETERS", ber.der(0x30, ber.der(2, b"\x05"), ber.der(2, b"\x02")))
ALL = leaf().pem + intermediate().pem + ber.pem("PRIVATE KEY", der_key(leaf()))
# Files that OpenSSL reads. All hold the same certificate, its intermediate and its key.
READ: dict[str, Callable[[], list[bytes]]] = {
    "a key of 33 octets, as certtool writes it": lambda: key_beside(with_secret(33), "EC PRIVATE KEY"),
    "a key of 40 octets": lambda: key_beside(with_secret(40), "EC PRIVATE KEY"),
    "a key of 33 octets in PKCS #8": lambda: key_beside(ber.der(0x30, *parts_of(der_key(leaf()))[:2], ber.der(4, with_secret(33)))),
    "a key without its public half": lambda: key_beside(without_public_half(), "EC PRIVATE KEY"),
    "a key with attributes": lambda: key_beside(with_attributes()),
    "a key under a wrong label": lambda: key_beside(der_key(leaf(), SEC1)),
    "zeros behind a key": lambda: [leaf().pem + intermediate().pem, der_key(leaf()) + bytes(16)],
    "zeros behind a certificate": lambda: [leaf().foreign.der + bytes(16), intermediate().foreign.der + b"\r\n", der_key(leaf())],
    "zeros behind a PFX": lambda: [pfx_of() + bytes(512)],
    "a line break behind a PFX": lambda: [pfx_of() + b"\r\n"],
    "a PFX of indefinite length": lambda: [indefinite(pfx_of())],
    "a PFX in pieces": lambda: [in_pieces(pfx_of())],
    "a PFX in pieces, of the old kind": lambda: [in_pieces(pfx_of("-legacy"))],
    "a PFX with long lengths": lambda: [long_lengths(pfx_of())],
    "a PFX with triple DES": lambda: [pfx_of("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "SHA1")],
    "a PFX with RC2": lambda: [pfx_of("-legacy", "-certpbe", "PBE-SHA1-RC2-40")],
    "a PFX of SHA-512": lambda: [pfx_of("-macalg", "SHA512", "-iter", "5000")],
    "a PFX without MAC": lambda: [pfx_of("-nomac")],
    "a PFX with the root": lambda: [pfx_of(certificates=(leaf().pem, intermediate().pem, root().pem))],
    "a PFX of 600 000 rounds": lambda: [pfx_of("-iter", "600000", "-nomaciter")],
    "an odd certificate in a PFX": lambda: [pfx_of(certificates=(odd_leaf(), intermediate().pem))],
    "an odd certificate in a PFX with triple DES": lambda: [pfx_of("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", certificates=(odd_leaf(), intermediate().pem))],
    "an odd certificate in a PFX without encryption": lambda: [pfx_of("-certpbe", "NONE", "-keypbe", "NONE", certificates=(odd_leaf("CA:FALSE in full"), intermediate().pem))],
    "an odd certificate in a PFX in pieces": lambda: [in_pieces(pfx_of(certificates=(odd_leaf("an umlaut in a T61String"), intermediate().pem)))],
    "an odd certificate in a bundle": lambda: [openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", given=odd_leaf() + intermediate().pem), der_key(leaf())],
    "a bundle of indefinite length": lambda: [indefinite(p7b("-outform", "DER")), der_key(leaf())],
    "a bundle as PKCS7": lambda: [p7b(), der_key(leaf())],
    "a bundle as CMS": lambda: [p7b().replace(b"PKCS7", b"CMS"), der_key(leaf())],
    "a certificate with trust settings": lambda: [openssl("x509", "-trustout", "-addtrust", "serverAuth", given=leaf().pem), intermediate().pem, der_key(leaf())],
    "a text around": lambda: [b"Bag Attributes\n    friendlyName: www\nsubject=CN = www\n" + ALL + b"\nthe end\n"],
    "spaces at the end of lines": lambda: [ALL.replace(b"\n", b" \t\n")],
    "one long line": lambda: [b"".join(unfolded(block) for block in ALL.split(b"-----BEGIN ")[1:])],
    "old line ends": lambda: [ALL.replace(b"\n", b"\r")],
    "a mark and Windows line ends": lambda: [b"\xef\xbb\xbf" + ALL.replace(b"\n", b"\r\n")],
    "UTF-16 with a mark": lambda: [ALL.decode().encode("utf-16")],
    "UTF-16 without": lambda: [ALL.decode().encode("utf-16-le")],
    "the request beside": lambda: [ALL + CSR],
    "the request as a file of its own": lambda: [ALL, CSR],
    "the request in DER": lambda: [ALL, ber.pem_content(CSR, "CERTIFICATE REQUEST")],
    "Diffie-Hellman parameters beside": lambda: [DH + ALL],
    "another certificate": lambda: [ALL + sign("stranger", key=p256(44)).pem],
    "another key": lambda: [ALL, der_key(rsa_leaf())],
    "its public key": lambda: [ALL + openssl("x509", "-noout", "-pubkey", given=leaf().pem)],
    "everything twice": lambda: [ALL, ALL],
}  # fmt: skip


def unfolded(block: bytes) -> bytes:
    head, body, *_ = block.split(b"-----\n", 1)[0], block.split(b"-----\n", 1)[1]
    content, tail = body.split(b"-----END")
    return b"-----BEGIN " + head + b"-----\n" + content.replace(b"\n", b"") + b"\n-----END" + tail


@pytest.mark.parametrize("case", one_of(3, READ))
def test_a_file_that_openssl_reads_is_read(case: str) -> None:
    pair = upload(*READ[case](), passphrase=WORD)
    assert pair.leaf.key == leaf().foreign.key
    assert pair.intermediates == (intermediate().foreign,)
    assert is_in_order(pair)
    # The written bytes are what OpenSSL's own program loads.
    content = browser_facing.bundle(pair.path, pair.key)
    assert openssl("pkey", "-pubout", given=content) == openssl("x509", "-noout", "-pubkey", given=content)


def test_rsa_numbers_with_zeros_in_front_are_refused_as_openssl_refuses_them(tmp_path: Folder) -> None:
    (tmp_path / "key.pem").write_bytes(padded := ber.pem("RSA PRIVATE KEY", with_padded_numbers()))
    assert subprocess.run(["openssl", "pkey", "-in", tmp_path / "key.pem", "-noout"], capture_output=True, check=False).returncode != 0
    with pytest.raises(UploadRefused, match="private key in"):
        upload(rsa_leaf().pem + intermediate().pem, padded)


@pytest.mark.parametrize("form", [PKCS8, SEC1], ids=["PKCS #8", "traditional"])
def test_a_key_is_written_as_it_came(form: PrivateFormat) -> None:
    for made in (leaf(), rsa_leaf()):
        given = bytes(made.key.private_bytes(Encoding.PEM, form, NoEncryption()))
        assert upload(made.pem, given).private_key == given


def test_an_rsa_pss_key_is_not_rewritten_and_is_blocked(tmp_path: Folder) -> None:
    openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem", folder=tmp_path)
    openssl(
        "req",
        "-x509",
        "-new",
        "-key",
        "key.pem",
        "-subj",
        "/CN=www.example",
        "-addext",
        "subjectAltName=DNS:www.example",
        "-out",
        "www.pem",
        folder=tmp_path,
    )
    given, made = (tmp_path / "key.pem").read_bytes(), (tmp_path / "www.pem").read_bytes()
    pair = upload(made, given)
    assert pair.private_key == given
    found = browser_checks.checks(
        pair.path, has_key=True, refusal=judge(pair.path, pair.key), roots=[], now=datetime.now(UTC) + timedelta(hours=1)
    )
    (key,) = [finding for finding in found if finding.code == "key"]
    assert (key.level, "Browsers do not support this key type" in key.title) == ("blocker", True)
    in_pfx = openssl("pkcs12", "-export", "-passout", f"pass:{WORD}", given=given + made)  # here the library rewrites it
    pair = upload(in_pfx, passphrase=WORD)
    found = browser_checks.checks(pair.path, has_key=True, refusal=judge(pair.path, pair.key), roots=[], now=datetime.now(UTC))
    assert "blocker" in {finding.level for finding in found if finding.code == "key"}


@pytest.mark.parametrize(
    "case",
    [
        "the request beside",
        "the request in DER",
        "Diffie-Hellman parameters beside",
        "another key",
        "its public key",
        "another certificate",
    ],
)
def test_ignored_content_is_reported(case: str) -> None:
    (note,) = upload(*READ[case]()).notes
    assert "ignored" in note or "left out" in note


# What cannot be used → its code.
REFUSED: dict[str, tuple[Callable[[], list[bytes]], str]] = {
    "a request alone": (lambda: [CSR], "request"),
    "a request in DER alone": (lambda: [ber.pem_content(CSR, "CERTIFICATE REQUEST")], "request"),
    "parameters alone": (lambda: [DH], "nothing-readable"),
    "two pairs": (lambda: [ALL, rsa_leaf().pem, der_key(rsa_leaf())], "two-keys"),
    "a PFX of 2^31 rounds": (lambda: [rounds_of(pfx_of("-iter", "70000"), 2**31 - 1)], "too-much-work"),
    "a PFX cut short": (lambda: [pfx_of()[:-20]], "damaged"),
    "a PFX with another passphrase": (lambda: [pfx_of(passphrase="another")], "passphrase-wrong"),
    "an odd certificate in a PFX with another passphrase": (lambda: [pfx_of(certificates=(odd_leaf(), intermediate().pem), passphrase="another")], "passphrase-wrong"),
    "a key for SSH": (lambda: [leaf().pem, bytes(ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))], "ssh-key"),
    "a key of half its length": (lambda: key_beside(der_key(leaf())[: len(der_key(leaf())) // 2]), "damaged"),
    "another secret number": (lambda: key_beside(der_key(Signed(leaf().certificate, ec.generate_private_key(ec.SECP256R1())))), "another-key"),
}  # fmt: skip


def rounds_of(content: bytes, rounds: int) -> bytes:
    """A file with another number of rounds instead of 70 000. The lengths of its elements are adapted."""
    inner = ber.first(content)
    if inner.tag & 0x20:
        return ber.der(inner.tag, *(rounds_of(part.raw, rounds) for part in inner.parts))
    if inner.tag == ber.OCTET_STRING and inner.content[:1] == b"\x30":
        with contextlib.suppress(ValueError):
            return ber.der(4, rounds_of(ber.parsed(inner.content).raw, rounds))
    return ber.der(2, rounds.to_bytes(4)) if inner.raw == b"\x02\x03\x01\x11\x70" else inner.raw


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_files_are_refused_at_once_with_the_reason(case: str) -> None:
    make, code = REFUSED[case]
    files, began = make(), time.process_time()
    with pytest.raises(UploadRefused) as refused:
        upload(*files, passphrase=WORD)
    assert (refused.value.code, refused.value.remedy in str(refused.value)) == (code, True)
    assert time.process_time() - began < 2


def test_the_file_of_an_import_is_read_as_leniently_within_limits() -> None:
    assert pfx.pfx_read(in_pieces(pfx_of()) + bytes(16), WORD).certificate == leaf().pem
    began = time.process_time()
    with pytest.raises(PfxRefused, match="rounds of key derivation"):
        pfx.pfx_read(rounds_of(pfx_of("-iter", "70000"), 2**31 - 1), WORD)
    assert time.process_time() - began < 1


@pytest.mark.skipif(CERTTOOL is None, reason="certtool is not installed (Debian: gnutls-bin)")
@pytest.mark.parametrize("key_type", ["--ecc", "--rsa"])
def test_files_of_certtool_are_read(key_type: str, tmp_path: Folder) -> None:
    def certtool(*words: str) -> bytes:
        return subprocess.run([str(CERTTOOL), *words], cwd=tmp_path, capture_output=True, check=True).stdout

    certtool("--generate-privkey", key_type, "--outfile", "key.pem")
    (tmp_path / "ca.pem").write_bytes(intermediate().pem)
    (tmp_path / "ca-key.pem").write_bytes(ber.pem("PRIVATE KEY", der_key(intermediate())))
    (tmp_path / "www.cfg").write_text("cn = www.example\ndns_name = www.example\ntls_www_server\nsigning_key\nexpiration_days = 90\n")
    certtool(
        "--generate-certificate",
        "--load-privkey",
        "key.pem",
        "--load-ca-certificate",
        "ca.pem",
        "--load-ca-privkey",
        "ca-key.pem",
        "--template",
        "www.cfg",
        "--outfile",
        "www.pem",
    )
    made, key = (tmp_path / "www.pem").read_bytes(), (tmp_path / "key.pem").read_bytes()
    (tmp_path / "chain.pem").write_bytes(made + intermediate().pem)
    certtool(
        "--to-p12",
        "--load-privkey",
        "key.pem",
        "--load-certificate",
        "chain.pem",
        "--p12-name",
        "web",
        "--password",
        WORD,
        "--outder",
        "--outfile",
        "web.pfx",
    )
    for pair in (upload(made, intermediate().pem, key), upload((tmp_path / "web.pfx").read_bytes(), passphrase=WORD)):
        assert (pair.intermediates, is_in_order(pair, datetime.now(UTC))) == ((intermediate().foreign,), True)


@pytest.mark.skipif(KEYTOOL is None, reason="keytool is not installed (Debian: default-jre-headless)")
def test_a_store_of_java_with_a_chain_is_read(tmp_path: Folder) -> None:
    (tmp_path / "from.pfx").write_bytes(pfx_of("-name", "web"))
    words = [
        "-importkeystore",
        "-srckeystore",
        "from.pfx",
        "-srcstorepass",
        WORD,
        "-srcstoretype",
        "PKCS12",
        "-destkeystore",
        "java.p12",
        "-deststorepass",
        WORD,
        "-deststoretype",
        "PKCS12",
    ]
    subprocess.run([str(KEYTOOL), *words], cwd=tmp_path, capture_output=True, check=True)
    assert is_in_order(upload((tmp_path / "java.p12").read_bytes(), passphrase=WORD))


# Damage

MUTATED = ("a PFX without MAC", "an odd certificate in a PFX without encryption", "a bundle of indefinite length", "a key of 33 octets, as certtool writes it",
           "a key with attributes", "a certificate with trust settings", "zeros behind a certificate", "a PFX in pieces")  # fmt: skip


@functools.cache
def made(case: str) -> list[bytes]:
    return READ[case]()


@examples(400)
@given(case=st.sampled_from(MUTATED), data=st.data())
def test_any_damaged_file_is_read_or_refused_soon(case: str, data: st.DataObject) -> None:
    files = list(made(case))
    which = data.draw(st.integers(0, len(files) - 1))
    altered = bytearray(files[which])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(altered) - 1))
        match data.draw(st.sampled_from(["change", "cut", "insert", "repeat"])):
            case "change":
                altered[at] = data.draw(st.integers(0, 255))
            case "cut":
                del altered[at : at + data.draw(st.integers(1, 8))]
            case "insert":
                altered[at:at] = data.draw(st.binary(min_size=1, max_size=4))
            case "repeat":
                altered[at:at] = altered[at : at + 40]
        if not altered:
            break
    files[which], began = bytes(altered), time.process_time()
    with contextlib.suppress(UploadRefused):
        pair = upload(*files, passphrase=WORD)
        found = browser_checks.checks(pair.path, has_key=True, refusal=judge(pair.path, pair.key), roots=[root().foreign], now=NOW)
        assert all(finding.title.isprintable() for finding in found)
    assert time.process_time() - began < 8


@examples(200)
@given(data=st.data())
def test_a_damaged_certificate_is_read_whole_or_not_at_all(data: st.DataObject) -> None:
    altered = bytearray(leaf().foreign.der)
    for _ in range(data.draw(st.integers(1, 3))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    try:
        (read,) = uploaded.read([File("www.der", bytes(altered))], "").certificates
    except UploadRefused:
        return
    texts = [read.name, read.subject.text, read.issuer.text, *read.names, *read.locations, read.key.words, read.hash_name, read.role or ""]
    assert "".join(texts).isprintable()
    assert (read.purposes is None or read.purposes, read.is_authority, read.may_sign, read.is_self_signed) is not None


@given(st.binary(max_size=200))
def test_bytes_are_no_key(content: bytes) -> None:
    with contextlib.suppress(PKIError):
        foreign_key.from_pem(content)
    with contextlib.suppress(PKIError):
        foreign_key.from_pem(ber.pem("PRIVATE KEY", b"0\x82" + content))


def test_base64_of_each_form_is_read() -> None:
    assert is_in_order(upload(base64.b64encode(pfx_of()), passphrase=WORD))
