"""The enumerations of this API, and an empty object of each type."""

from typing import Any

from qrs.distribution.services import FORMATS
from qrs.endpoints.types import NO_ID, time_text
from qrs.node_configurations.types import PURPOSE, PURPOSES, SCHEMA, SERVICES, TYPES
from qrs.service_status.types import SCHEMA as STATUS_SCHEMA
from qrs.service_status.types import STATES

ENUMERATIONS = (PURPOSES, TYPES, STATES, FORMATS)
_OBJECT = {"id": NO_ID, "createdDate": time_text(None), "modifiedDate": time_text(None), "modifiedByUserName": ""}
DEFAULTS: dict[str, dict[str, Any]] = {
    "servernodeconfiguration": _OBJECT
    | {
        "customProperties": [], "name": "", "hostName": "", "isCentral": False, "nodePurpose": PURPOSE, **dict.fromkeys(SERVICES, False),
        "schedulerReloadEnabled": False, "schedulerPreloadEnabled": False, "temporaryfilepath": "", "failoverCandidate": False,
        "serviceCluster": None, "roles": [], "tags": [], "privileges": None, "schemaPath": SCHEMA,
    },
    "servicestatus": _OBJECT
    | {
        "serviceType": 0, "serviceState": 0, "timestamp": time_text(None), "serverNodeConfiguration": None, "privileges": None,
        "schemaPath": STATUS_SCHEMA,
    },
    "servicecluster": _OBJECT | {"name": "", "settings": None, "privileges": None, "schemaPath": "ServiceCluster"},
}  # fmt: skip
