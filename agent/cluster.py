"""The site's cluster key on a node: the proof that the node has it, and its import from a PFX file."""

import logging
from datetime import datetime
from pathlib import Path

from cryptography import x509

from agent.files import replace
from agent.state import Refused, State
from agent.store import Installed
from pki.cluster import proofs
from pki.core import keys, revocation, verify
from pki.core.errors import PKIError
from pki.core.roles import role_of
from pki.foreign import pfx

log = logging.getLogger("agent")
CLUSTER_NAME = "QlikServiceCluster"


def place(installed: Installed) -> Path:
    """The file with key and certificate."""
    return installed.path / "machine/personal/cluster.pem"


def proof(installed: Installed, challenge: str) -> str | None:
    """The central node's challenge, signed with the cluster key; None without a challenge, or if the key cannot be read."""
    if not challenge:
        return None
    try:
        key = keys.from_pem(place(installed).read_bytes(), own=True)
        return proofs.proof_make(key, node=installed.node, challenge=challenge)
    except (OSError, PKIError) as exc:
        log.warning("no proof of the cluster key is sent, because the key cannot be used: %s", exc)
        return None


def import_cluster(state: State, content: bytes, password: str, *, now: datetime) -> Installed:
    """Write the key and certificate of a PFX into the installed generation, by one rename. Raises: Refused, PfxRefused, PKIError: nothing changed."""
    pair = pfx.pfx_read(content, password)
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    with state.locked():
        installed = state.store.current()
        if installed is None:
            raise Refused(
                "nothing-installed",
                "No certificates are installed here yet. Register this node first. That installs the cluster certificate too.",
            )
        _check(certificate, installed, now)
        if certificate.public_key() != keys.from_pem(pair.private_key, own=True).public_key():
            raise Refused(
                "other-key", "The private key in the file does not belong to its certificate. Download it again from the console."
            )
        replace(place(installed), pair.private_key + pair.certificate)
        changed = state.store.current()
    assert changed is not None
    return changed


def _check(certificate: x509.Certificate, installed: Installed, now: datetime) -> None:
    """Raises: Refused, PeerRefused."""
    subject = certificate.subject.rfc4514_string()
    if role_of(certificate) is not None or subject != f"CN={CLUSTER_NAME}":
        raise Refused(
            "not-cluster",
            f"The file holds {subject}, which is not the site's cluster certificate (CN={CLUSTER_NAME}). Nothing was changed.",
        )
    verify.chain(certificate, installed.roots, now=now)
    if revocation.is_revoked(certificate, installed.crls):
        raise Refused("revoked", "This cluster certificate was revoked. Download the current one from the console.")
