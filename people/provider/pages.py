"""The pages of the provider: its settings."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from people.provider.forms import ProviderForm
from people.provider.models import IdentityProvider, provider_current
from people.provider.services import PERMISSION, provider_save
from pki.core.errors import SealError
from sealing.errors import TrustZoneError
from web.errors import InputInvalid
from web.page import PageRequest, page


@dataclass(frozen=True)
class ProviderPage:
    """The settings page. `provider` is as it was saved, None before that."""

    provider: IdentityProvider | None
    saved: bool


@sensitive_post_parameters("client_secret")
@page(PERMISSION)
def settings(request: PageRequest) -> HttpResponse:
    row = provider_current()
    form = ProviderForm(request.POST if request.method == "POST" else None, provider=row)
    if request.method == "POST" and _saved(request, form):
        return redirect(reverse("provider:settings") + "?saved")
    shown = ProviderPage(row, "saved" in request.GET and request.method == "GET")
    return render(request, "people/provider/settings.html", {"page": shown, "form": form}, status=400 if form.errors else 200)


def _saved(request: PageRequest, form: ProviderForm) -> bool:
    """Whether the settings were saved. If not, the form has the reason."""
    if form.is_valid():
        try:
            provider_save(actor=request.actor, now=timezone.now(), **form.settings())
            return True
        except InputInvalid as exc:
            form.refuse(exc)
        except (TrustZoneError, SealError) as exc:
            form.add_error(None, f"The client secret cannot be encrypted now, so nothing was saved. {exc}")
    return False
