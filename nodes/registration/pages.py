"""Pages that register and redistribute nodes: parse, ask a service, render."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from nodes.errors import InputInvalid, NodesError, RegistrationBlocked
from nodes.inventory.forms import NodeForm
from nodes.inventory.pages import confirm
from nodes.inventory.services import node_create
from nodes.inventory.view_models import confirmation_page, node_page
from nodes.models import Node
from nodes.registration import preflight as checks
from nodes.registration.services import Ceremony, node_register, registration_awaited
from nodes.registration.view_models import RegisterPage
from pki.core.findings import Finding
from web.page import PageRequest, form_id, page


def _checked(request: PageRequest, form: NodeForm, now: datetime) -> list[Finding]:
    """The findings of the checks. Errors in the input are added to the form."""
    if form.is_valid():
        try:
            return checks.preflight(actor=request.actor, now=now, **form.fields_of_node())
        except InputInvalid as exc:
            form.refuse(exc)
    return []


def _asked(request: PageRequest, about: str) -> uuid.UUID:
    """The identifier of the request: the same form for the same subject is the same request."""
    return uuid.uuid5(form_id(request), about.lower())


def _form(
    request: PageRequest, form: NodeForm, *, status: int = 200, findings: Sequence[Finding] = (), refused: bool = False
) -> HttpResponse:
    context = {"page": RegisterPage(findings, refused), "form": form, "form_id": form_id(request)}
    return render(request, "nodes/registration/register.html", context, status=status)


@page("nodes.add_node")
@require_POST
def preflight(request: PageRequest) -> HttpResponse:
    form = NodeForm(request.POST)
    return _form(request, form, findings=_checked(request, form, timezone.now()))


@page("nodes.add_node")
def register(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _form(request, NodeForm())
    now, form = timezone.now(), NodeForm(request.POST)
    found, asked = _checked(request, form, now), _asked(request, request.POST.get("host_name", ""))
    if not form.errors and not any(each.level == "blocker" for each in found):
        try:
            node = node_create(actor=request.actor, now=now, request=asked, **form.fields_of_node())
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            return _distribute(request, node, asked, now)
    if (created := registration_awaited(request=asked)) is not None:
        return _distribute(request, created, asked, now)
    return _form(request, form, status=409, findings=found, refused=True)


def _confirm(request: PageRequest, node: Node, *, error: str = "", findings: Sequence[Finding] = ()) -> HttpResponse:
    return confirm(request, "nodes/registration/redistribute.html", confirmation_page(node, error=error, findings=findings))


def _distribute(request: PageRequest, node: Node, asked: uuid.UUID, now: datetime) -> HttpResponse:
    try:
        ceremony = node_register(actor=request.actor, node=node, now=now, request=asked)
    except RegistrationBlocked as exc:
        return _confirm(request, node, findings=exc.findings)
    except NodesError as exc:
        return _confirm(request, node, error=str(exc))
    return _with_password(request, node, ceremony)


def _with_password(request: PageRequest, node: Node, ceremony: Ceremony) -> HttpResponse:
    """The only answer that contains the password."""
    node.refresh_from_db()
    now = timezone.now()
    context = {"page": node_page(node, actor=request.actor, now=now), "ceremony": ceremony, "now": now}
    answer = render(request, "nodes/registration/password.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


@page("nodes.register_node")
def redistribute(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node = get_object_or_404(Node, pk=pk)
    if request.method != "POST":
        return _confirm(request, node)
    return _distribute(request, node, _asked(request, str(pk)), timezone.now())
