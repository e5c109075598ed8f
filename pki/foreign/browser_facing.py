"""Browser certificates: leaf, ordered intermediates and private key from uploaded files; thumbprints; certificate requests (S1)."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki.core import names
from pki.core.errors import InvalidName, ThumbprintInvalid, UploadRefused
from pki.core.keys import PrivateKey, hash_for
from pki.foreign import uploaded
from pki.foreign.paths import Path, paths
from pki.foreign.private_key import ForeignPrivateKey
from pki.foreign.read import ForeignCertificate
from pki.foreign.refusal import Refusal
from pki.foreign.remedies import Remedy
from pki.foreign.uploaded import File, Found

LONGEST_CHAIN, LARGEST_PEM = 10, 32 * 1024  # a node accepts 64 KiB, encrypted
MOST_NAMES = 50
Judge = Callable[[Path, ForeignPrivateKey], Refusal | None]


@dataclass(frozen=True)
class ServerPair:
    """The certificates and the key for a proxy. `notes` say what was corrected or left out."""

    path: Path
    key: ForeignPrivateKey = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def leaf(self) -> ForeignCertificate:
        return self.path.leaf

    @property
    def intermediates(self) -> tuple[ForeignCertificate, ...]:
        """In order, without the root."""
        return self.path.sent[1:]

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """PEM, the leaf first."""
        return tuple(certificate.pem for certificate in self.path.sent)

    @property
    def private_key(self) -> bytes:
        """PEM, unencrypted, for an encrypted field."""
        return self.key.pem


def bundle(path: Path, key: ForeignPrivateKey) -> bytes:
    """The bytes of browser.pem: the key, then the certificates."""
    return key.pem + b"".join(certificate.pem for certificate in path.sent)


def upload(
    files: Iterable[File],
    passphrase: str,
    *,
    kept: Callable[[ForeignCertificate], Sequence[ForeignCertificate]],
    judge: Judge,
    now: datetime,
) -> ServerPair:
    """A certificate with its private key. `kept` returns the stored certificates of a leaf, `judge` OpenSSL's verdict on a path. Raises: UploadRefused."""
    found = uploaded.read(files, passphrase)
    if not found.keys:
        if found.without_key:
            raise UploadRefused("pfx-without-key", f"{found.without_key} holds no private key.", Remedy.EXPORT_WITH_KEY)
        if found.for_ssh:
            raise UploadRefused("ssh-key", f"The private key in {found.for_ssh} is in a form that only SSH uses.", Remedy.CONVERT_KEY)
        raise UploadRefused("no-private-key", "There is no private key among these files.", Remedy.CHOOSE_KEY_TOO)
    if not found.certificates:
        raise UploadRefused("no-certificate", "There is a private key and no certificate among these files.", Remedy.CHOOSE_CERTIFICATE_TOO)
    key = _one_key(found)
    own = [certificate for certificate in found.certificates if certificate.key == key.public]
    leaf = max(own, key=lambda certificate: certificate.not_before)
    return _pair(leaf, found, kept(leaf), key, judge=judge, now=now)


def answer(
    files: Iterable[File], passphrase: str, *, key: ForeignPrivateKey, kept: Sequence[ForeignCertificate], judge: Judge, now: datetime
) -> ServerPair:
    """The certificate for the request of `key`, or more of its chain. `kept` are the stored certificates, the leaf first. Raises: UploadRefused."""
    found = uploaded.read(files, passphrase)
    if any(private_key.public != key.public for private_key in found.keys):
        raise UploadRefused("another-key", "These files have a private key that does not belong to this certificate.", Remedy.AS_NEW)
    if not found.certificates:
        raise UploadRefused("no-certificate", "There is no certificate among these files.", Remedy.CHOOSE_CERTIFICATE_TOO)
    own = [certificate for certificate in found.certificates if certificate.key == key.public]
    if not own and not kept:
        raise UploadRefused("another-key", "This certificate was made for another key, not for this request.", Remedy.SEND_THIS_REQUEST)
    leaf = max(own, key=lambda certificate: certificate.not_before) if own else kept[0]
    pair = _pair(leaf, found, kept, key, judge=judge, now=now)
    if pair.path.certificates == tuple(kept):
        raise UploadRefused(
            "nothing-new", "These files add nothing: the console has all their certificates of the chain.", Remedy.ISSUER_NAMED
        )
    return pair


def _one_key(found: Found) -> ForeignPrivateKey:
    """The key whose certificate is among the files. Other keys are ignored. Raises: UploadRefused."""
    publics = {certificate.key for certificate in found.certificates}
    fitting = {private_key.public: private_key for private_key in found.keys if private_key.public in publics}
    if not fitting:
        raise UploadRefused("another-key", "The private key belongs to none of these certificates.", Remedy.CHOOSE_ITS_KEY)
    if len(fitting) > 1:
        raise UploadRefused("two-keys", "These files hold more than one private key with its certificate.", Remedy.ONE_KEY)
    (key,) = fitting.values()
    if any(private_key.public != key.public for private_key in found.keys):
        found.aside.append("Another private key was ignored: it belongs to none of these certificates.")
    return key


def _pair(
    leaf: ForeignCertificate, found: Found, kept: Sequence[ForeignCertificate], key: ForeignPrivateKey, *, judge: Judge, now: datetime
) -> ServerPair:
    others = [certificate for certificate in dict.fromkeys((*found.certificates, *kept)) if certificate != leaf]
    ways = paths(leaf, others, now=now)
    # Any path that OpenSSL accepts is good. If it accepts none, the best one shows the reason.
    path = next((way for way in ways if not way.is_alone and judge(way, key) is None), ways[0])
    if len(path.sent) - 1 > LONGEST_CHAIN or sum(len(certificate.pem) for certificate in path.sent) > LARGEST_PEM:
        words = f"Certificate and chain are longer than {LARGEST_PEM // 1024} KiB or {LONGEST_CHAIN} intermediates."
        raise UploadRefused("too-long", words, Remedy.FEWER_FILES)
    return ServerPair(path, key, (*_notes(path, others), *found.aside))


def _notes(path: Path, others: Sequence[ForeignCertificate]) -> list[str]:
    notes, above = [], list(path.sent[1:])
    if [other for other in others if other in above] != above:
        notes.append("The intermediates came in another order and were put in order.")
    if path.root is not None:
        notes.append(f"The root {path.root.name} is not sent: browsers have it, or do not trust it.")
    left = [other for other in others if other not in path.certificates]
    return notes + [f"{certificate.name} was left out: it is not part of this certificate's chain." for certificate in left]


def thumbprint(text: str) -> str:
    """40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits, from pasted text. Windows puts a hidden U+200E before it.

    Raises: ThumbprintInvalid.
    """
    plain = "".join(
        character
        for character in text
        if unicodedata.category(character)[0] not in "CZM" and unicodedata.category(character) != "Pd" and character != ":"
    )
    plain = plain.lower()
    strange = next((character for character in plain if character not in "0123456789abcdef"), None)
    if strange is not None:
        raise ThumbprintInvalid(f"“{strange}” does not occur in a thumbprint, which has the digits 0–9 and the letters a–f. Copy it again.")
    if len(plain) not in (40, 64):
        raise ThumbprintInvalid(
            f"This has {len(plain)} symbols. A thumbprint has 40 (SHA-1) or 64 (SHA-256). Copy the complete thumbprint."
        )
    return plain


def requested_name(text: str) -> x509.GeneralName:
    """A host name, an IP address, or a wildcard of one label. Raises: InvalidName."""
    if text.startswith("*."):
        if "." not in text[2:]:
            raise InvalidName(f"Browsers refuse {text[:64]}: a wildcard needs at least two labels after it, such as *.corp.example.")
        return x509.DNSName("*." + names.host_name(text[2:], limit=251))
    return names.subject_alternative_name(text)


def requested_names(host_names: Sequence[str]) -> list[x509.GeneralName]:
    """The alternative names of a request for `host_names`. Raises: InvalidName."""
    if not 1 <= len(host_names) <= MOST_NAMES:
        raise InvalidName(f"A request has from 1 to {MOST_NAMES} names.")
    return [requested_name(name) for name in host_names]


def request(key: PrivateKey, host_names: Sequence[str]) -> bytes:
    """A request (CSR, PKCS #10, PEM) for `host_names`, the first of them also its common name. Raises: InvalidName."""
    alternative_names = requested_names(host_names)
    common = [x509.NameAttribute(NameOID.COMMON_NAME, host_names[0])] if len(host_names[0]) <= names.LONGEST_NAME else []
    builder = x509.CertificateSigningRequestBuilder(x509.Name(common))
    # A subject without a name makes the alternative names critical (RFC 5280, 4.2.1.6).
    builder = builder.add_extension(x509.SubjectAlternativeName(alternative_names), critical=not common)
    return builder.sign(key, hash_for(key.public_key())).public_bytes(Encoding.PEM)
