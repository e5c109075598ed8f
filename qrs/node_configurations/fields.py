"""The fields by which nodes are filtered."""

import uuid

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from certs.models import TrustZone
from nodes.models import Node, NodeTag
from qrs.cluster.types import NAME
from qrs.filters.fields import ALL, NONE, Field, constant_number, constant_text, date, flag, guid, guid_by, text
from qrs.filters.grammar import Condition
from qrs.node_configurations.types import PURPOSE, PURPOSES, SERVICES, tag_id


def serves(service: str) -> Q:
    """Nodes with this service. SQLite cannot look into a list, so its text is searched."""
    rows = Node.objects.annotate(services_text=Cast("services", TextField())).filter(services_text__contains=f'"{service}"')
    return Q(pk__in=rows.order_by().values("pk"))


def _tagged(condition: Condition) -> Q:
    """Nodes that have, or with `ne` do not have, a tag that fits."""
    is_not = condition.operator == "ne"
    wanted = Condition(condition.field, "eq", condition.value, is_text=True) if is_not else condition
    found = Q(pk__in=NodeTag.objects.filter(text("tag")(wanted)).order_by().values("node"))
    return ~found if is_not else found


def _with_tag(id: uuid.UUID) -> Q:
    tags = [tag for tag in NodeTag.objects.order_by("tag").values_list("tag", flat=True).distinct() if tag_id(tag) == id]
    return Q(pk__in=NodeTag.objects.filter(tag__in=tags).order_by().values("node"))


def node_fields(zone: TrustZone) -> dict[str, Field]:
    return {
        "id": guid("pk"), "name": text("name"), "hostname": text("host_name"), "iscentral": flag(Q(is_central=True)),
        "nodepurpose": constant_number(PURPOSE, PURPOSES.values), "createddate": date("created_at"), "modifieddate": date("modified_at"),
        **{name.lower(): flag(serves(service)) for name, service in SERVICES.items()},
        "tags.name": _tagged, "tags.id": guid_by(_with_tag), "servicecluster.name": constant_text(NAME),
        "servicecluster.id": guid_by(lambda id: ALL if id == zone.pk else NONE),
    }  # fmt: skip
