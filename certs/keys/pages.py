"""The page of the types of new keys."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from certs.keys.forms import KeyTypesForm
from certs.keys.services import key_types_of_site, key_types_set
from pki.core.keys import KeyType
from web.errors import InputInvalid
from web.page import PageRequest, page


@dataclass(frozen=True)
class KeyTypesPage:
    """`overridden` are the types that QMC_KEY_TYPES sets, by the kind of certificate."""

    saved: bool
    overridden: dict[str, KeyType]


@page("certs.view_certificate")
def key_types(request: PageRequest) -> HttpResponse:
    """Show the types, or change them."""
    form = KeyTypesForm(request.POST if request.method == "POST" else None, initial=key_types_of_site())
    if request.method == "POST" and form.is_valid():
        try:
            key_types_set(actor=request.actor, types=form.cleaned_data, now=timezone.now())
            return redirect(f"{request.path}?saved")
        except InputInvalid as exc:
            form.refuse(exc)
    shown = KeyTypesPage(
        request.method == "GET" and "saved" in request.GET, {str(kind): found for kind, found in settings.QMC_KEY_TYPES.items()}
    )
    return render(request, "certs/keys/key_types.html", {"page": shown, "form": form}, status=form.status)
