"""Every step at which a registration, a renewal or an installation can fail, with its name and its function."""

from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple


class Step(NamedTuple):
    """A moment in a flow: before or after the call of `target` (module:attribute) whose arguments or result show `match`."""

    name: str
    flow: str  # registration, renewal, rotation, export or removal
    where: str  # console, worker, node-api or agent
    target: str
    when: str = "after"
    match: str = ""


REGISTRATION, RENEWAL, DIAL = "nodes.registration.services", "nodes.renewal.services", "served_certificate"
HEARTBEAT, CERTIFICATES, STORE, STATE = "nodes.node_api.heartbeat", "certs.certificates.services", "agent.store", "agent.state"

STEPS = (
    # The password is answered, its nudge is not sent yet.
    Step("registration-not-nudged", "registration", "console", "jobs.services:nudge", "before"),
    Step("job-claimed", "registration", "worker", "jobs.services:job_claim", "after", "Registration of {name}"),
    Step("certificate-prepared", "registration", "worker", f"{CERTIFICATES}:_recorded", "before", "{name}.example"),
    Step("certificate-recorded", "registration", "worker", f"{CERTIFICATES}:_recorded", "after", "{name}.example"),
    Step("certificate-signed", "registration", "worker", "pki.issuing.issue:sign", "after", "{name}.example"),
    Step("certificate-issued", "registration", "worker", "nodes.issuance.services:certificates_for", "after", "{name}.example"),
    Step("package-sealed", "registration", "worker", "pki.exchange.package:seal_with_password", "after", "{name}.example"),
    Step("distributing-recorded", "registration", "worker", f"{REGISTRATION}:node_transition", "after", "DISTRIBUTING"),
    Step("package-not-posted", "registration", "worker", f"{REGISTRATION}:ask", "before", "POST"),
    Step("package-posted", "registration", "worker", f"{REGISTRATION}:ask", "after", "POST"),
    Step("awaiting-recorded", "registration", "worker", f"{REGISTRATION}:node_transition", "after", "AWAITING_PASSWORD"),
    Step("called-home", "registration", "node-api", f"{HEARTBEAT}:_called_home", "before", "{name}"),
    Step("calling-home-recorded", "registration", "node-api", f"{HEARTBEAT}:node_transition", "after", "VERIFYING"),
    Step("not-dialled", "registration", "worker", f"{REGISTRATION}:{DIAL}", "before", "{name}"),
    Step("dialled", "registration", "worker", f"{REGISTRATION}:{DIAL}", "after", "{name}"),
    Step("registered-recorded", "registration", "worker", f"{REGISTRATION}:older_supersede", "after", "{name}"),
    Step("job-not-finished", "registration", "worker", f"{REGISTRATION}:job_finish", "before", "Registration of {name}"),
    # On the node.
    Step("package-arrives", "registration", "agent", f"{STATE}:State.accept", "before"),
    Step("package-not-synced", "registration", "agent", "os:fsync", "before", "/waiting/"),
    Step("package-kept", "registration", "agent", f"{STATE}:State.accept"),
    Step("package-opened", "registration", "agent", f"{STATE}:State._install", "before"),
    Step("file-not-synced", "registration", "agent", "os:fsync", "before", "staged"),
    Step("generation-not-synced", "registration", "agent", "os:fsync", "before", "/generations'"),
    Step("service-pair-kept", "registration", "agent", f"{STORE}:Store._keep_service_pair"),
    Step("switch-not-synced", "registration", "agent", "os:fsync", "before", "/home'"),
    Step("switched", "registration", "agent", f"{STORE}:_replace_link", "after", "current"),
    Step("exported", "registration", "agent", f"{STORE}:Store._forget_old_generations", "before"),
    Step("installed", "registration", "agent", f"{STORE}:Store.install"),
    Step("memory-not-synced", "registration", "agent", f"{STATE}:State._remember", "before", "reopened"),
    # A renewal inside mutual TLS.
    Step("renewal-not-nudged", "renewal", "console", "jobs.services:nudge", "before"),
    Step("renewal-claimed", "renewal", "worker", "jobs.services:job_claim", "after", "Renewal of {name}"),
    Step("renewal-recorded", "renewal", "worker", f"{CERTIFICATES}:_recorded", "after", "{name}.example"),
    Step("renewal-signed", "renewal", "worker", "pki.issuing.issue:sign", "after", "{name}.example"),
    Step("renewal-sealed", "renewal", "worker", "pki.exchange.package:seal_to_certificate", "after", "{name}.example"),
    Step("offered-recorded", "renewal", "worker", f"{RENEWAL}:renewal_transition", "after", "OFFERED"),
    Step("renewal-fetched", "renewal", "node-api", "nodes.node_api.views:package_for", "after", "{name}"),
    Step("renewal-opened", "renewal", "agent", f"{STATE}:State._check_inside"),
    Step("renewal-file-not-synced", "renewal", "agent", "os:fsync", "before", "staged"),
    Step("renewal-switch-not-synced", "renewal", "agent", "os:fsync", "before", "/home'"),
    Step("renewal-installed", "renewal", "agent", f"{STATE}:State.install_renewal"),
    Step("proving-recorded", "renewal", "node-api", f"{HEARTBEAT}:renewal_transition", "after", "PROVING"),
    Step("renewal-dialled", "renewal", "worker", f"{RENEWAL}:{DIAL}", "after", "{name}"),
    Step("proved-recorded", "renewal", "worker", f"{RENEWAL}:older_supersede", "after", "{name}"),
)
# A rotation of the database key, each step in a worker. The first node that they meet is the central one.
WALK, ROTATION = "sealing.walk", "nodes.rotations.database_key"
ROTATION_STEPS = (
    Step("rotation-claimed", "rotation", "worker", "jobs.services:job_claim", "after", "Rotation of the database key"),
    Step("new-key-recorded", "rotation", "worker", f"{CERTIFICATES}:_recorded", "after", "database_key_version=2"),
    Step("new-key-signed", "rotation", "worker", "pki.issuing.issue:sign", "after", "CN="),
    Step("new-key-named", "rotation", "worker", "nodes.issuance.services:_service_pair", "before", "database key version 2"),
    Step("new-key-packed", "rotation", "worker", "pki.exchange.package:seal_to_certificate"),
    Step("delivered-recorded", "rotation", "worker", f"{ROTATION}:database_key_transition", "after", "DELIVERED"),
    Step("writing-not-recorded", "rotation", "worker", f"{ROTATION}:database_key_transition", "after", "READING"),
    Step("writing-recorded", "rotation", "worker", f"{ROTATION}:reencrypt", "before"),
    Step("row-sealed-anew", "rotation", "worker", "sealing.fields:Secret.sealed_anew"),
    Step("batch-moved", "rotation", "worker", f"{WALK}:_move"),
    Step("retiring", "rotation", "worker", f"{ROTATION}:database_key_transition", "after", "RETIRED"),
    Step("rotation-not-finished", "rotation", "worker", "nodes.rotations.services:job_finish", "before"),
)
# A rotation of the central key: its values are encrypted again in workers.
CENTRAL = "certs.central_key.services"
CENTRAL_STEPS = (
    Step("sealing-claimed", "rotation", "worker", "jobs.services:job_claim", "after", "Encryption with central key"),
    Step("value-sealed-anew", "rotation", "worker", "sealing.fields:Secret.sealed_anew"),
    Step("values-moved", "rotation", "worker", f"{WALK}:_move"),
    Step("file-not-compacted", "rotation", "worker", f"{CENTRAL}:free_pages_scrub", "before"),
    Step("old-key-not-retired", "rotation", "worker", f"{CENTRAL}:_finish", "before"),
    Step("old-key-retired", "rotation", "worker", f"{CENTRAL}:_finish"),
    Step("line-not-removed", "rotation", "worker", f"{CENTRAL}:_drop_retired", "before"),
    Step("line-removed", "rotation", "worker", f"{CENTRAL}:_drop_retired"),
    Step("sealing-not-finished", "rotation", "worker", f"{CENTRAL}:job_finish", "before"),
)
# A rotation of the root.
ROOT = "nodes.rotations.root"
ROOT_STEPS = (
    Step("root-claimed", "rotation", "worker", "jobs.services:job_claim", "after", "Rotation of the root"),
    Step("root-not-recorded", "rotation", "worker", f"{CERTIFICATES}:_recorded", "before", "-CA-2"),
    Step("root-recorded", "rotation", "worker", f"{CERTIFICATES}:_recorded", "after", "-CA-2"),
    Step("root-signed", "rotation", "worker", "pki.issuing.issue:sign", "after", "-CA-2"),
    Step("root-made", "rotation", "worker", f"{ROOT}:root_make"),
    Step("list-signed", "rotation", "worker", "pki.issuing.revocation_list:list_sign"),
    Step("switching", "rotation", "worker", f"{ROOT}:_switch", "before"),
    Step("switched-to-root", "rotation", "worker", f"{ROOT}:_switch"),
    Step("cluster-made", "rotation", "worker", f"{ROOT}:cluster_make"),
    Step("renewal-asked", "rotation", "worker", "nodes.rotations.services:renewal_ensure"),
    Step("dropping", "rotation", "worker", f"{ROOT}:root_drop", "before"),
    Step("dropped-not-committed", "rotation", "worker", f"{ROOT}:root_drop"),
    Step("root-not-finished", "rotation", "worker", "nodes.rotations.services:job_finish", "before"),
)
# An export: making it, writing its folder on the central node, and removing the folder of one that was revoked.
EXPORT = "certs.exports.worker"
EXPORT_STEPS = (
    Step("export-claimed", "export", "worker", "jobs.services:job_claim", "after", "{name}"),
    Step("export-recorded", "export", "worker", f"{CERTIFICATES}:_recorded", "after", "{name}"),
    Step("export-signed", "export", "worker", "pki.issuing.issue:sign", "after", "{name}"),
    Step("export-issued", "export", "worker", f"{EXPORT}:_certificates", "after", "{name}"),
    Step("export-files-made", "export", "worker", f"{EXPORT}:_files", "after", "{name}"),
    Step("export-made-not-committed", "export", "worker", f"{EXPORT}:export_transition", "after", "{name}"),
    Step("folder-not-named", "export", "worker", f"{EXPORT}:folder_write", "before", "{name}"),
    Step("folder-half-written", "export", "worker", f"{EXPORT}:write", "after", "client_key.pem"),
    Step("folder-not-switched", "export", "worker", f"{EXPORT}:_switch", "before", "{name}"),
    Step("folder-switched", "export", "worker", f"{EXPORT}:_switch", "after", "{name}"),
    Step("folder-not-tidied", "export", "worker", f"{EXPORT}:_forget", "before", "{name}"),
    Step("export-not-finished", "export", "worker", f"{EXPORT}:job_finish", "before", "{name}"),
)
REMOVAL_STEPS = (
    Step("folder-not-removed", "removal", "worker", f"{EXPORT}:folder_remove", "before", "{name}"),
    Step("folder-removed", "removal", "worker", f"{EXPORT}:_forget", "after", "{name}"),
    Step("removal-not-finished", "removal", "worker", f"{EXPORT}:job_finish", "before", "{name}"),
)
EVERY_STEP = (*STEPS, *ROTATION_STEPS, *CENTRAL_STEPS, *ROOT_STEPS, *EXPORT_STEPS, *REMOVAL_STEPS)
BY_NAME = {step.name: step for step in EVERY_STEP}

# Clocks are shortened, so that a recovery takes seconds, and the password's derivation: module → constant → its new value.
SHORT: dict[str, dict[str, Any]] = {
    "pki.exchange.package_header": {"ITERATIONS": 1000},
    "jobs.leases": {"JOB_LEASE": timedelta(seconds=4), "SIGNING_LEASE": timedelta(seconds=4)},
    "jobs.services": {"NUDGE_AGAIN": timedelta(seconds=2)},
    "jobs.tasks": {"TRY_AGAIN": timedelta(seconds=1)},
    "nodes.registration.services": {"PATIENCE": timedelta(seconds=30)},
    "nodes.rotations.services": {"POLL": timedelta(seconds=1), "SELDOM": timedelta(seconds=1)},
    "nodes.rotations.database_key": {"SETTLE": timedelta(seconds=3)},
    CENTRAL: {"SETTLE": timedelta(seconds=3), "POLL": timedelta(seconds=1)},
    "nodes.rotations.root": {"SETTLE": timedelta(seconds=4)},
}


def who_reached(folder: Path, asked: str) -> int:
    """The id of the process that obeyed the request `asked` in `folder`; 0 while none has."""
    return next((int(path.suffix[1:]) for path in folder.glob(f"{asked}.reached.*")), 0)
