"""The one service cluster of a site, as objects of this API."""

from typing import Any

from certs.models import TrustZone
from qrs.endpoints.types import time_text

NAME = "ServiceCluster"
FOLDERS = ("rootFolder", "appFolder", "staticContentRootFolder", "connector32RootFolder", "connector64RootFolder", "archivedLogsRootFolder")


def cluster_condensed(zone: TrustZone) -> dict[str, Any]:
    return {"id": str(zone.pk), "name": NAME, "privileges": ["read"]}


def cluster_json(zone: TrustZone) -> dict[str, Any]:
    """The cluster. This product shares no folders, so their names are empty."""
    at = time_text(zone.created_at)
    return {
        "id": str(zone.pk), "createdDate": at, "modifiedDate": at, "modifiedByUserName": "", "name": NAME,
        "settings": {"persistenceMode": 0, "sharedPersistenceProperties": dict.fromkeys(FOLDERS, "")},
        "privileges": ["read"], "schemaPath": "ServiceCluster",
    }  # fmt: skip
