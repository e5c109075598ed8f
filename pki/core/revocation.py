"""Reading and checking revocation lists (RFC 5280, section 5)."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from pki.core.errors import PKIError


def issued_by(crl: x509.CertificateRevocationList, root: x509.Certificate) -> bool:
    """Whether `root` signed the list."""
    try:
        return crl.issuer == root.subject and crl.is_signature_valid(root.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, TypeError, ValueError):
        return False


def number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def is_revoked(certificate: x509.Certificate, crls: Iterable[x509.CertificateRevocationList]) -> bool:
    """Whether the list of the certificate's issuer has it. A list after its next update still counts; an alert reports it."""
    return any(
        crl.issuer == certificate.issuer and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
        for crl in crls
    )


def load(pem: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """The lists in `pem`, each with its number. `package_check.trust` checks that a trusted root signed them. Raises: PKIError."""
    mark, crls = b"-----BEGIN X509 CRL-----", []
    for part in pem.split(mark)[1:]:
        try:
            crl = x509.load_pem_x509_crl(mark + part)
            number_of(crl)
        except (ValueError, x509.ExtensionNotFound) as exc:
            raise PKIError("A revocation list cannot be read, or has no number.") from exc
        crls.append(crl)
    return tuple(crls)
