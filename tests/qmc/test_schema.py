"""The schema has every address of the API, with the format of its answers."""

import uuid
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from django.core.checks import run_checks
from django.urls import get_resolver

from alerts.alerts.api import AlertMessageOutput, AlertOutput, MessageDeliveryOutput, message_json, queued_json
from alerts.alerts.lists import alert_json
from alerts.channels.api import ChannelOutput
from alerts.channels.lists import channel_json
from alerts.deliveries import preview
from alerts.deliveries.api import AlertPreviewOutput, DeliveryOutput, preview_json
from alerts.deliveries.lists import delivery_json
from alerts.models import Alert, Channel, Delivery, Message, QueuedMessage, Route, Rules
from alerts.routes.api import RouteOutput
from alerts.routes.lists import route_json
from alerts.watchdog.api import AlertRulesOutput, WatchdogOutput, rules_json
from attention.expiring import Endless, by_hand
from attention.needs import Severity
from certs.certificates.api import CertificateOutput
from certs.certificates.lists import certificate_json
from certs.exports.api import ExportOutput
from certs.exports.lists import exports_json
from certs.lifetime.api import LifetimeOutput, NewEndOutput, NodeRenewalOutput, PreviewOutput
from certs.lifetime.services import Lifetime, NewEnd, NodeRenewal, Preview
from certs.models import Certificate, Deployment, Export
from nodes.browser_certificates.api import BrowserCertificateOutput, NodeChoiceOutput, choice_json
from nodes.browser_certificates.lists import browser_certificates_json
from nodes.browser_certificates.view_models import BrowserStatus
from nodes.cluster.api import ClusterNodeOutput, DeploymentOutput, ManualOutput, TokenFindingOutput
from nodes.cluster.lists import cluster_node_json, deployments_json
from nodes.cluster.services import ClusterNode
from nodes.connections.api import ConnectionOutput
from nodes.connections.lists import connections_json
from nodes.inventory.api import NodeOutput
from nodes.inventory.lists import nodes_json
from nodes.models import BrowserCertificate, Connection, Node
from nodes.registration.api import CeremonyOutput, ceremony_json
from nodes.registration.services import Ceremony
from pki.cluster import token_check
from pki.cluster.manual_configuration import Answer
from pki.core.findings import Finding
from qmc.expiry.api import EndlessOutput, ExpiringOutput, ExpiryOutput, board_json, endless_json
from qmc.expiry.board import Board, BoardRow
from qmc.expiry.lists import ExpiryList
from qmc.schema.document import api_schema
from web.api import FindingOutput

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.django_db
def test_answers_have_the_format_in_the_schema() -> None:
    certificate = Certificate(not_before=NOW, not_after=NOW)
    (node,) = nodes_json([Node()], NOW)
    (connection,) = connections_json([Connection()])
    (browser_certificate,) = browser_certificates_json([BrowserCertificate(state="ready", not_before=NOW, not_after=NOW)], NOW)
    row = BoardRow(None, "backup", "", "", "", NOW, NOW, by_hand(""), "", NOW, NOW)
    expiring = {name: getattr(row, name) for name in ExpiryList.csv}
    endless = Endless(None, "token", "", "", "")
    answers = {
        AlertOutput: alert_json(Alert()),
        AlertMessageOutput: message_json(Message(), []),
        MessageDeliveryOutput: queued_json(QueuedMessage(channel=Channel())),
        AlertRulesOutput: rules_json(Rules()),
        WatchdogOutput: rules_json(Rules())["watchdog"],
        ChannelOutput: channel_json(Channel(kind="webhook", values={"url": "https://hooks.example/"})),
        AlertPreviewOutput: preview_json(preview.Preview("code", Severity.INFO, NOW, True, [], [])),
        DeliveryOutput: delivery_json(Delivery()),
        RouteOutput: route_json(Route(channel=Channel())),
        NodeOutput: node,
        ConnectionOutput: connection,
        BrowserCertificateOutput: browser_certificate,
        NodeChoiceOutput: choice_json(BrowserStatus("none", "")),
        DeploymentOutput: deployments_json([Deployment()])[0],
        ClusterNodeOutput: cluster_node_json(ClusterNode(Node(), certificate, None, False, None)),
        TokenFindingOutput: vars(token_check.Finding("code", True, "text")),
        ManualOutput: vars(Answer(False, "reason")),
        CertificateOutput: certificate_json(certificate, NOW),
        ExpiryOutput: {"results": [expiring], "next": None} | board_json(Board(NOW, NOW, [], [], [endless])),
        ExpiringOutput: expiring,
        EndlessOutput: endless_json(endless),
        NewEndOutput: asdict(NewEnd("root", NOW, False, NOW)),
        NodeRenewalOutput: asdict(NodeRenewal(uuid.uuid4(), "rim1", NOW)),
        PreviewOutput: asdict(Preview([], 0, [], 0)),
        ExportOutput: exports_json([Export()], NOW)[0],
        LifetimeOutput: vars(Lifetime(60, 60)),
        FindingOutput: vars(Finding("code", "ok", "title")),
        CeremonyOutput: ceremony_json(Ceremony("word", "http://localhost", NOW, "issuing")),
    }
    for output, answer in answers.items():
        assert set(output().fields) == set(answer), output


def test_every_address_is_in_the_schema_with_its_answer() -> None:
    schema = api_schema()
    known = {str(pattern.pattern) for pattern in get_resolver("qmc.urls").url_patterns if str(pattern.pattern).startswith("api/v1/")}
    assert len(schema["paths"]) == len(known)
    without = [
        (path, method)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if not any("content" in answer for status, answer in operation["responses"].items() if status < "300")
    ]
    deleted = (
        "alert-channels",
        "alert-routes",
        "browser-certificates",
        "connections",
        "deployments",
        "nodes",
        "syslog-receivers",
        "tokens",
    )
    paths = [f"/api/v1/{section}/{{id}}/" for section in deleted] + ["/api/v1/exports/{id}/role/", "/api/v1/people/{id}/provider/"]
    assert sorted(without) == [(path, "delete") for path in sorted(paths)]


@pytest.mark.django_db
def test_the_schema_names_every_enumeration_without_a_warning() -> None:
    assert [message for message in run_checks(include_deployment_checks=True) if str(message.id).startswith("drf_spectacular")] == []
