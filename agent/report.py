"""The report of this node to the central node."""

import base64
import contextlib
from datetime import datetime
from typing import Any

from cryptography import x509

from agent.central_addresses import CentralAddresses
from agent.store import Installed, KeyRing
from agent.version import VERSION, system
from pki.core import sealing, verify
from pki.core.errors import SealError
from pki.exchange.report import Report


def _proofs(ring: KeyRing, challenges: dict[str, str], node: str) -> dict[str, bytes]:
    """The decrypted challenges of the central node, by key id. Those that cannot be decrypted are left out."""
    opened = {}
    for key_id, sealed in challenges.items():
        with contextlib.suppress(SealError, ValueError):
            opened[key_id] = sealing.unseal(ring.keys.values(), base64.b64decode(sealed), bound_to=sealing.challenge_for(node))
    return opened


def _run(hook: dict[str, Any] | None) -> dict[str, Any]:
    """The hook's last run, with an exit code in the range that the central node accepts: exit codes of Windows have up to 32 bits."""
    if not hook or hook["exit"] is None:
        return hook or {}
    return hook | {"exit": max(-255, min(255, hook["exit"]))}


def report_make(
    installed: Installed,
    ring: KeyRing,
    challenges: dict[str, str],
    *,
    loaded: Installed,
    served: dict[str, str | None],
    listening: bool,
    now: datetime,
    hook: dict[str, Any] | None = None,
    browser: dict[str, str] | None = None,
    cluster_proof: str | None = None,
    central: CentralAddresses | None = None,
    turn: str = "",
) -> Report:
    """The certificates and keys that this node has installed, serves and can decrypt, and the roots that its listener has `loaded`."""
    _, trusted = loaded.revision
    held: dict[str, x509.Certificate | bytes] = {"service": installed.service, "client": installed.client, "cluster": installed.cluster}
    with contextlib.suppress(OSError, ValueError):  # browser.pem is missing or damaged
        held["browser"] = installed.browser
    return Report(
        generation=installed.generation, clock=now, trusts=list(trusted), revocation_lists=trusted, served=served, listening=listening,
        installed={kind: verify.fingerprint(certificate) for kind, certificate in held.items()},
        database_keys=list(ring.keys), proofs=_proofs(ring, challenges, installed.node),
        central_addresses=central.newest_addresses() if central else [], central_called=central.called if central else "",
        hook=_run(hook), browser=browser or {}, cluster_proof=cluster_proof or "", version=VERSION, system=system(),
        turn=turn, node=installed.node,
    )  # fmt: skip
