"""The names of nodes in the register of names: the host name alone, further names shared with other nodes.

IP addresses among the further names are shared too. The field `address` is where a node is dialled; several nodes may have the same.
"""

import uuid
from collections.abc import Collection, Sequence

from django.urls import reverse

from certs.certificates.holders import Holder, holder_register
from certs.models import HolderKind
from certs.names.holders import HolderWords, name_holder_register
from certs.names.services import Conflict, Names
from nodes.models import Node

OTHER_NAME = "Choose another name."
REMEDY = "To set up that machine again, open that node and press Redistribute. Otherwise change or decommission it first, or choose another name."


def names_of(node: Node) -> Names:
    """All names that the certificates of `node` have."""
    return Names(HolderKind.NODE, node.pk, exclusive=(node.host_name,), shared=tuple(node.subject_alternative_names))


def name_errors(conflicts: Sequence[Conflict]) -> dict[str, list[str]]:
    """The refused values of a node, by field."""
    errors: dict[str, list[str]] = {}
    for conflict in conflicts:
        errors.setdefault("host_name" if conflict.exclusive else "subject_alternative_names", []).append(str(conflict))
    return errors


@name_holder_register(HolderKind.NODE)
def _words(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, HolderWords]:
    return {node.pk: _of(node) for node in Node.objects.filter(pk__in=ids).only("name", "is_central")}


@holder_register
def _holders(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Holder]:
    names = Node.objects.filter(pk__in=ids).order_by().values_list("pk", "name")
    return {pk: Holder("node", name, reverse("nodes:detail", args=[pk])) for pk, name in names}


def _of(node: Node) -> HolderWords:
    words = "the central node" if node.is_central else f"the node {node}"
    return HolderWords(words, reverse("nodes:detail", args=[node.pk]), OTHER_NAME if node.is_central else REMEDY)
