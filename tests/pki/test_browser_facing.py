"""Common certificate files, and the problems of browser certificates. OpenSSL makes half of the files."""

import base64
import contextlib
import functools
import io
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path as Folder

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from pki.core import derivation, keys
from pki.core.errors import InvalidName, ThumbprintInvalid, UploadRefused
from pki.core.keys import KeyType
from pki.core.roles import Kind, Role, role_extension
from pki.foreign import browser_checks, browser_choice, browser_facing, paths, uploaded
from pki.foreign import private_key as foreign_key
from pki.foreign import read as foreign
from pki.foreign.browser_choice import BrowserChoice
from pki.foreign.browser_facing import ServerPair
from pki.foreign.paths import Path
from pki.foreign.read import ForeignCertificate
from pki.foreign.uploaded import File
from sitekit.authority import Authority
from tests.public_authority import NOW, Signed, intermediate, p256, root, sign
from tests.slow import examples
from tests.verdict import judge

WORD = "Grüße 1"
FEW = examples(30)


@pytest.fixture(scope="module")
def leaf() -> Signed:
    return sign(issuer=intermediate(), key=p256(5), names=("www.example", "*.corp.example"))


def key_pem(signed: Signed, passphrase: str = "", *, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    sealed = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return signed.key.private_bytes(Encoding.PEM, form, sealed)


def der(signed: Signed) -> bytes:
    return signed.certificate.public_bytes(Encoding.DER)


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def upload(*contents: bytes, passphrase: str = "") -> ServerPair:
    files = [File(f"{number}.pem", content) for number, content in enumerate(contents)]
    return browser_facing.upload(files, passphrase, kept=lambda leaf: (), judge=judge, now=NOW)


def bundled(leaf: Signed, *options: str, passphrase: str = WORD) -> bytes:
    everything = key_pem(leaf) + leaf.pem + intermediate().pem
    return openssl("pkcs12", "-export", "-passout", f"pass:{passphrase}", *options, given=everything)


# What people bring → the files, and the passphrase.
FORMS: dict[str, Callable[[Signed], tuple[list[bytes], str]]] = {
    "pfx": lambda leaf: ([bundled(leaf)], WORD),
    "pfx legacy": lambda leaf: ([bundled(leaf, "-legacy")], WORD),
    "pfx without passphrase": lambda leaf: ([bundled(leaf, passphrase="")], ""),
    "pfx unencrypted": lambda leaf: ([bundled(leaf, "-keypbe", "NONE", "-certpbe", "NONE", "-nomac")], ""),
    "pfx in base64": lambda leaf: ([base64.encodebytes(bundled(leaf))], WORD),
    "one pem": lambda leaf: ([leaf.pem + intermediate().pem + key_pem(leaf)], ""),
    "windows pem": lambda leaf: ([b"\xef\xbb\xbf" + (leaf.pem + intermediate().pem + key_pem(leaf)).replace(b"\n", b"\r\n")], ""),
    "utf-16 pem": lambda leaf: ([(leaf.pem + intermediate().pem + key_pem(leaf)).decode().encode("utf-16")], ""),
    "text before each": lambda leaf: ([b"Bag Attributes\n  friendlyName: www\n" + leaf.pem, b"issuer\n" + intermediate().pem, key_pem(leaf)], ""),
    "three files": lambda leaf: ([key_pem(leaf), leaf.pem, intermediate().pem], ""),
    "der apart": lambda leaf: (
        [der(leaf), der(intermediate()), leaf.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())], ""
    ),
    "traditional key": lambda leaf: ([leaf.pem, intermediate().pem, key_pem(leaf, form=PrivateFormat.TraditionalOpenSSL)], ""),
    "traditional key in der": lambda leaf: ([leaf.pem, intermediate().pem, openssl("ec", "-outform", "DER", given=key_pem(leaf))], ""),
    "with curve": lambda leaf: (
        [leaf.pem, intermediate().pem, openssl("ecparam", "-name", "prime256v1") + openssl("ec", given=key_pem(leaf))], ""
    ),
    "encrypted key": lambda leaf: ([leaf.pem, intermediate().pem, key_pem(leaf, WORD)], WORD),
    "key encrypted as long ago": lambda leaf: (
        [leaf.pem, intermediate().pem, openssl("ec", "-aes256", "-passout", f"pass:{WORD}", given=key_pem(leaf))], WORD
    ),
    "encrypted key in der": lambda leaf: (
        [leaf.pem, intermediate().pem, openssl("pkcs8", "-topk8", "-outform", "DER", "-passout", f"pass:{WORD}", given=key_pem(leaf))], WORD
    ),
    "encrypted with scrypt": lambda leaf: (
        [leaf.pem, intermediate().pem, openssl("pkcs8", "-topk8", "-scrypt", "-passout", f"pass:{WORD}", given=key_pem(leaf))], WORD
    ),
    "encrypted with scrypt in der": lambda leaf: (
        [leaf.pem, intermediate().pem, openssl("pkcs8", "-topk8", "-scrypt", "-outform", "DER", "-passout", f"pass:{WORD}", given=key_pem(leaf))],
        WORD,
    ),
    "p7b": lambda leaf: (
        [key_pem(leaf), openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", given=leaf.pem + intermediate().pem)], ""
    ),
    "p7b in der": lambda leaf: (
        [key_pem(leaf), openssl("crl2pkcs7", "-nocrl", "-outform", "DER", "-certfile", "/dev/stdin", given=leaf.pem + intermediate().pem)], ""
    ),
    "a key that needs no passphrase": lambda leaf: ([leaf.pem + intermediate().pem + key_pem(leaf)], "typed all the same"),
    "key twice": lambda leaf: ([leaf.pem + intermediate().pem + key_pem(leaf), key_pem(leaf)], ""),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_common_files_are_read(form: str, leaf: Signed) -> None:
    files, passphrase = FORMS[form](leaf)
    pair = upload(*files, passphrase=passphrase)
    assert pair.certificates == (leaf.pem, intermediate().pem)
    assert keys.from_pem(pair.private_key).public_key() == leaf.certificate.public_key()
    assert pair.notes == ()
    assert "PRIVATE" not in repr(pair)


def zipped(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as written:
        written.writestr("www.pem", content)
    return held.getvalue()


def without_key(leaf: Signed) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"www", None, leaf.certificate, None, BestAvailableEncryption(WORD.encode()))


# What cannot be used → its name, and what the words must say.
REFUSED: dict[str, tuple[Callable[[Signed], list[bytes]], str, str, str]] = {
    "nothing": (lambda leaf: [], "", "nothing-readable", "Choose a PFX file"),
    "empty": (lambda leaf: [b""], "", "nothing-readable", "neither a certificate nor a private key"),
    "a text": (lambda leaf: [b"hello"], "", "nothing-readable", "0.pem"),
    "a picture": (lambda leaf: [b"\x89PNG\r\n" + bytes(500)], "", "nothing-readable", "Export it again"),
    "a zip": (lambda leaf: [zipped(leaf.pem)], "", "zip", "Unpack it"),
    "too large": (lambda leaf: [leaf.pem * 500], "", "too-large", "256 KiB"),
    "wrong passphrase": (lambda leaf: [bundled(leaf)], "wrong", "passphrase-wrong", "does not open"),
    "no passphrase": (lambda leaf: [bundled(leaf)], "", "passphrase-missing", "Type its passphrase"),
    "wrong passphrase of a key": (lambda leaf: [leaf.pem, key_pem(leaf, WORD)], "wrong", "passphrase-wrong", "1.pem"),
    "no passphrase of a key": (lambda leaf: [leaf.pem, key_pem(leaf, WORD)], "", "passphrase-missing", "1.pem"),
    "half a character": (lambda leaf: [bundled(leaf)], "\ud800", "passphrase-wrong", "does not open"),
    "pfx without key": (lambda leaf: [without_key(leaf)], WORD, "pfx-without-key", "marked exportable"),
    "no key": (lambda leaf: [leaf.pem], "", "no-private-key", "Choose the key file"),
    "key alone": (lambda leaf: [key_pem(leaf)], "", "no-certificate", "Choose the certificate"),
    "two keys": (lambda leaf: [leaf.pem, key_pem(leaf), root().pem, key_pem(root())], "", "two-keys", "more than one private key"),
    "another's key": (lambda leaf: [leaf.pem, key_pem(root())], "", "another-key", "belongs to none"),
    "a request": (lambda leaf: [browser_facing.request(leaf.key, ["www.example"])], "", "request", "the certificate that comes back"),
    "cut short": (lambda leaf: [der(leaf)[:-9], key_pem(leaf)], "", "damaged", "incomplete"),
    "altered": (lambda leaf: [leaf.pem[:200] + b"AAAAAAAA" + leaf.pem[208:], key_pem(leaf)], "", "damaged", "damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_files_are_refused_with_reason_and_remedy(case: str, leaf: Signed) -> None:
    files, passphrase, code, words = REFUSED[case]
    with pytest.raises(UploadRefused) as refused:
        upload(*files(leaf), passphrase=passphrase)
    assert refused.value.code == code
    assert words in str(refused.value)
    assert refused.value.field == ("passphrase" if code.startswith("passphrase") else "files")


def test_a_chain_that_nodes_refuse_is_refused() -> None:
    authority, above = root(), []
    for number in range(11):
        authority = sign(f"CA {number}", issuer=authority, key=p256(10 + number), names=(), ca=True, purposes=(), usage=("key_cert_sign",))
        above.append(authority.pem)
    last = sign(issuer=authority)
    with pytest.raises(UploadRefused, match="longer than"):
        upload(last.pem, key_pem(last), *above)


VERSION_3, VERSION_55 = bytes.fromhex("a003020102"), bytes.fromhex("a003020136")
# Damage that brings the library to errors of its own kinds, the first to a panic.
ODD: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a vector that is too short": ("key encrypted as long ago", lambda content: re.sub(rb"(DEK-Info: [^,]*,.{24}).*", rb"\1", content)),
    "scrypt with a count of 5": ("encrypted with scrypt in der", lambda content: content.replace(b"\x02\x02\x40\x00", b"\x02\x02\x40\x05")),
    "a version that will never be": ("pfx unencrypted", lambda content: content.replace(VERSION_3, VERSION_55)),
    "the same in a bundle": ("p7b in der", lambda content: content.replace(VERSION_3, VERSION_55)),
    "the same alone": ("der apart", lambda content: content.replace(VERSION_3, VERSION_55)),
}


@pytest.mark.parametrize("case", ODD)
def test_damage_of_every_kind_is_refused(case: str, leaf: Signed) -> None:
    form, damage = ODD[case]
    files, passphrase = FORMS[form](leaf)
    damaged = [damage(file) for file in files]
    assert damaged != files
    with pytest.raises(UploadRefused):
        upload(*damaged, passphrase=passphrase)


@FEW
@given(form=st.sampled_from(["pfx unencrypted", "p7b in der", "key encrypted as long ago", "one pem"]), data=st.data())
def test_any_altered_file_is_read_or_refused(form: str, data: st.DataObject) -> None:
    files, passphrase = brought(form)
    which = data.draw(st.integers(0, len(files) - 1))
    altered = bytearray(files[which])
    for _ in range(data.draw(st.integers(1, 4))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UploadRefused):
        pair = upload(*files[:which], bytes(altered), *files[which + 1 :], passphrase=passphrase)
        browser_checks.checks(pair.path, has_key=True, refusal=judge(pair.path, pair.key), roots=[root().foreign], now=NOW)


@functools.cache
def brought(form: str) -> tuple[list[bytes], str]:
    return FORMS[form](sign(issuer=intermediate(), key=p256(5)))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(UploadRefused):
        upload(content)
    with pytest.raises(UploadRefused):
        upload(b"0\x82" + content)


@pytest.mark.parametrize(
    ("options", "work"),
    [
        pytest.param((), 3 * 2048, id="modern"),
        pytest.param(("-legacy",), 3 * 2048, id="legacy"),
        pytest.param(("-iter", "3000"), 3 * 3000, id="more"),
        pytest.param(("-nomac", "-certpbe", "AES-256-CBC"), 2 * 2048, id="without-mac"),
    ],
)
def test_the_derivation_rounds_are_read_from_the_file(options: tuple[str, ...], work: int, leaf: Signed) -> None:
    assert derivation.work(bundled(leaf, *options)) == work


def test_the_derivation_rounds_of_an_encrypted_key_are_read(leaf: Signed) -> None:
    def sealed(*options: str) -> bytes:
        return openssl("pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:x", *options, given=key_pem(leaf))

    assert derivation.work(sealed("-iter", "5000")) == 5000
    assert derivation.work(sealed("-v1", "PBE-SHA1-3DES", "-iter", "6000")) == 6000
    assert derivation.work(sealed("-scrypt")) == 3 * 16384 * 8


def test_pieces_and_lengths_without_end_are_read_as_windows_writes_them(leaf: Signed) -> None:
    # SEQUENCE, indefinite: OCTET STRING in two pieces, which hold SEQUENCE { OCTET STRING salt, INTEGER 9 }
    inner = bytes.fromhex("3008 0403 616263 020109".replace(" ", ""))
    pieces = b"\x24\x80" + b"\x04\x04" + inner[:4] + bytes([4, len(inner) - 4]) + inner[4:] + b"\0\0"
    assert derivation.work(b"\x30\x80" + pieces + b"\0\0") == 9


@pytest.mark.parametrize("form", ["pfx", "key"])
def test_a_file_with_too_many_rounds_is_not_opened(form: str, leaf: Signed) -> None:
    """2³¹ - 1 rounds instead of 70000, in the same four bytes."""
    few, many = b"\x02\x03\x01\x11\x70", b"\x02\x03\x7f\xff\xff"
    if form == "pfx":
        content = bundled(leaf, "-iter", "70000")
    else:
        content = openssl("pkcs8", "-topk8", "-outform", "DER", "-iter", "70000", "-passout", f"pass:{WORD}", given=key_pem(leaf))
    assert few in content
    with pytest.raises(UploadRefused, match="rounds of key derivation") as refused:
        upload(content.replace(few, many), passphrase=WORD)
    assert refused.value.code == "too-much-work"


def of_rounds(leaf: Signed, rounds: int) -> bytes:
    """An encrypted key (DER) that asks for this number of rounds. It was made with 70000."""
    made = openssl("pkcs8", "-topk8", "-outform", "DER", "-iter", "70000", "-passout", f"pass:{WORD}", given=key_pem(leaf))
    return made.replace(b"\x02\x03\x01\x11\x70", b"\x02\x03" + rounds.to_bytes(3))


def pem_block(label: str, content: bytes, line: str = "") -> bytes:
    return f"-----BEGIN {label}-----\n{line}".encode() + base64.encodebytes(content) + f"-----END {label}-----\n".encode()


def code_of(*contents: bytes, passphrase: str = WORD) -> str:
    with pytest.raises(UploadRefused) as refused:
        upload(*contents, passphrase=passphrase)
    return refused.value.code


def test_no_line_in_a_key_hides_how_many_rounds_it_asks_for(leaf: Signed) -> None:
    line, many = "Proc-Type: 4,ENCRYPTED\n", of_rounds(leaf, derivation.MOST + 1)
    hidden = pem_block("ENCRYPTED PRIVATE KEY", many, line)
    assert code_of(leaf.pem, hidden) == "too-much-work"
    around = f"-----BEGIN RSA PRIVATE KEY-----\n{line}".encode() + hidden + b"-----END RSA PRIVATE KEY-----\n"
    assert code_of(leaf.pem, around) == "too-much-work"


def test_the_rounds_of_all_files_together_are_what_counts(leaf: Signed) -> None:
    assert code_of(of_rounds(leaf, 70000), of_rounds(leaf, derivation.MOST - 50000)) == "too-much-work"


def element(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag]) + (bytes([0x80 | len(length)]) + length if len(content) > 127 else bytes([len(content)])) + content


def number(value: int) -> bytes:
    return element(2, value.to_bytes(value.bit_length() // 8 + 1))


def rsa_key(p: int, q: int, *, wrong: int = 0) -> bytes:
    d = pow(65537, -1, (p - 1) * (q - 1)) + wrong
    return element(0x30, *map(number, (0, p * q, 65537, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))


def test_a_number_of_thousands_of_digits_is_too_many_rounds(leaf: Signed) -> None:
    sealed = element(0x30, element(0x30, element(4, b"salt"), element(2, b"\x7f" * 2000)), element(4, b"secret"))
    assert code_of(leaf.pem, sealed) == "too-much-work"


def test_a_key_that_would_be_computed_with_for_minutes_is_not_loaded() -> None:
    long = element(0x30, number(0), number(2**8300 + 1), number(65537))
    apart = pem_block("PRIVATE KEY", element(0x30, number(0), element(4, long)))
    pfx = element(0x30, number(3), element(4, element(0x30, element(4, long))))
    for content in (long, apart, pem_block("RSA PRIVATE KEY", long), pfx):
        assert code_of(content) == "key-too-long"
    assert code_of(pem_block("ENCRYPTED PRIVATE KEY", bytes(7000))) == "key-too-long"


def test_an_rsa_key_is_proved_by_what_it_signs_and_not_by_its_primes(leaf: Signed) -> None:
    p, q = 2**2203 - 1, 2**1279 - 1  # primes, which OpenSSL takes seconds to believe
    began = time.process_time()
    (key,) = uploaded.read([File("0.der", rsa_key(p, q))], "").keys
    assert time.process_time() - began < 1
    assert keys.from_pem(key.pem, own=True).private_numbers().p == p
    assert code_of(leaf.pem, rsa_key(2**607 - 1, 2**521 - 1, wrong=2)) == "damaged"


def test_many_keys_are_not_all_loaded(leaf: Signed) -> None:
    assert code_of(leaf.pem, key_pem(leaf) * 6) == "two-keys"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"".join(b"-----BEGIN A%d-----\n" % line_number for line_number in range(3000)), id="begins"),
        pytest.param(b"-----BEGIN A-----\n" * 4000, id="the-same-begin"),
        pytest.param(b"A" + b" " * 60_000 + b"!", id="spaces"),
        pytest.param(element(0x30, element(0x30, b"\x04\0" * 32_000), element(4)), id="salts"),
    ],
)
def test_reading_takes_no_longer_than_a_file_is_long(content: bytes) -> None:
    began = time.process_time()
    code_of(content)
    assert time.process_time() - began < 1


def test_a_chain_of_many_of_one_name_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, comes_from = [], foreign.comes_from
    monkeypatch.setattr(paths, "comes_from", lambda *given: asked.append(1) or comes_from(*given))
    authority, above = root(), []
    for issuer_number in range(40):
        authority = sign("CA", issuer=authority, key=p256(100 + issuer_number), names=(), ca=True, purposes=(), usage=("key_cert_sign",))
        above.insert(0, authority.pem)
    last = sign(issuer=authority)
    assert code_of(last.pem, key_pem(last), *above) == "too-long"
    assert len(asked) <= paths.MOST_SIGNATURES
    asked.clear()
    unrelated = [sign("Public CA 7", issuer=root(), key=p256(100 + issuer_number), names=()).pem for issuer_number in range(40)]
    last = sign(issuer=intermediate())
    assert upload(last.pem, key_pem(last), *unrelated).intermediates == ()
    assert len(asked) <= paths.MOST_OF_A_NAME + 1


def test_names_have_no_unprintable_characters() -> None:
    made = sign("www\0\n", issuer=intermediate(), names=("www.example\0.evil", "a.example"))
    assert made.foreign.name == "www\ufffd\ufffd"
    assert made.foreign.names == ["www.example\ufffd.evil", "a.example"]
    assert not foreign.covers(made.foreign, "www.example")


def test_deeply_nested_elements_are_refused() -> None:
    with pytest.raises(ValueError, match="nested"):
        derivation.work(b"\x30\x80" * 100_000)
    with pytest.raises(ValueError):
        derivation.work(b"\x30\x84\x7f\xff\xff\xff")


def test_a_wrong_order_is_corrected_and_reported() -> None:
    below = sign("Public CA 8", issuer=intermediate(), key=p256(3), names=(), ca=True, purposes=(), usage=("key_cert_sign",))
    last = sign(issuer=below)
    pair = upload(root().pem + intermediate().pem + below.pem + last.pem + key_pem(last))
    assert pair.certificates == (last.pem, below.pem, intermediate().pem)
    assert [note.split(" ")[0:3] for note in pair.notes] == [["The", "intermediates", "came"], ["The", "root", "Public"]]


def test_unrelated_certificates_are_left_out_and_reported(leaf: Signed) -> None:
    stranger = sign("Stranger CA", key=p256(9), names=(), ca=True, purposes=(), usage=("key_cert_sign",))
    pair = upload(stranger.pem, leaf.pem, intermediate().pem, key_pem(leaf))
    assert pair.certificates == (leaf.pem, intermediate().pem)
    assert pair.notes == ("Stranger CA was left out: it is not part of this certificate's chain.",)


def test_of_two_certificates_of_one_key_the_newer_is_used(leaf: Signed) -> None:
    older = sign(issuer=intermediate(), key=leaf.key, begins=NOW - timedelta(days=80))
    assert upload(older.pem, leaf.pem, intermediate().pem, key_pem(leaf)).leaf == leaf.foreign


# The findings


def levels(chain: list[Signed], *, roots: tuple[ForeignCertificate, ...] = ()) -> dict[str, str]:
    path = Path(tuple(certificate.foreign for certificate in chain))
    found = browser_checks.checks(path, has_key=True, refusal=judge(path, foreign_key.of(chain[0].key)), roots=roots, now=NOW)
    assert all(finding.title.endswith(".") and (finding.remedy or finding.level == "ok") for finding in found)
    return {finding.code: finding.level for finding in found if finding.level != "ok"}


def test_a_good_certificate_has_nothing_against_it(leaf: Signed) -> None:
    assert levels([leaf, intermediate()]) == {}


def located() -> x509.AuthorityInformationAccess:
    place = x509.UniformResourceIdentifier("http://ca.example/7.cer")
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)])


# What is wrong → what is found beside what is fine.
WRONG: dict[str, tuple[dict, dict[str, str]]] = {
    "no name": ({"names": ()}, {"names": "blocker"}),
    "expired": ({"begins": NOW - timedelta(days=91)}, {"dates": "blocker"}),
    "ends soon": ({"begins": NOW - timedelta(days=61)}, {"dates": "warning"}),
    "not yet valid": ({"begins": NOW + timedelta(days=1)}, {"dates": "warning"}),
    "its last second": ({"begins": NOW - timedelta(days=90)}, {"dates": "warning"}),
    "for clients": ({"purposes": (ExtendedKeyUsageOID.CLIENT_AUTH,)}, {"purpose": "blocker"}),
    "for both": ({"purposes": (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)}, {}),
    "for any": ({"purposes": (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)}, {"purpose": "blocker"}),
    "for nothing": ({"purposes": ()}, {"purpose": "warning"}),
    "enciphers only": ({"usage": ("key_encipherment",)}, {"key-usage": "blocker"}),
    "any usage": ({"usage": ()}, {}),
    "398 days": ({"days": 398}, {}),
    "399 days": ({"days": 399}, {"lifetime": "warning"}),
    "825 days": ({"days": 825}, {"lifetime": "warning"}),
    "826 days": ({"days": 826}, {"lifetime": "warning"}),
    "an authority": ({"ca": True}, {"authority": "blocker"}),
    "another site's": ({"further": (role_extension(Role.SERVICE),)}, {"trust-zone": "blocker"}),
    "RSA-1024": ({"key": rsa.generate_private_key(65537, 1024)}, {"key": "blocker"}),
    "P-521": ({"key": ec.generate_private_key(ec.SECP521R1())}, {"key": "blocker"}),
    "P-384": ({"key": ec.generate_private_key(ec.SECP384R1())}, {}),
    "secp256k1": ({"key": ec.generate_private_key(ec.SECP256K1())}, {"key": "blocker"}),
    "Ed25519": ({"key": ed25519.Ed25519PrivateKey.generate()}, {"key": "blocker"}),
    "a place of the issuer": ({"further": (located(),)}, {}),
}


@pytest.mark.parametrize("case", WRONG)
def test_problems_are_found(case: str) -> None:
    change, expected = WRONG[case]
    made = sign(issuer=intermediate(), **change)
    # Each of them can be read and kept: what is found is shown, and the rest is not hidden by it.
    assert upload(made.pem, intermediate().pem, key_pem(made)).leaf == made.foreign
    assert levels([made, intermediate()]) == expected


def test_a_missing_intermediate_is_named_with_its_place() -> None:
    made = sign(issuer=intermediate(), further=(located(),))
    (found,) = [
        finding
        for finding in browser_checks.checks(Path((made.foreign,)), has_key=True, refusal=None, roots=(), now=NOW)
        if finding.code == "chain"
    ]
    assert found.level == "blocker"
    assert "CN=Public CA 7" in found.title
    assert "http://ca.example/7.cer" in found.remedy


def test_a_chain_of_which_a_part_has_expired_blocks() -> None:
    ended = sign(
        "Old CA", issuer=root(), key=p256(4), names=(), ca=True, purposes=(), begins=NOW - timedelta(days=91), usage=("key_cert_sign",)
    )
    assert levels([sign(issuer=ended), ended]) == {"chain": "blocker"}


SHORT = {
    "RSA-1024": functools.partial(rsa.generate_private_key, 65537, 1024),
    "P-192": functools.partial(ec.generate_private_key, ec.SECP192R1()),
}


@pytest.mark.parametrize("kind", SHORT)
def test_a_key_too_short_anywhere_in_the_chain_blocks(kind: str) -> None:
    short = sign("Old CA", issuer=root(), key=SHORT[kind](), names=(), ca=True, purposes=(), usage=("key_cert_sign",))
    made = sign(issuer=short)
    assert levels([made, short]) == {"key": "blocker"}
    choice = BrowserChoice(made.foreign.thumbprints[0], (made.pem, short.pem), key_pem(made))
    assert browser_choice.usable(choice, names=["www.example"], now=NOW) == "unreadable"


def test_self_signed_is_a_warning() -> None:
    assert levels([sign()]) == {"chain": "warning"}


@pytest.mark.parametrize("method", ["md5", "sha1"])
def test_what_openssl_signs_weakly_is_blocked_and_its_chain_still_found(method: str, tmp_path: Folder) -> None:
    def made(name: str, *options: str) -> bytes:
        asked = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", f"-{method}", "-subj", f"/CN={name}")
        return openssl(*asked, *options, "-keyout", str(tmp_path / name))

    (tmp_path / "ca.crt").write_bytes(made("ca"))
    content = made("www", "-addext", "subjectAltName=DNS:www.example", "-addext", "basicConstraints=critical,CA:FALSE",
                   "-CA", str(tmp_path / "ca.crt"), "-CAkey", str(tmp_path / "ca"))  # fmt: skip
    pair = upload((tmp_path / "ca.crt").read_bytes(), content, (tmp_path / "www").read_bytes())
    assert pair.notes == ("The root ca is not sent: browsers have it, or do not trust it.",)
    found = browser_checks.checks(pair.path, has_key=True, refusal=judge(pair.path, pair.key), roots=(), now=datetime.now(UTC))
    assert [finding.title for finding in found if finding.level == "blocker"] == [
        f"www is signed with {method.upper()}, which browsers refuse."
    ]


def test_a_root_of_the_zone_and_a_missing_key_are_reported(authority: Authority) -> None:
    own = foreign.from_pem(authority.pair(Kind.SERVICE, now=NOW).certificate)
    found = {
        finding.code: finding.level
        for finding in browser_checks.checks(
            Path((own,)), has_key=False, refusal=None, roots=[foreign.from_x509(authority.certificate)], now=NOW
        )
    }
    assert (found["trust-zone"], found["private-key"]) == ("warning", "blocker")


@pytest.mark.parametrize(
    ("host_name", "further", "level"),
    [
        ("www.example", [], "ok"),
        ("rim1.corp.example", [], "ok"),
        ("a.rim1.corp.example", [], "blocker"),
        ("rim1.internal", ["10.0.0.1", "www.example"], "warning"),
        ("rim1.internal", ["10.0.0.1"], "blocker"),
    ],
)
def test_the_names_of_a_node(host_name: str, further: list[str], level: str, leaf: Signed) -> None:
    found = browser_checks.for_node(leaf.foreign, name="rim1", host_name=host_name, further=further)
    assert found.level == level
    assert found.title.startswith("It covers")


# Thumbprints

HIDDEN = st.text(st.sampled_from("\u200e\u200f\u202a\ufeff\u00ad\u00a0\u2003\t\r\n :-\u2013"), max_size=4)


@FEW
@given(st.binary(min_size=20, max_size=20) | st.binary(min_size=32, max_size=32), st.data())
def test_a_thumbprint_is_read_however_it_was_pasted(digest: bytes, data: st.DataObject) -> None:
    plain = digest.hex()
    pasted = "".join(data.draw(HIDDEN) + (character.upper() if data.draw(st.booleans()) else character) for character in plain) + data.draw(
        HIDDEN
    )
    assert browser_facing.thumbprint(pasted) == plain


@pytest.mark.parametrize("text", ["", "ab", "a" * 39, "a" * 41, "g" * 40, "a" * 63, "0x" + "a" * 40, "ａ" * 40, "٣" * 40])
def test_an_invalid_thumbprint_is_refused(text: str) -> None:
    with pytest.raises(ThumbprintInvalid):
        browser_facing.thumbprint(text)


# Requests


def test_openssl_reads_the_request_with_all_its_names() -> None:
    key = keys.generate(KeyType.RSA_2048)
    pem = browser_facing.request(key, ["www.example", "*.corp.example", "10.1.2.3"])
    text = openssl("req", "-noout", "-text", "-verify", given=pem).decode()
    assert "DNS:www.example, DNS:*.corp.example, IP Address:10.1.2.3" in text
    assert "Subject: CN = www.example" in text


@pytest.mark.parametrize("names", [[], ["*.example"], ["a b"], ["https://x"], ["x"] * 51, ["a.*.example"], ["www_1.example"]])
def test_names_that_no_certificate_can_have_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidName):
        browser_facing.request(p256(), names)


def test_an_answer_is_accepted_only_for_the_key_of_its_request(leaf: Signed) -> None:
    def answered(content: bytes, key: object) -> ServerPair:
        return browser_facing.answer([File("answer.p7b", content)], "", key=foreign_key.of(key), kept=(), judge=judge, now=NOW)

    assert answered(leaf.pem + intermediate().pem, leaf.key).certificates == (leaf.pem, intermediate().pem)
    assert answered(leaf.pem + key_pem(leaf), leaf.key).leaf == leaf.foreign
    with pytest.raises(UploadRefused, match="made for another key"):
        answered(leaf.pem, p256(77))
    with pytest.raises(UploadRefused, match="does not belong to this certificate"):
        answered(leaf.pem + key_pem(leaf), p256(77))
    with pytest.raises(UploadRefused, match="a request, not a certificate"):
        answered(browser_facing.request(leaf.key, ["www.example"]), leaf.key)


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no Java here")
def test_a_keystore_of_java_is_read(tmp_path: Folder) -> None:
    store = tmp_path / "java.p12"
    asked = [
        "-genkeypair",
        "-alias",
        "www",
        "-keyalg",
        "EC",
        "-groupname",
        "secp256r1",
        "-dname",
        "CN=www.example",
        "-ext",
        "san=dns:www.example",
    ]
    subprocess.run(
        ["keytool", *asked, "-storetype", "PKCS12", "-keystore", store, "-storepass", "changeit"], check=True, capture_output=True
    )
    assert upload(store.read_bytes(), passphrase="changeit").leaf.subject.text == "CN=www.example"
