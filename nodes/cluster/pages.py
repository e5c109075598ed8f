"""Pages of the cluster certificate, its deployments and its manual configuration: parse, call a service, render."""

import uuid
from collections.abc import Callable

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from certs.cluster.services import cluster_certificates, cluster_current, cluster_pfx, token_checked, token_sign
from certs.models import Deployment
from certs.zone.services import zone_current
from nodes.cluster.deployments import deployment_change, deployment_create, deployment_delete
from nodes.cluster.forms import DeploymentForm, PfxDownloadForm, SiteForm, TokenForm
from nodes.cluster.lists import ClusterList, ManualList
from nodes.cluster.services import (
    Delivery,
    cluster_deliver,
    cluster_lacking,
    participants,
    rank_column,
    site_answer,
    site_set,
    tick_set,
)
from nodes.cluster.view_models import DeploymentPage, PfxPage, SitePage, TokenPage, cluster_page, manual_page
from nodes.errors import InputInvalid
from nodes.inventory.counts import node_counts
from nodes.models import Node
from people.sign_in.fresh_sign_in import fresh_sign_in
from pki.foreign.pfx import PfxForm
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("certs.view_certificate")
def show(request: PageRequest) -> HttpResponseBase:
    certificates = cluster_certificates()
    ranks = rank_column(Node.objects.present(), in_force=certificates[0])
    listed = Listed(request, ClusterList(certificates[0], ranks), ranks.rows, now=timezone.now())
    return listed.page("nodes/cluster/show.html", page=cluster_page(certificates, ranks))


def _save(form: DeploymentForm, save: Callable[..., Deployment]) -> Deployment | None:
    """The saved object; None if it was refused, and then the form has the reason."""
    if form.is_valid():
        try:
            return save(now=timezone.now(), **form.cleaned_data)
        except InputInvalid as exc:
            form.refuse(exc)
    return None


@page("certs.add_deployment")
def create(request: PageRequest) -> HttpResponse:
    form = DeploymentForm(request.POST or None)
    if request.method == "POST" and (made := _save(form, lambda **fields: deployment_create(actor=request.actor, **fields))):
        return redirect(reverse("cluster:deployment", args=[made.pk]) + "?saved")
    return render(request, "nodes/cluster/deployment.html", {"page": DeploymentPage(), "form": form}, status=form.status)


@page("certs.change_deployment")
def edit(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    deployment = get_object_or_404(Deployment, pk=pk)
    initial = {name: getattr(deployment, name) for name in ("name", "api_address", "audience")}
    form = DeploymentForm(request.POST or None, initial=initial)
    if request.method == "POST" and _save(form, lambda **fields: deployment_change(actor=request.actor, deployment=deployment, **fields)):
        return redirect(reverse("cluster:deployment", args=[pk]) + "?saved")
    shown = DeploymentPage(deployment, saved="saved" in request.GET and request.method == "GET")
    context = {"page": shown, "form": form, "now": timezone.now()}
    return render(request, "nodes/cluster/deployment.html", context, status=form.status)


@page("certs.delete_deployment")
def remove(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    deployment = get_object_or_404(Deployment, pk=pk)
    if request.method == "POST":
        deployment_delete(actor=request.actor, deployment=deployment, now=timezone.now())
        return redirect("cluster:show")
    return render(request, "nodes/cluster/remove.html", {"page": DeploymentPage(deployment)})


@page("certs.sign_token")
@require_POST
def sign_token(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """The only answer that contains the token."""
    deployment, now = get_object_or_404(Deployment, pk=pk), timezone.now()
    token = token_sign(actor=request.actor, deployment=deployment, now=now)
    answer = render(request, "nodes/cluster/token.html", {"page": TokenPage(deployment, token), "now": now})
    answer["Cache-Control"] = "no-store"
    return answer


@page("certs.view_deployment")
def check_token(request: PageRequest) -> HttpResponse:
    form, checked, now = TokenForm(request.POST or None), None, timezone.now()
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        checked = token_checked(actor=request.actor, token=asked["token"], deployment=asked["deployment"], now=now)
    answer = render(request, "nodes/cluster/check.html", {"page": checked, "form": form, "now": now}, status=400 if form.errors else 200)
    answer["Cache-Control"] = "no-store"
    return answer


@page("certs.view_certificate")
def site(request: PageRequest) -> HttpResponse:
    zone = zone_current()
    initial = {name: getattr(zone, name) for name in ("installation", "upgraded_from", "release", "app_distribution")}
    form = SiteForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            site_set(actor=request.actor, now=timezone.now(), **form.cleaned_data)
            return redirect(reverse("cluster:site") + "?saved")
        except InputInvalid as exc:
            form.refuse(exc)
    shown = SitePage(site_answer(zone), node_counts().once_registered, saved="saved" in request.GET and request.method == "GET")
    context = {"page": shown, "form": form}
    return render(request, "nodes/cluster/site.html", context, status=form.status)


def _manual(request: PageRequest, delivery: Delivery | None = None) -> HttpResponseBase:
    in_force = cluster_current()
    ranks = rank_column(participants(), in_force=in_force)
    shown = manual_page(ranks, delivery=delivery)
    return Listed(request, ManualList(in_force, ranks), ranks.rows, now=timezone.now()).page("nodes/cluster/manual.html", page=shown)


@page("nodes.view_node")
def manual(request: PageRequest) -> HttpResponseBase:
    return _manual(request)


@page("nodes.renew_node")
@require_POST
def deliver(request: PageRequest) -> HttpResponseBase:
    """Deliver to all nodes that lack the certificate, or to the given one."""
    pk = request.POST.get("node")
    chosen = [cluster_node for cluster_node in cluster_lacking() if pk in (None, str(cluster_node.node.pk))]
    return _manual(request, delivery=cluster_deliver(actor=request.actor, nodes=chosen, now=timezone.now()))


@page("nodes.change_node")
@require_POST
def tick(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    node = get_object_or_404(Node.objects.present(), pk=pk)
    tick_set(actor=request.actor, node=node, on=request.POST.get("done") == "yes", now=timezone.now())
    return redirect("cluster:manual")


@page("certs.export_cluster")
@fresh_sign_in
def pfx(request: PageRequest) -> HttpResponse:
    form = PfxDownloadForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        content = cluster_pfx(actor=request.actor, password=asked["password"], form=PfxForm(asked["form"]), now=timezone.now())
        answer = HttpResponse(content, content_type="application/x-pkcs12")
        answer["Content-Disposition"] = 'attachment; filename="QlikServiceCluster.pfx"'
    else:
        answer = render(
            request, "nodes/cluster/pfx.html", {"page": PfxPage(cluster_current()), "form": form}, status=400 if form.errors else 200
        )
    answer["Cache-Control"] = "no-store"
    return answer
