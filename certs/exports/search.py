"""Exports as things that can be found: by the name of the machine."""

from collections.abc import Iterator

from django.urls import reverse

from audit.actors import Actor
from certs.models import Export, HolderKind
from certs.names.services import holders_beginning
from web.search import MOST_OF_KIND, Found, search_register


@search_register("Exports", icon="package-export", permission="certs.view_export")
def exports(text: str, actor: Actor) -> Iterator[Found]:
    holders = holders_beginning(HolderKind.EXPORT, text, most=MOST_OF_KIND)
    for export in Export.objects.filter(pk__in=holders).defer("archive", "sealed_password").order_by("machine"):
        yield Found(export.machine, f"export · {export.get_status_display().lower()}", reverse("exports:detail", args=[export.pk]))
