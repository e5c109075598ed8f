"""The page that shows and changes the addresses of the central node."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from nodes.addresses.services import Contact, Contacts, addresses_checked, central_addresses, contacts
from qmc.addresses.forms import AddressesForm
from qmc.addresses.services import PERMISSION, overridden, site_addresses, site_addresses_set
from web.errors import InputInvalid
from web.page import PageRequest, page

ROWS = 50


@dataclass(frozen=True)
class AddressesPage:
    """`nodes` call the central node, and may know none of the new addresses. `to_confirm` are new addresses that must be confirmed."""

    nodes: Contacts
    to_confirm: str
    saved: bool
    overridden: dict[str, str]

    @property
    def rows(self) -> list[Contact]:
        return [*self.nodes.first(ROWS)]

    @property
    def more(self) -> int:
        return max(0, self.nodes.count - ROWS)

    @property
    def button(self) -> str:
        return "Save anyway" if self.to_confirm else "Save"


@page("certs.view_certificate")
def addresses(request: PageRequest) -> HttpResponse:
    """Show the addresses, or save new ones. It asks for confirmation if nodes know none of the new addresses."""
    if request.method == "POST":
        request.actor.require(PERMISSION)
    before, saved, to_confirm = site_addresses(), False, ""
    form, new = AddressesForm(request.POST or None, initial=AddressesForm.initial_of(before)), central_addresses()
    if request.method == "POST" and form.is_valid():
        try:
            fields = form.fields_of_site()
            new, changed = addresses_checked(fields.node_api_addresses), fields.node_api_addresses != before.node_api_addresses
            to_confirm = ",".join(fields.node_api_addresses) if changed and contacts(new).losing else ""
            if to_confirm in ("", request.POST.get("confirmed", "")):
                before, to_confirm, saved = site_addresses_set(actor=request.actor, requested=fields, now=timezone.now()), "", True
                form = AddressesForm(initial=AddressesForm.initial_of(before))
        except InputInvalid as exc:
            form.refuse(exc)
    shown = AddressesPage(contacts(new), to_confirm, saved, overridden())
    return render(request, "qmc/addresses/addresses.html", {"page": shown, "form": form}, status=409 if form.conflicts else 200)
