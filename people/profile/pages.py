"""The pages of one's own account."""

from dataclasses import dataclass
from typing import cast

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from people.accounts.services import roles_of, tokens_of
from people.models import ApiToken
from people.profile.forms import AppearanceForm, PasswordForm
from people.profile.services import appearance_change, password_change, session_end
from people.sign_in.sessions import INITIAL
from web.errors import InputInvalid
from web.page import PageRequest, page

ANYBODY = ""
SAVED = {"saved": "Password changed. Your other sessions have ended.", "shown": "Saved. All pages use it."}


@dataclass(frozen=True)
class ProfilePage:
    """One's own account. `remains` is what must be done by hand after a change of the password."""

    user: User
    roles: list[str]
    sessions: list[UserSession]
    tokens: list[ApiToken]
    here: str
    saved: str = ""
    remains: str = ""
    columns = ("Browser", "Address", "Since", "Action")


@require_safe
@page(ANYBODY)
def profile(request: PageRequest) -> HttpResponse:
    user = cast(User, request.user)
    shown = ProfilePage(
        user, [str(role) for role in roles_of(user)], UserSession.objects.purge_and_list(user), list(tokens_of(user.person)),
        request.session.session_key or "", next((text for name, text in SAVED.items() if name in request.GET), ""), request.session.pop("remains", ""),
    )  # fmt: skip
    return render(request, "people/profile/profile.html", {"page": shown, "now": timezone.now()})


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("present", "password", "again")
@page(ANYBODY)
def password(request: PageRequest) -> HttpResponse:
    user, form = cast(User, request.user), PasswordForm(request.POST if request.method == "POST" else None)
    is_initial = bool(request.session.get(INITIAL))
    if request.method == "POST" and form.is_valid():
        try:
            if not get_adapter().reauthenticate(user, form.cleaned_data["present"]):
                raise InputInvalid({"present": ["This is not your present password."]})
            remains = password_change(user=user, password=form.cleaned_data["password"], now=timezone.now())
        except InputInvalid as exc:
            form.refuse(exc)
        except ValidationError as exc:  # too many wrong passwords
            form.add_error("present", exc)
        else:
            update_session_auth_hash(request, user)
            UserSession.objects.create_from_request(request)
            request.session.pop(INITIAL, None)
            request.session["remains"] = remains
            return redirect("/account/?saved")
    context = {"form": form, "is_initial": is_initial}
    return render(request, "people/profile/password.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@page(ANYBODY)
def appearance(request: PageRequest) -> HttpResponse:
    user = cast(User, request.user)
    initial = {name: getattr(user.person, name) for name in AppearanceForm.base_fields}
    form = AppearanceForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            appearance_change(user=user, **form.cleaned_data)
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            return redirect("/account/?shown")
    return render(request, "people/profile/appearance.html", {"form": form}, status=form.status)


@require_POST
@page(ANYBODY)
def theme(request: PageRequest) -> HttpResponse:
    """The button in the menu, which stays on the page."""
    try:
        appearance_change(user=cast(User, request.user), theme=request.POST.get("theme", ""))
    except InputInvalid as exc:
        raise BadRequest(exc.errors["theme"][0]) from exc
    return HttpResponse(status=204)


@require_POST
@page(ANYBODY)
def end(request: PageRequest, pk: int) -> HttpResponse:
    if not session_end(user=cast(User, request.user), pk=pk, now=timezone.now()):
        raise Http404
    return redirect("people:profile")
