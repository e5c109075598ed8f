"""The CAs that a channel trusts beside those of the system."""

from alerts.channels.kinds import Field
from outbound.connections import tls_context

FIELD = Field(
    "ca",
    "CA certificates",
    "Certificates in PEM of private CAs that this channel also trusts. Leave it empty if the receiver has a certificate of a public CA.",
    is_required=False,
    lines=True,
)


def problem(pem: str) -> str:
    """Why this text cannot be stored; "" if it can."""
    if "PRIVATE KEY" in pem:
        return "This contains a private key. Enter certificates only."
    try:
        tls_context(pem)
    except ValueError:
        return "This is not a list of certificates in PEM. Each begins with -----BEGIN CERTIFICATE-----."
    return ""
