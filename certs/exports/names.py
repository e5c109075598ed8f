"""The names of exports in the register of names. The only name of an export is the name of its machine."""

import uuid
from collections.abc import Collection

from django.urls import reverse

from certs.models import Export, HolderKind
from certs.names.holders import HolderWords, name_holder_register
from certs.names.services import Names

REMEDY = "Renew that export, revoke it first, or choose another name."


def names_of(export: Export) -> Names:
    """The name in the certificates of `export`."""
    return Names(HolderKind.EXPORT, export.pk, exclusive=(export.machine,))


@name_holder_register(HolderKind.EXPORT)
def _words(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, HolderWords]:
    rows = Export.objects.filter(pk__in=ids).values_list("pk", "machine")
    return {pk: HolderWords(f"the export for {machine}", reverse("exports:detail", args=[pk]), REMEDY) for pk, machine in rows}
