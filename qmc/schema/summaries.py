"""What each operation does, in a few words: from the description of its view, or from its path and method."""

import re
from typing import Any

VERBS = {"get": "Show", "post": "Create", "put": "Replace", "patch": "Change", "delete": "Delete"}
SINGULAR = {"people": "person"}
# Where neither says it, by operation id.
OWN = {
    "alert_channel_deliveries_list": "List the deliveries of a channel",
    "attention_list": "List what needs your attention",
    "audit_list": "List events of the audit log",
    "audit_segments_create": "Write old events to files",
    "audit_segments_list": "List files of old events",
    "backups_destroy": "Remove the file of a backup",
    "backups_download_create": "Download a backup",
    "browser_certificates_create": "Upload or request a browser certificate",
    "bulk_items_retrieve": "List the rows of bulk work",
    "bulk_retrieve": "Show bulk work",
    "certificates_revoke_create": "Revoke a certificate",
    "certificates_revoke_retrieve": "List the certificates that would be revoked",
    "cluster_deliver_create": "Deliver the cluster certificate",
    "cluster_nodes_retrieve": "Show the cluster certificate on a node",
    "cluster_nodes_update": "Mark that the cluster certificate was imported",
    "cluster_pfx_create": "Get the cluster certificate as PFX",
    "clock_confirm_create": "Confirm that the clock was checked",
    "clock_retrieve": "Show whether the clock jumped",
    "expiry_retrieve": "List everything that expires",
    "exports_create": "Request exports",
    "exports_renew_create": "Renew an export",
    "jobs_retry_create": "Try a job again",
    "nodes_destroy": "Decommission a node",
    "nodes_events_retrieve": "List the events of a node",
    "people_link_create": "Make another one-time link for a person",
    "people_provider_destroy": "Remove the link of a person with an identity at the provider",
    "people_provider_update": "Link a person with an identity at the provider",
    "rotations_create": "Start a rotation",
    "settings_alerts_retrieve": "Show the rules of alerts",
    "settings_alerts_update": "Change the rules of alerts",
    "settings_backups_retrieve": "Show the schedule of backups",
    "settings_backups_update": "Change the schedule of backups",
    "settings_retrieve": "List the settings",
    "tokens_destroy": "Revoke a token",
}


def summary(method: str, path: str, operation: dict[str, Any], *, alone: bool) -> str:
    """`alone` says that the path has no other method, so that the description of its view is about this one."""
    name, description = operation["operationId"], str(operation.get("description", ""))
    *_, before, last = path.strip("/").split("/")
    if name in OWN:
        return OWN[name]
    if last == "{id}":
        return f"{VERBS[method]} {_one(before)}"
    if name.endswith("_list"):
        return f"List {_words(last)}"
    if alone and description:
        return re.split(r"[.:] |\.?\n|\.?$", description)[0]
    return f"Create {_one(last)}" if method == "post" else f"{'Change' if method == 'put' else VERBS[method]} the {_words(last)}"


def _words(name: str) -> str:
    return name.replace("-", " ")


def _one(names: str) -> str:
    """Such as "a node"."""
    noun = SINGULAR.get(names) or _words(names.removesuffix("s"))
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"
