"""The page that shows and changes the addresses of the central node."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from nodes.addresses.services import Knowing, addresses_checked, central_addresses, losing_contact, nodes_knowing
from qmc.addresses.forms import AddressesForm
from qmc.addresses.services import PERMISSION, overridden, site_addresses, site_addresses_set
from web.errors import InputInvalid
from web.page import PageRequest, page

ROWS = 50


@dataclass(frozen=True)
class AddressesPage:
    """`nodes` know which addresses; those in `losing` know none of the new ones. `to_confirm` are new addresses that must be confirmed."""

    nodes: list[Knowing]
    losing: list[Knowing]
    to_confirm: str
    saved: bool
    overridden: dict[str, str]
    may_change: bool

    @property
    def rows(self) -> list[Knowing]:
        """The first nodes; those that know none of the new addresses come first."""
        losing = {row.node.pk for row in self.losing}
        return [*self.losing, *(row for row in self.nodes if row.node.pk not in losing)][:ROWS]

    @property
    def more(self) -> int:
        return max(0, len(self.nodes) - ROWS)

    @property
    def button(self) -> str:
        return "Save anyway" if self.to_confirm else "Save"


@page("certs.view_certificate")
def addresses(request: PageRequest) -> HttpResponse:
    """Show the addresses, or save new ones. It asks for confirmation if nodes know none of the new addresses."""
    before, nodes, saved, to_confirm = site_addresses(), nodes_knowing(), False, ""
    form, new = AddressesForm(request.POST or None, initial=AddressesForm.initial_of(before)), central_addresses()
    if request.method == "POST" and form.is_valid():
        try:
            fields = form.fields_of_site()
            new, changed = addresses_checked(fields.node_api_addresses), fields.node_api_addresses != before.node_api_addresses
            to_confirm = ",".join(fields.node_api_addresses) if changed and losing_contact(new, nodes) else ""
            if to_confirm in ("", request.POST.get("confirmed", "")):
                before, to_confirm, saved = site_addresses_set(actor=request.actor, requested=fields, now=timezone.now()), "", True
                form = AddressesForm(initial=AddressesForm.initial_of(before))
        except InputInvalid as exc:
            form.refuse(exc)
    shown = AddressesPage(nodes, losing_contact(new, nodes), to_confirm, saved, overridden(), request.actor.has_perm(PERMISSION))
    return render(request, "qmc/addresses/addresses.html", {"page": shown, "form": form})
