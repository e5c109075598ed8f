"""The page of the role of an export."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from certs.exports.role import PERMISSION, export_role_give, export_role_take
from certs.exports.role_forms import RoleForm
from certs.exports.view_models import export_page
from certs.models import Export
from people.sign_in.fresh_sign_in import fresh_sign_in
from sealing.errors import TrustZoneError
from web.errors import InputInvalid
from web.page import PageRequest, page


@page(PERMISSION)
@fresh_sign_in
def role(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Give the export a role, another one, or none."""
    export, now = get_object_or_404(Export.objects.defer("archive", "sealed_password"), pk=pk), timezone.now()
    content = export_page(export, now=now)
    form = RoleForm(request.POST if request.method == "POST" else None, held=content.details.role)
    if form.is_valid():
        try:
            if given := form.fields_of_role(now):
                export_role_give(actor=request.actor, export=export, now=now, **given)
            else:
                export_role_take(actor=request.actor, export=export, now=now)
        except InputInvalid as exc:
            form.refuse(exc)
        except TrustZoneError as exc:
            form.add_error(None, str(exc))
        else:
            return redirect("exports:detail", pk=pk)
    status = 409 if form.non_field_errors() else 400 if form.errors else 200
    return render(request, "certs/exports/role.html", {"page": content, "form": form, "now": now}, status=status)
