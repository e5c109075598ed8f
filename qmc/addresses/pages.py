"""The page that says where the center is, and changes it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from nodes.addresses.services import Knowing, addresses_checked, central_addresses, losing_contact, nodes_knowing
from pki.core.addresses import CentralAddress
from qmc.addresses.forms import AddressesForm
from qmc.addresses.services import PERMISSION, overridden, site_addresses, site_addresses_set
from web.errors import InputInvalid
from web.page import PageRequest, page

MOST_SHOWN = 50


def _shown(wanted: tuple[CentralAddress, ...], knowing: list[Knowing]) -> dict[str, Any]:
    """The nodes, those that know none of `wanted` first."""
    losing = losing_contact(wanted, knowing)
    nodes = {each.node.pk for each in losing}
    rows = [*losing, *(each for each in knowing if each.node.pk not in nodes)]
    return {"losing": losing, "losing_ids": nodes, "rows": rows[:MOST_SHOWN], "more": len(rows) - MOST_SHOWN, "count": len(rows)}


@page("certs.view_certificate")
def addresses(request: PageRequest) -> HttpResponse:
    """Save asks once more where nodes know none of the new addresses."""
    before, knowing, saved, asked = site_addresses(), nodes_knowing(), False, ""
    form, wanted = AddressesForm(request.POST or None, initial=AddressesForm.initial_of(before)), central_addresses()
    if request.method == "POST" and form.is_valid():
        try:
            fields = form.fields_of_site()
            wanted, changed = addresses_checked(fields.node_api_addresses), fields.node_api_addresses != before.node_api_addresses
            asked = ",".join(fields.node_api_addresses) if changed and losing_contact(wanted, knowing) else ""
            if asked in ("", request.POST.get("confirmed", "")):
                before, asked, saved = site_addresses_set(actor=request.actor, wanted=fields, now=timezone.now()), "", True
                form = AddressesForm(initial=AddressesForm.initial_of(before))
        except InputInvalid as exc:
            form.refuse(exc)
    context = _shown(wanted, knowing) | {
        "form": form, "saved": saved, "asked": asked, "overridden": overridden(), "may_change": request.actor.has_perm(PERMISSION),
        "base": before.base_url,
    }  # fmt: skip
    return render(request, "qmc/addresses/addresses.html", context)
