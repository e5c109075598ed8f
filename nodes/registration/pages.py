"""Pages that register and redistribute nodes: parse, ask a service, render."""

import uuid
from collections.abc import Sequence

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from nodes.errors import InputInvalid, NodesError, RegistrationBlocked
from nodes.inventory.forms import NodeForm
from nodes.inventory.pages import confirm
from nodes.inventory.services import node_create
from nodes.inventory.view_models import node_page
from nodes.models import Node
from nodes.registration.preflight import Preflight, preflight
from nodes.registration.services import Ceremony, node_register, registration_awaited
from nodes.registration.view_models import PasswordPage, distribution_page, register_page, seen_of
from pki.core.findings import Finding
from web.page import PageRequest, form_id, page


def _checked(request: PageRequest, form: NodeForm) -> Preflight | None:
    """The checks of the node; None if the input has errors, which are added to the form."""
    if form.is_valid():
        try:
            return preflight(actor=request.actor, now=timezone.now(), **form.fields_of_node())
        except InputInvalid as exc:
            form.refuse(exc)
    return None


def _asked(request: PageRequest, about: str) -> uuid.UUID:
    """The identifier of the request: the same form for the same subject is the same request."""
    return uuid.uuid5(form_id(request), about.lower())


def _form(request: PageRequest, form: NodeForm, checks: Preflight | None = None, *, refused: bool = False) -> HttpResponse:
    shown = register_page(request.POST, checks, refused=refused, now=timezone.now())
    context = {"page": shown, "form": form, "form_id": form_id(request)}
    return render(request, "nodes/registration/register.html", context, status=409 if refused else 200)


@page("nodes.add_node")
@require_POST
def run_checks(request: PageRequest) -> HttpResponse:
    """All results for the page, or what has changed while it waits for the agent."""
    now = timezone.now()
    if "stop" in request.POST:
        return render(request, "nodes/registration/waiting.html", {"page": register_page({}, None, refused=False, now=now), "now": now})
    form = NodeForm(request.POST)
    checks = _checked(request, form)
    if request.htmx.trigger != "waiting":
        return _form(request, form, checks)
    shown = register_page(request.POST, checks, refused=False, now=now)
    changed = checks is not None and seen_of(checks) != request.POST.get("seen")
    return render(request, "nodes/registration/checked_again.html", {"page": shown, "changed": changed, "now": now})


@page("nodes.add_node")
def register(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _form(request, NodeForm())
    form = NodeForm(request.POST)
    checks, asked = _checked(request, form), _asked(request, request.POST.get("host_name", ""))
    if checks is not None and not checks.blocks:
        try:
            node = node_create(actor=request.actor, now=timezone.now(), request=asked, **form.fields_of_node())
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            return _distribute(request, node, asked, checks)
    if (created := registration_awaited(request=asked)) is not None:
        return _distribute(request, created, asked, checks)
    return _form(request, form, checks, refused=True)


def _confirm(request: PageRequest, node: Node, *, error: str = "", findings: Sequence[Finding] = ()) -> HttpResponse:
    return confirm(request, "nodes/registration/redistribute.html", distribution_page(node, error=error, findings=findings))


def _distribute(request: PageRequest, node: Node, asked: uuid.UUID, checks: Preflight | None = None) -> HttpResponse:
    try:
        ceremony = node_register(actor=request.actor, node=node, now=timezone.now(), request=asked, checks=checks)
    except RegistrationBlocked as exc:
        return _confirm(request, node, findings=exc.findings)
    except NodesError as exc:
        return _confirm(request, node, error=str(exc))
    return _with_password(request, node, ceremony)


def _with_password(request: PageRequest, node: Node, ceremony: Ceremony) -> HttpResponse:
    """The only answer that contains the password."""
    node.refresh_from_db()
    now = timezone.now()
    shown = PasswordPage(**vars(node_page(node, actor=request.actor, now=now)), ceremony=ceremony)
    answer = render(request, "nodes/registration/password.html", {"page": shown, "now": now})
    answer["Cache-Control"] = "no-store"
    return answer


@page("nodes.register_node")
def redistribute(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node = get_object_or_404(Node, pk=pk)
    if request.method != "POST":
        return _confirm(request, node)
    return _distribute(request, node, _asked(request, str(pk)))
