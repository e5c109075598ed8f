"""Pages of browser certificates: parse, call a service, render."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from nodes.browser_certificates.fits import fit_column
from nodes.browser_certificates.forms import AnswerForm, ChoiceForm, RequestForm, UploadForm
from nodes.browser_certificates.lists import BrowserCertificateList, NodesOfCertificateList
from nodes.browser_certificates.services import (
    browser_certificate_answer,
    browser_certificate_choose,
    browser_certificate_delete,
    browser_certificate_request,
    browser_certificate_upload,
)
from nodes.browser_certificates.view_models import ConsoleCard, browser_status, certificate_page, choice_page, deletion_page
from nodes.errors import ChoiceBlocked, InputInvalid, NodesError
from nodes.models import BrowserCertificate, Node
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError
from web.forms import ServiceForm
from web.lists.counts import Decided
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("nodes.view_browsercertificate")
def certificate_list(request: PageRequest) -> HttpResponseBase:
    shown = Listed(request, BrowserCertificateList(), BrowserCertificate.objects.all(), now=timezone.now())
    central = Node.objects.present().select_related("observation").filter(is_central=True).first()
    console = ConsoleCard(central, browser_status(central)) if central else None
    return shown.page("nodes/browser_certificates/list.html", page=console)


def _made(form: Any, make: Callable[..., BrowserCertificate]) -> BrowserCertificate | None:
    """The new certificate; None if it was refused, and then the form has the reason."""
    if form.is_valid():
        try:
            return make(now=timezone.now(), **form.fields_of_certificate())
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
    if request.method == "POST" and (made := _made(form, lambda **fields: browser_certificate_upload(actor=request.actor, **fields))):
        return redirect(reverse("browser_certificates:detail", args=[made.pk]) + "?new")
    return _form(request, form, "upload")


@page("nodes.add_browsercertificate")
def request_new(request: PageRequest) -> HttpResponse:
    form = RequestForm(request.POST or None)
    if request.method == "POST" and (made := _made(form, lambda **fields: browser_certificate_request(actor=request.actor, **fields))):
        return redirect("browser_certificates:detail", pk=made.pk)
    return _form(request, form, "request")


def _nodes(request: PageRequest, certificate: BrowserCertificate, column: Decided, now: datetime) -> Listed:
    path = reverse("browser_certificates:detail", args=[certificate.pk])
    return Listed(request, NodesOfCertificateList(certificate, column), column.rows, now=now, path=path)


def _detail(
    request: PageRequest, certificate: BrowserCertificate, *, status: int = 200, form: AnswerForm | None = None, error: str = ""
) -> HttpResponseBase:
    now = timezone.now()
    column = fit_column(certificate) if certificate.is_ready else None
    listed = _nodes(request, certificate, column, now) if column else None
    if listed and listed.answer is not None:
        return listed.answer
    shown = certificate_page(certificate, column, new="new" in request.GET, error=error, now=now)
    context = {"page": shown, "form": form or AnswerForm(), "listed": listed, "now": now}
    return render(request, "nodes/browser_certificates/detail.html", context, status=status)


@page("nodes.view_browsercertificate")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponseBase:
    return _detail(request, get_object_or_404(BrowserCertificate, pk=pk))


@page("nodes.change_browsercertificate")
def answer(request: PageRequest, pk: uuid.UUID) -> HttpResponseBase:
    certificate = get_object_or_404(BrowserCertificate, pk=pk)
    if request.method != "POST":
        return redirect("browser_certificates:detail", pk=pk)
    form = AnswerForm(request.POST, request.FILES)
    if _made(form, lambda **fields: browser_certificate_answer(actor=request.actor, certificate=certificate, **fields)):
        return redirect(reverse("browser_certificates:detail", args=[pk]) + "?new")
    return _detail(request, certificate, status=400, form=form)


@page("nodes.choose_browsercertificate")
@require_POST
def choose(request: PageRequest, pk: uuid.UUID) -> HttpResponseBase:
    certificate = get_object_or_404(BrowserCertificate.objects.ready(), pk=pk)
    node = get_object_or_404(Node.objects.present(), pk=_id(request.POST.get("node", "")))
    try:
        browser_certificate_choose(actor=request.actor, node=node, thumbprint=certificate.thumbprint, now=timezone.now())
    except NodesError as exc:
        return _detail(request, certificate, status=409, error=f"Not chosen for {node}. {exc}")
    return redirect("nodes:detail", pk=node.pk)


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@page("nodes.delete_browsercertificate")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate, error = get_object_or_404(BrowserCertificate, pk=pk), ""
    if request.method == "POST":
        try:
            browser_certificate_delete(actor=request.actor, certificate=certificate, now=timezone.now())
            return redirect("browser_certificates:list")
        except NodesError as exc:
            error = str(exc)
    context = {"page": deletion_page(certificate, error=error)}
    return render(request, "nodes/browser_certificates/remove.html", context, status=409 if error else 200)


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
    node = get_object_or_404(Node.objects.present(), pk=pk)
    shown = choice_page(node)
    chosen = shown.status.certificate
    initial = {"pick": chosen.sha256} if chosen else {"thumbprint": node.browser_thumbprint}
    form = ChoiceForm(request.POST or None, initial=initial, certificates=list(BrowserCertificate.objects.ready()))
    if request.method == "POST" and form.is_valid():
        try:
            browser_certificate_choose(actor=request.actor, node=node, thumbprint=form.chosen(), now=timezone.now())
            return redirect("nodes:detail", pk=pk)
        except InputInvalid as exc:
            form.refuse(exc)
        except ChoiceBlocked as exc:
            shown = replace(shown, findings=exc.findings)
        except NodesError as exc:
            form.add_error(None, str(exc))
    status = 409 if shown.findings else form.status
    return render(request, "nodes/browser_certificates/node.html", {"page": shown, "form": form}, status=status)
