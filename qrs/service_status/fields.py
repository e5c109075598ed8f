"""The fields by which the services of one type are filtered."""

import uuid

from django.db.models import Q

from qrs.filters.fields import ORDER, Field, constant_number, date, guid, guid_by, number_by, text
from qrs.node_configurations.types import TYPES, service_id
from qrs.service_status.types import STATES


def _state(operator: str, value: int) -> Q:
    found = Q(**{f"service_state__{ORDER.get(operator, 'exact')}": value})
    return ~found if operator == "ne" else found


def _of_service(type: int) -> Field:
    def query(id: uuid.UUID) -> Q:
        return Q(pk=service_id(id, type))

    return guid_by(query)


def status_fields(type: int) -> dict[str, Field]:
    return {
        "id": _of_service(type), "servicetype": constant_number(type, TYPES.values), "servicestate": number_by(_state, STATES.values),
        "timestamp": date("observation__last_seen_at"), "createddate": date("created_at"), "servernodeconfiguration.id": guid("pk"),
        "servernodeconfiguration.name": text("name"), "servernodeconfiguration.hostname": text("host_name"),
    }  # fmt: skip
