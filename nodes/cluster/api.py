"""The cluster certificate, deployments and tokens in the REST API."""

import uuid
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.certificates.api import CertificateOutput
from certs.certificates.lists import certificate_json
from certs.cluster.services import (
    cluster_certificates,
    cluster_current,
    cluster_jwks,
    cluster_pfx,
    cluster_public_key,
    token_checked,
    token_sign,
)
from certs.models import Deployment
from certs.zone.services import zone_current
from nodes.cluster.deployments import deployment_change, deployment_create, deployment_delete
from nodes.cluster.lists import ClusterList, DeploymentList, deployments_json
from nodes.cluster.services import cluster_deliver, cluster_lacking, site_answer, site_set, tick_set, with_cluster_state
from nodes.inventory.counts import node_counts
from nodes.models import Node
from people.sign_in.fresh_sign_in import fresh_sign_in_required
from pki.cluster.manual_configuration import AppDistribution, Installation
from pki.cluster.token_check import LARGEST_TOKEN
from pki.cluster.tokens import key_id
from pki.core.errors import PfxRefused
from pki.foreign.pfx import PfxForm
from web.api import Choice, Input, StrictBoolean, StrictText, View, list_query, operation, page_of
from web.errors import InputInvalid
from web.secrets import SecretField

NO_STORE = {"Cache-Control": "no-store"}


class DeploymentInput(Input):
    name = StrictText()
    api_address = StrictText(help_text="https; the console never connects to it")
    audience = StrictText(help_text="the audience (aud) of tokens for it")


class DeploymentOutput(serializers.Serializer[Any]):
    """A deployment in its pinned form, for the schema."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    api_address = serializers.CharField()
    audience = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class TestTokenOutput(serializers.Serializer[Any]):
    token = SecretField(help_text="answered only once, and not stored")
    key_id = serializers.CharField()
    audience = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TokenInput(Input):
    token = StrictText(max_length=2 * LARGEST_TOKEN)
    deployment = serializers.UUIDField(required=False, help_text="the deployment that the token must be for; any deployment if left out")


class TokenFindingOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    good = serializers.BooleanField()
    text = serializers.CharField()


class CheckedTokenOutput(serializers.Serializer[Any]):
    accepted = serializers.BooleanField()
    findings = TokenFindingOutput(many=True)


class ClusterNodeOutput(serializers.Serializer[Any]):
    node = serializers.UUIDField()
    name = serializers.CharField()
    present = serializers.BooleanField()
    current = serializers.BooleanField()
    sha256 = serializers.CharField(allow_null=True)
    proved_at = serializers.DateTimeField(allow_null=True)
    ticked_at = serializers.DateTimeField(allow_null=True)
    verified = serializers.BooleanField()


class ClusterNodeInput(Input):
    imported = StrictBoolean(help_text="whether the current certificate was imported on the node by hand")


class ClusterDeliverInput(Input):
    node = serializers.UUIDField(required=False, help_text="only this node. Default: all nodes that lack the current certificate")


class ClusterLeftOutOutput(serializers.Serializer[Any]):
    node = serializers.UUIDField()
    name = serializers.CharField()
    reason = serializers.CharField(help_text="why it does not get the certificate, and what to do")


class ClusterDeliveryOutput(serializers.Serializer[Any]):
    """The nodes that get the current cluster certificate by a renewal, and the others."""

    renewed = serializers.ListField(child=serializers.UUIDField())
    left_out = ClusterLeftOutOutput(many=True)


class ClusterPfxInput(Input):
    password = StrictText(write_only=True, help_text="of the file: 12 to 128 characters of a US keyboard")
    form = Choice(PfxForm, required=False, default=PfxForm.AES, help_text="legacy for Windows Server 2016 and earlier")


class ManualOutput(serializers.Serializer[Any]):
    required = serializers.BooleanField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    reason = serializers.CharField()


class SiteInput(Input):
    """All facts about the site. Releases are texts such as "September 2020", or empty."""

    installation = Choice(Installation)
    upgraded_from = StrictText(required=False)
    release = StrictText(required=False)
    app_distribution = Choice(AppDistribution)


class SiteOutput(serializers.Serializer[Any]):
    installation = serializers.ChoiceField(choices=[installation.value for installation in Installation])
    upgraded_from = serializers.CharField()
    release = serializers.CharField()
    app_distribution = serializers.ChoiceField(choices=[app_distribution.value for app_distribution in AppDistribution])
    nodes = serializers.IntegerField(help_text="counted automatically")
    manual_configuration = ManualOutput()


class ClusterOutput(serializers.Serializer[Any]):
    """The current cluster certificate, whether manual configuration is required, and a page of nodes."""

    certificate = CertificateOutput()
    key_id = serializers.CharField()
    manual_configuration = ManualOutput()
    results = ClusterNodeOutput(many=True)
    next = serializers.URLField(allow_null=True)


def _answer(deployment: Deployment, status: int = 200) -> Response:
    return Response(deployments_json([deployment])[0], status=status)


class Deployments(View):
    """The multi-cloud deployments to which apps are distributed."""

    @operation(page_of(DeploymentOutput), query=list_query(DeploymentList), operation_id="deployments_list")
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_deployment")
        return self.listed(DeploymentList(), Deployment.objects.all())

    @operation({201: DeploymentOutput}, body=DeploymentInput)
    def post(self, request: Request) -> Response:
        return _answer(deployment_create(actor=self.actor, now=timezone.now(), **self.body), 201)


class DeploymentDetail(View):
    """One deployment."""

    @operation(DeploymentOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("certs.view_deployment")
        return _answer(get_object_or_404(Deployment, pk=pk))

    @operation(DeploymentOutput, body=DeploymentInput)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        deployment = get_object_or_404(Deployment, pk=pk)
        return _answer(deployment_change(actor=self.actor, deployment=deployment, now=timezone.now(), **self.body))

    @operation({204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        deployment_delete(actor=self.actor, deployment=get_object_or_404(Deployment, pk=pk), now=timezone.now())
        return Response(status=204)


class DeploymentTestToken(View):
    """Create a token that is valid for five minutes, signed with the site's cluster key. It is answered only once."""

    @operation({201: TestTokenOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        deployment = get_object_or_404(Deployment, pk=pk)
        made = token_sign(actor=self.actor, deployment=deployment, now=timezone.now())
        content = {"token": made.text, "key_id": made.key_id, "audience": deployment.audience, "expires_at": made.expires_at}
        return Response(content, status=201, headers=NO_STORE)


class ClusterToken(View):
    """Check a token. The findings are in words. The answer is 200 also if the token is refused."""

    @operation(CheckedTokenOutput, body=TokenInput, finds=True)
    def post(self, request: Request) -> Response:
        self.actor.require("certs.view_deployment")
        pk = self.body.get("deployment")
        deployment = get_object_or_404(Deployment, pk=pk) if pk else None
        checked = token_checked(actor=self.actor, token=self.body["token"], deployment=deployment, now=timezone.now())
        return Response({"accepted": checked.accepted, "findings": [vars(finding) for finding in checked.findings]}, headers=NO_STORE)


def site_json() -> dict[str, Any]:
    """The facts about the site, and the resulting answer. Raises: ZoneMissing."""
    zone = zone_current()
    facts = {name: getattr(zone, name) for name in ("installation", "upgraded_from", "release", "app_distribution")}
    return facts | {"nodes": node_counts().once_registered, "manual_configuration": vars(site_answer(zone))}


class ClusterSite(View):
    """The facts that decide whether manual configuration is required."""

    @operation(SiteOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        return Response(site_json())

    @operation(SiteOutput, body=SiteInput)
    def put(self, request: Request) -> Response:
        site_set(actor=self.actor, now=timezone.now(), **({"upgraded_from": "", "release": ""} | self.body))
        return Response(site_json())


class Cluster(View):
    """The current cluster certificate, and its state on each node."""

    @operation(ClusterOutput, query=list_query(ClusterList))
    def get(self, request: Request) -> Response:
        self.actor.require("nodes.view_node")
        self.actor.require("certs.view_certificate")
        current = cluster_current()
        paged = self.listed(ClusterList(current), with_cluster_state(Node.objects.present(), in_force=current))
        content = {"certificate": certificate_json(current, timezone.now()), "key_id": key_id(current.x509())}
        return Response(content | {"manual_configuration": vars(site_answer(zone_current()))} | paged.data)


class ClusterNodeDetail(View):
    """The cluster certificate on one node. PUT marks that it was imported there by hand, or removes the mark."""

    @operation(ClusterNodeOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_node")
        return _node_answer(pk)

    @operation(ClusterNodeOutput, body=ClusterNodeInput)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        node = get_object_or_404(Node.objects.present(), pk=pk)
        tick_set(actor=self.actor, node=node, on=self.body["imported"], now=timezone.now())
        return _node_answer(pk)


def _node_answer(pk: uuid.UUID) -> Response:
    current = cluster_current()
    node = get_object_or_404(with_cluster_state(Node.objects.present(), in_force=current), pk=pk)
    return Response(ClusterList(current).json([node], timezone.now())[0])


class ClusterDeliver(View):
    """Deliver the current cluster certificate by a renewal to the nodes that lack it. Follow each node until it is `current`."""

    @operation({202: ClusterDeliveryOutput}, body=ClusterDeliverInput, finds=True)
    def post(self, request: Request) -> Response:
        pk = self.body.get("node")
        if pk:
            get_object_or_404(Node.objects.present(), pk=pk)
        chosen = [cluster_node for cluster_node in cluster_lacking() if pk in (None, cluster_node.node.pk)]
        delivery = cluster_deliver(actor=self.actor, nodes=chosen, now=timezone.now())
        left_out = [{"node": str(node.pk), "name": node.name, "reason": reason} for node, reason in delivery.left_out]
        return Response({"renewed": [str(node.pk) for node in delivery.renewed], "left_out": left_out}, status=202)


class ClusterPfx(View):
    """The cluster certificate with its private key as PFX, encrypted with the password. A session is asked for a fresh sign-in first."""

    @operation({(200, "application/x-pkcs12"): OpenApiResponse(OpenApiTypes.BINARY)}, body=ClusterPfxInput)
    def post(self, request: Request) -> HttpResponse:
        self.actor.require("certs.export_cluster")
        if not request.auth:
            fresh_sign_in_required(request._request)
        try:
            content = cluster_pfx(actor=self.actor, password=self.body["password"], form=PfxForm(self.body["form"]), now=timezone.now())
        except PfxRefused as exc:
            raise InputInvalid({"password": [str(exc)]}) from exc
        headers = NO_STORE | {"Content-Disposition": 'attachment; filename="QlikServiceCluster.pfx"'}
        return HttpResponse(content, content_type="application/x-pkcs12", headers=headers)


class ClusterJwks(View):
    """The public keys as a JWK Set (RFC 7517), the current one first."""

    @operation({(200, "application/jwk-set+json"): dict})
    def get(self, request: Request) -> HttpResponse:
        self.actor.require("certs.view_certificate")
        headers = {"Content-Disposition": 'attachment; filename="jwks.json"'}
        return JsonResponse(cluster_jwks(cluster_certificates()), content_type="application/jwk-set+json", headers=headers)


class ClusterPublicKey(View):
    """The current public key, PEM."""

    @operation({(200, "application/x-pem-file"): str})
    def get(self, request: Request) -> HttpResponse:
        self.actor.require("certs.view_certificate")
        headers = {"Content-Disposition": 'attachment; filename="cluster-public-key.pem"'}
        return HttpResponse(cluster_public_key(cluster_current()), content_type="application/x-pem-file", headers=headers)
