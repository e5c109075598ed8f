"""The page of roles: what each may do, and which require a second factor."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from people.roles.forms import RolesRuleForm
from people.roles.rules import role_states, second_factor_require
from web.errors import InputInvalid
from web.page import PageRequest, page

COLUMNS = ("Role", "May", "People", "Without second factor", "Second factor")


@page("people.view_person")
def roles(request: PageRequest) -> HttpResponse:
    states = role_states()
    form = RolesRuleForm(
        request.POST if request.method == "POST" else None, initial={"roles": [state.role for state in states if state.second_factor]}
    )
    if request.method == "POST" and form.is_valid():
        try:
            second_factor_require(actor=request.actor, roles=form.cleaned_data["roles"], now=timezone.now())
            return redirect(f"{request.path}?saved")
        except InputInvalid as exc:
            form.refuse(exc)
    context = {"states": states, "columns": COLUMNS, "form": form, "saved": request.method == "GET" and "saved" in request.GET}
    return render(request, "people/roles/roles.html", context, status=form.status)
