"""Pages of browser certificates: parse, call a service, render."""

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from nodes.browser_certificates.forms import AnswerForm, ChoiceForm, RequestForm, UploadForm
from nodes.browser_certificates.services import (
    browser_certificate_answer,
    browser_certificate_choose,
    browser_certificate_delete,
    browser_certificate_request,
    browser_certificate_upload,
    chosen_by,
)
from nodes.browser_certificates.tables import BrowserCertificateTable
from nodes.browser_certificates.verdict import blockers, finding_for, findings
from nodes.browser_certificates.view_models import browser_story, choosers
from nodes.errors import ChoiceBlocked, InputInvalid, NodesError
from nodes.models import BrowserCertificate, Node
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError
from web.forms import ServiceForm
from web.page import PageRequest, page, table_for


@page("nodes.view_browsercertificate")
def certificate_list(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    table = table_for(request, BrowserCertificateTable, BrowserCertificate.objects.all(), now=now)
    table.blockers = partial(blockers, now=now)
    table.choosers = choosers(BrowserCertificate.objects.ready().defer("certificates", "root", "private_key"))
    central = Node.objects.present().select_related("observation").filter(is_central=True).first()
    console = browser_story(central) if central else None
    return render(request, "nodes/browser_certificates/list.html", {"table": table, "now": now, "central": central, "console": console})


def _made(form: Any, make: Callable[..., BrowserCertificate]) -> BrowserCertificate | None:
    """The new certificate; None if it was refused, and then the form has the reason."""
    if form.is_valid():
        try:
            return make(now=timezone.now(), **form.told())
        except InputInvalid as exc:
            form.refuse(exc)
        except (TrustZoneError, PKIError) as exc:
            form.add_error(None, f"The private key cannot be encrypted or read now, so nothing was stored. {exc}")
        except NodesError as exc:
            form.add_error(None, str(exc))
    return None


def _form(request: PageRequest, form: ServiceForm, kind: str) -> HttpResponse:
    return render(request, f"nodes/browser_certificates/{kind}.html", {"form": form}, status=400 if form.errors else 200)


@page("nodes.add_browsercertificate")
def upload(request: PageRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and (made := _made(form, lambda **told: browser_certificate_upload(actor=request.actor, **told))):
        return redirect(reverse("browser_certificates:detail", args=[made.pk]) + "?new")
    return _form(request, form, "upload")


@page("nodes.add_browsercertificate")
def request_new(request: PageRequest) -> HttpResponse:
    form = RequestForm(request.POST or None)
    if request.method == "POST" and (made := _made(form, lambda **told: browser_certificate_request(actor=request.actor, **told))):
        return redirect("browser_certificates:detail", pk=made.pk)
    return _form(request, form, "request")


def _shown(certificate: BrowserCertificate, now: datetime) -> dict[str, Any]:
    """What the page shows about a certificate: its findings, and for each node whether it fits and is used."""
    found = findings(certificate, now=now)
    chosen = {each.pk for each in chosen_by(certificate)}
    nodes, others = [], []
    for node in Node.objects.present().select_related("observation"):
        finding = finding_for(certificate, node)
        if node.pk in chosen or finding.level != "blocker":
            nodes.append(
                {"node": node, "finding": finding, "story": browser_story(node, chosen=certificate) if node.pk in chosen else None}
            )
        else:
            others.append(node)
    blocked = any(each.level == "blocker" for each in found)
    return {"findings": found, "nodes": nodes, "others": others, "blocked": blocked, "chosen": bool(chosen)}


def _detail(request: PageRequest, certificate: BrowserCertificate, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    shown = _shown(certificate, now) if certificate.is_ready else {}
    context = {"certificate": certificate, "now": now, "new": "new" in request.GET, "form": AnswerForm()} | shown | more
    return render(request, "nodes/browser_certificates/detail.html", context, status=status)


@page("nodes.view_browsercertificate")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    return _detail(request, get_object_or_404(BrowserCertificate, pk=pk))


@page("nodes.change_browsercertificate")
def answer(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(BrowserCertificate, pk=pk)
    if request.method != "POST":
        return redirect("browser_certificates:detail", pk=pk)
    form = AnswerForm(request.POST, request.FILES)
    if _made(form, lambda **told: browser_certificate_answer(actor=request.actor, certificate=certificate, **told)):
        return redirect(reverse("browser_certificates:detail", args=[pk]) + "?new")
    return _detail(request, certificate, 400, form=form)


@page("nodes.choose_browsercertificate")
@require_POST
def choose(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(BrowserCertificate.objects.ready(), pk=pk)
    node = get_object_or_404(Node.objects.present(), pk=_id(request.POST.get("node", "")))
    try:
        browser_certificate_choose(actor=request.actor, node=node, thumbprint=certificate.thumbprint, now=timezone.now())
    except NodesError as exc:
        return _detail(request, certificate, 409, error=f"Not chosen for {node}. {exc}")
    return redirect("nodes:detail", pk=node.pk)


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@page("nodes.delete_browsercertificate")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(BrowserCertificate, pk=pk)
    context = {"certificate": certificate, "chosen": list(chosen_by(certificate))}
    if request.method == "POST":
        try:
            browser_certificate_delete(actor=request.actor, certificate=certificate, now=timezone.now())
        except NodesError as exc:
            return render(request, "nodes/browser_certificates/remove.html", context | {"error": str(exc)}, status=409)
        return redirect("browser_certificates:list")
    return render(request, "nodes/browser_certificates/remove.html", context)


def _file(text: str, name: str) -> HttpResponse:
    return HttpResponse(text, content_type="application/x-pem-file", headers={"Content-Disposition": f'attachment; filename="{name}"'})


@page("nodes.view_browsercertificate")
def request_file(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(BrowserCertificate.objects.exclude(csr=""), pk=pk)
    return _file(certificate.csr, f"request-{pk}.csr")


@page("nodes.view_browsercertificate")
def chain_file(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(BrowserCertificate.objects.ready(), pk=pk)
    return _file("".join(certificate.certificates), f"chain-{certificate.thumbprint[:12]}.pem")


@page("nodes.choose_browsercertificate")
def node_choice(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node, found = get_object_or_404(Node.objects.present(), pk=pk), []
    story = browser_story(node)
    initial = {"pick": story.certificate.sha256} if story.certificate else {"thumbprint": node.browser_thumbprint}
    form = ChoiceForm(request.POST or None, initial=initial, certificates=list(BrowserCertificate.objects.ready()))
    if request.method == "POST" and form.is_valid():
        try:
            browser_certificate_choose(actor=request.actor, node=node, thumbprint=form.wanted(), now=timezone.now())
            return redirect("nodes:detail", pk=pk)
        except InputInvalid as exc:
            form.refuse(exc)
        except ChoiceBlocked as exc:
            found = exc.findings
        except NodesError as exc:
            form.add_error(None, str(exc))
    context = {"node": node, "form": form, "findings": found, "story": story}
    return render(request, "nodes/browser_certificates/node.html", context, status=409 if found else 400 if form.errors else 200)
