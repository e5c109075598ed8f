"""Kinds of certificates, and the extension that marks the trust zone's with their role (S14)."""

from enum import StrEnum

from cryptography import x509

ROLE_OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.13.3")
OCTET_STRING = 0x04
# The subjects of certificates without a host name.
CLIENT_NAME, CLUSTER_NAME = "QlikClient", "QlikServiceCluster"


class Role(StrEnum):
    ROOT = "Root"
    SERVICE = "Service"
    CLIENT = "Client"


class Kind(StrEnum):
    ROOT = "root"
    SERVICE = "service"
    CLIENT = "client"
    CLUSTER = "cluster"
    SERVER = "server"


OWN_KINDS = (Kind.SERVICE, Kind.CLIENT)  # certificates that belong to one node


def octet_string(content: bytes) -> bytes:
    """DER OCTET STRING of at most 65535 bytes (X.690 8.7)."""
    size = len(content)
    if size < 0x80:
        return bytes([OCTET_STRING, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([OCTET_STRING, 0x80 | len(length)]) + length + content


def octet_string_content(der: bytes) -> bytes:
    """The content of a DER OCTET STRING. Raises: ValueError if it is something else."""
    start = 2 + (der[1] & 0x7F if len(der) > 1 and der[1] & 0x80 else 0)
    content = der[start:]
    if octet_string(content) != der:
        raise ValueError("not a DER OCTET STRING")
    return content


def role_extension(role: Role) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ROLE_OID, octet_string(role.encode("ascii")))


def extension_value(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes | None:
    """The raw value of a private extension, None where it is absent."""
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else None


def role_of(certificate: x509.Certificate) -> Role | None:
    """The role of the certificate; None without one, or if it is unknown."""
    value = extension_value(certificate, ROLE_OID)
    try:
        return Role(octet_string_content(value or b"").decode("ascii"))
    except ValueError:
        return None
