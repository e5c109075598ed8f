"""The certificates that this machine has installed, as the database knows them."""

from attention.once import once
from certs.models import Certificate
from sealing.local_keys import own_fingerprints


@once
def installed_here() -> dict[str, Certificate]:
    """They and their issuers, by SHA-256. A certificate that the database does not know is not among them. Raises: ZoneBroken if the store is damaged."""
    rows = Certificate.objects.filter(sha256__in=own_fingerprints()).select_related("issuer")
    return {row.sha256: row for row in rows.defer("der", "sealed_private_key", "issuer__der", "issuer__encrypted_private_key")}
