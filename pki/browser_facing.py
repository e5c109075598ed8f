"""A browser-facing certificate: leaf, intermediates in order and private key out of what was uploaded; thumbprints; requests (S1)."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pki import foreign, names, uploaded
from pki.errors import InvalidName, ThumbprintInvalid, UploadRefused
from pki.foreign import ForeignCertificate
from pki.keys import PrivateKey, hash_for
from pki.uploaded import File, Found

LONGEST_CHAIN, LARGEST_PEM = 10, 32 * 1024  # what a node takes, sealed, is 64 KiB
MOST_NAMES, MOST_OF_A_NAME = 50, 20


@dataclass(frozen=True)
class ServerPair:
    """What a proxy needs: the intermediates stand in order, without the root. `notes` say what was put right or left out."""

    leaf: ForeignCertificate
    intermediates: tuple[ForeignCertificate, ...]
    key: Any = field(repr=False)
    notes: tuple[str, ...] = ()
    root: ForeignCertificate | None = None

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """PEM, the leaf first."""
        return tuple(each.pem for each in (self.leaf, *self.intermediates))

    @property
    def private_key(self) -> bytes:
        """Unencrypted PKCS #8, for a sealed place."""
        pem: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem


def upload(files: Iterable[File], passphrase: str) -> ServerPair:
    """A certificate with its private key. Raises: UploadRefused."""
    found = uploaded.read(files, passphrase)
    if not found.keys:
        if found.without_key:
            raise UploadRefused(
                "pfx-without-key",
                f"{found.without_key} holds no private key. Export it again and tick that the private key goes with it; on Windows it must "
                "have been marked exportable.",
            )
        raise UploadRefused("no-private-key", "There is no private key among these files. Choose the key file as well.")
    return _pair(found, _one_key(found.keys), "The private key belongs to none of these certificates. Choose the key made for this one.")


def answer(files: Iterable[File], passphrase: str, *, key: Any) -> ServerPair:
    """The certificate that an authority made for the request of `key`. Raises: UploadRefused."""
    found = uploaded.read(files, passphrase)
    if found.keys and _one_key(found.keys).public_key() != key.public_key():
        raise UploadRefused(
            "another-key", "These files bring a private key that is not the one of this request. Upload them as a new certificate."
        )
    return _pair(
        found,
        key,
        "This certificate was made for another key, not for this request. Send the request shown here to your certificate authority, and "
        "bring what it makes of that.",
    )


def _one_key(found: Sequence[Any]) -> Any:
    first = found[0]
    if any(each.public_key() != first.public_key() for each in found[1:]):
        raise UploadRefused("two-keys", "These files hold more than one private key. Choose the one key that belongs to the certificate.")
    return first


def _pair(found: Found, key: Any, mismatch: str) -> ServerPair:
    if not found.certificates:
        raise UploadRefused(
            "no-certificate", "There is a private key and no certificate among these files. Choose the certificate as well."
        )
    public = foreign.of_private_key(key)
    own = [each for each in found.certificates if each.key == public]
    if not own:
        raise UploadRefused("another-key", mismatch)
    leaf = max(own, key=lambda each: each.not_before)
    pair = _ordered(leaf, [each for each in dict.fromkeys(found.certificates) if each != leaf], key)
    if len(pair.intermediates) > LONGEST_CHAIN or sum(map(len, pair.certificates)) > LARGEST_PEM:
        raise UploadRefused(
            "too-long", f"Certificate and chain are longer than {LARGEST_PEM // 1024} KiB or {LONGEST_CHAIN} intermediates."
        )
    return pair


def _issuer(certificate: ForeignCertificate, among: list[ForeignCertificate]) -> ForeignCertificate | None:
    """Each signature takes its time to verify, so that not all are tried where hundreds bear the issuer's name."""
    named = [each for each in among if each.subject.canonical == certificate.issuer.canonical][:MOST_OF_A_NAME]
    return next((each for each in named if foreign.comes_from(certificate, each)), None)


def _ordered(leaf: ForeignCertificate, others: list[ForeignCertificate], key: Any) -> ServerPair:
    chain: list[ForeignCertificate] = []
    last, root = leaf, None
    left = list(others)
    while len(chain) <= LONGEST_CHAIN and not last.is_self_signed and (issuer := _issuer(last, left)):
        left.remove(issuer)
        last = issuer
        if issuer.is_self_signed:
            root = issuer
        else:
            chain.append(issuer)
    notes = []
    if [each for each in others if each in chain] != chain:
        notes.append("The intermediates came in another order and were put in order.")
    if root is not None:
        notes.append(f"The root {root.name} was left out: browsers have it, or do not trust it.")
    notes += [f"{each.name} was left out: it is no part of this certificate's chain." for each in left]
    return ServerPair(leaf, tuple(chain), key, tuple(notes), root)


def thumbprint(text: str) -> str:
    """40 (SHA-1) or 64 (SHA-256) lower-case hex symbols, out of what was pasted: Windows puts a hidden U+200E before it.

    Raises: ThumbprintInvalid.
    """
    plain = "".join(
        each for each in text if unicodedata.category(each)[0] not in "CZM" and unicodedata.category(each) != "Pd" and each != ":"
    )
    plain = plain.lower()
    strange = next((each for each in plain if each not in "0123456789abcdef"), None)
    if strange is not None:
        raise ThumbprintInvalid(f"“{strange}” does not stand in a thumbprint, which has the digits 0–9 and the letters a–f. Copy it again.")
    if len(plain) not in (40, 64):
        raise ThumbprintInvalid(f"This has {len(plain)} symbols; a thumbprint has 40 (SHA-1) or 64 (SHA-256). Copy the whole of it.")
    return plain


def requested_name(text: str) -> x509.GeneralName:
    """A host name, an IP address, or a wildcard of one label. Raises: InvalidName."""
    if text.startswith("*."):
        if "." not in text[2:]:
            raise InvalidName(f"Browsers refuse {text[:64]}: below a wildcard stand at least two labels, such as *.corp.example.")
        return x509.DNSName("*." + names.host_name(text[2:], limit=251))
    return names.subject_alternative_name(text)


def requested_names(host_names: Sequence[str]) -> list[x509.GeneralName]:
    """What a request for `host_names` bears. Raises: InvalidName."""
    if not 1 <= len(host_names) <= MOST_NAMES:
        raise InvalidName(f"A request takes from 1 to {MOST_NAMES} names.")
    return [requested_name(each) for each in host_names]


def request(key: PrivateKey, host_names: Sequence[str]) -> bytes:
    """A request (CSR, PKCS #10, PEM) for `host_names`, the first of them also its common name. Raises: InvalidName."""
    borne = requested_names(host_names)
    common = [x509.NameAttribute(NameOID.COMMON_NAME, host_names[0])] if len(host_names[0]) <= names.LONGEST_NAME else []
    builder = x509.CertificateSigningRequestBuilder(x509.Name(common))
    # A subject without a name makes the alternative names critical (RFC 5280, 4.2.1.6).
    builder = builder.add_extension(x509.SubjectAlternativeName(borne), critical=not common)
    return builder.sign(key, hash_for(key.public_key())).public_bytes(Encoding.PEM)
