"""Pages of nodes: parse, ask a service, render."""

import uuid
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from certs.history import LINES
from certs.models import Certificate
from certs.pages import PageRequest, page, page_number, table_for
from nodes.errors import InputInvalid, NodesError, RegistrationBlocked
from nodes.exposure import secrets_kept, secrets_of_node
from nodes.filters import NodeFilter
from nodes.forms import NodeForm
from nodes.health import with_health
from nodes.models import Node
from nodes.services import preflight as checks
from nodes.services.decommission import node_decommission
from nodes.services.nodes import node_create
from nodes.services.registration import Ceremony, node_register, registration_awaited
from nodes.services.renewal import node_renew
from nodes.story import history as history_of
from nodes.story import story
from nodes.tables import NodeTable
from pki.findings import Finding


@page("nodes.view_node")
def node_list(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    found = NodeFilter(request.GET, queryset=with_health(Node.objects.select_related("observation"), now=now))
    table = table_for(request, NodeTable, found.qs, now=now)
    return render(request, "nodes/list.html", {"filter": found, "table": table, "now": now})


def _checked(request: PageRequest, form: NodeForm, now: datetime) -> list[Finding]:
    """What the checks find; what has no right shape stands in the form afterwards."""
    if form.is_valid():
        try:
            return checks.preflight(actor=request.actor, now=now, **form.fields_of_node())
        except InputInvalid as exc:
            form.refuse(exc)
    return []


def _form_id(request: PageRequest) -> uuid.UUID:
    """Which form this is: its own when it is sent, a new one when it is opened."""
    try:
        return uuid.UUID(request.POST.get("request", ""))
    except ValueError:
        return uuid.uuid4()


def _asked(request: PageRequest, about: str) -> uuid.UUID:
    """What the form asks for: sent twice it is one request, sent for something else it is another."""
    return uuid.uuid5(_form_id(request), about.lower())


def _form(request: PageRequest, form: NodeForm, *, status: int = 200, **more: object) -> HttpResponse:
    return render(request, "nodes/register.html", {"form": form, "form_id": _form_id(request)} | more, status=status)


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


def _distribute(request: PageRequest, node: Node, asked: uuid.UUID, now: datetime) -> HttpResponse:
    try:
        ceremony = node_register(actor=request.actor, node=node, now=now, request=asked)
    except RegistrationBlocked as exc:
        return _confirm(request, node, "redistribute", now, findings=exc.findings)
    except NodesError as exc:
        return _confirm(request, node, "redistribute", now, error=str(exc))
    return _with_password(request, node, ceremony)


def _with_password(request: PageRequest, node: Node, ceremony: Ceremony) -> HttpResponse:
    """The only answer that ever holds the password."""
    node.refresh_from_db()
    answer = render(request, "nodes/detail.html", story(node, now=timezone.now()) | {"ceremony": ceremony})
    answer["Cache-Control"] = "no-store"
    return answer


@page("nodes.view_node")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    return render(request, "nodes/detail.html", story(node, now=now) | {"secrets": secrets_kept(node, actor=request.actor, now=now)})


@page("nodes.view_node")
def history(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node = get_object_or_404(Node, pk=pk)
    told = history_of(node, page_number(request), lines=2 * LINES)
    return render(request, "parts/history.html", {"subject": node, "history": told, "back": reverse("nodes:detail", args=[pk])})


@page("nodes.view_node")
def status(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """What moves on a node's page; nothing at all while nothing has changed."""
    told = story(get_object_or_404(Node, pk=pk), now=timezone.now())
    if request.GET.get("drawn") == told["drawn"]:
        return HttpResponse(status=204)
    node = told["node"]
    moved = request.GET.get("state") != node.state
    spent = not told["password_lasts"] or request.GET.get("generation") != str(node.generation)
    return render(request, "nodes/status.html", told | {"moved": moved, "spent": spent})


def _confirm(request: PageRequest, node: Node, action: str, now: datetime, **more: object) -> HttpResponse:
    held = Certificate.objects.issued().filter(holder_id=node.pk)
    context = {"node": node, "action": action, "held": held, "now": now, "form_id": _form_id(request)} | more
    refused = "error" in more or "findings" in more
    return render(request, f"nodes/{action}.html", context, status=409 if refused else 200)


@page("nodes.register_node")
def redistribute(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    return (
        _distribute(request, node, _asked(request, str(pk)), now)
        if request.method == "POST"
        else _confirm(request, node, "redistribute", now)
    )


@page("nodes.renew_node")
def renew(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    if request.method == "POST":
        try:
            node_renew(actor=request.actor, node=node, now=now)
        except NodesError as exc:
            return _confirm(request, node, "renew", now, error=str(exc))
        return redirect("nodes:detail", pk=pk)
    return _confirm(request, node, "renew", now)


@page("nodes.decommission_node")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, now = get_object_or_404(Node, pk=pk), timezone.now()
    secrets = secrets_of_node(node, since=now, actor=request.actor, now=now)
    held = Certificate.objects.accepted().filter(holder_id=node.pk).order_by("-generation", "kind")
    if request.method == "POST":
        try:
            node_decommission(actor=request.actor, node=node, now=now, lost=request.POST.get("lost") == "yes")
        except NodesError as exc:
            return _confirm(request, node, "remove", now, error=str(exc), secrets=secrets, held=held)
        return redirect("nodes:detail", pk=pk)
    return _confirm(request, node, "remove", now, secrets=secrets, held=held)
