"""Certificates that libraries refuse to read and browsers do not, made by changing good ones in their DER and signing them again."""

from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pki.core import ber
from tests.public_authority import Signed

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
PSS_WITHOUT_PARAMETERS = bytes.fromhex("300b06092a864886f70d01010a")


def resigned(made: Signed, issuer: Signed, change: Callable[[bytes], bytes], *, algorithm: bytes = ECDSA_SHA256) -> bytes:
    """The certificate (PEM) with another to-be-signed part, signed by `issuer` (EC)."""
    old = ber.first(made.certificate.public_bytes(Encoding.DER)).parts[0]
    signed = with_part(change(old.raw), 2, algorithm)
    signature = issuer.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return ber.pem("CERTIFICATE", ber.der(0x30, signed, algorithm, ber.der(0x03, b"\0" + signature)))


def with_part(signed: bytes, number: int, part: bytes) -> bytes:
    """The to-be-signed part with another field in the place of one."""
    parts = [element.raw for element in ber.first(signed).parts]
    return ber.der(0x30, *parts[:number], part, *parts[number + 1 :])


def subject(*attributes: tuple[str, int, bytes]) -> bytes:
    """A name of attributes: the identifier (hex), the type of string, the string."""
    return ber.der(
        0x30, *(ber.der(0x31, ber.der(0x30, ber.der(6, bytes.fromhex(oid)), ber.der(tag, text))) for oid, tag, text in attributes)
    )


def with_extension(signed: bytes, oid: str, value: bytes, *, critical: bytes = b"") -> bytes:
    """With one extension more, or another value of one; `critical` is the DER of the flag."""
    parts = [part.raw for part in ber.first(signed).parts]
    held = ber.first(signed).parts[-1].parts[0].parts
    kept = [element.raw for element in held if element.parts[0].content.hex() != oid]
    extension = ber.der(0x30, ber.der(6, bytes.fromhex(oid)), critical, ber.der(4, value))
    return ber.der(0x30, *parts[:-1], ber.der(0xA3, ber.der(0x30, *kept, extension)))


CN, ORGANIZATION = "550403", "55040a"
# What libraries refuse → how the to-be-signed part of a good certificate is changed.
ODD: dict[str, Callable[[bytes], bytes]] = {
    "a star in a PrintableString": lambda signed: with_part(signed, 5, subject((CN, 0x13, b"*.corp.example"))),
    "an umlaut in a T61String": lambda signed: with_part(signed, 5, subject((ORGANIZATION, 0x14, b"M\xfcller"), (CN, 0x13, b"www"))),
    "an @ in a PrintableString": lambda signed: with_part(signed, 5, subject((CN, 0x13, b"admin@corp.example"))),
    "bytes that are no UTF-8": lambda signed: with_part(signed, 5, subject((CN, 0x0C, b"M\xfcller"))),
    "a country of three letters": lambda signed: with_part(signed, 5, subject(("550406", 0x13, b"DEU"), (CN, 0x13, b"www"))),
    "an empty string in a name": lambda signed: with_part(signed, 5, subject((ORGANIZATION, 0x13, b""), (CN, 0x13, b"www"))),
    "CA:FALSE in full": lambda signed: with_extension(signed, "551d13", ber.der(0x30, ber.der(1, b"\0"))),
    "not critical in full": lambda signed: with_extension(signed, "551d13", ber.der(0x30), critical=ber.der(1, b"\0")),
    "a TLS feature 16": lambda signed: with_extension(signed, "2b06010505070118", bytes.fromhex("3003020110")),
    "a policy of indefinite length": lambda signed: with_extension(signed, "551d20", bytes.fromhex("3080300406022a030000")),
    "a negative serial number": lambda signed: with_part(signed, 1, ber.der(2, b"\x80\x01")),
}  # fmt: skip
