"""The CAs that a channel trusts beside those of the system."""

from alerts.channels.kinds import Field

FIELD = Field(
    "ca",
    "CA certificates",
    "Certificates in PEM of private CAs that this channel also trusts. Leave it empty if the receiver has a certificate of a public CA.",
    is_required=False,
    lines=True,
)
