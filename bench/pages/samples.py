"""The objects whose pages are measured. Objects that the seeded site lacks are made with the services of the product."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Count

from alerts.alerts.services import alerts_update
from alerts.channels.services import channel_create
from alerts.models import Alert, Channel, Delivery, Route, Rules
from alerts.routes.services import route_create
from alerts.rules.models import rules_current
from audit.actors import SYSTEM
from audit.models import Event, SyslogReceiver
from backups.models import Backup
from backups.states import BackupState
from bench.pages.addresses import Sample, Samples
from bulk.actions import action_of_list
from bulk.models import BulkWork
from bulk.services import MOST, NewItem, bulk_begin
from bulk.states import ItemState, WorkState
from certs.models import Certificate, Deployment, Export, Rotation
from certs.states import CertificateStatus
from jobs.models import Job
from nodes.browser_certificates.services import browser_certificate_request
from nodes.bulk_registration.bulk import CHECK
from nodes.cluster.deployments import deployment_create
from nodes.connections.services import connection_create
from nodes.models import BrowserCertificate, Connection, Node
from nodes.states import BrowserCertificateState, NodeState
from people.models import ApiToken, Person
from people.roles.groups import root_admins
from people.tokens.services import token_create
from pki.core.keys import KeyType
from pki.core.roles import Kind
from qmc.syslog.services import receiver_create

CONNECTIONS = 60


def samples_make(*, now: datetime) -> None:
    """Make what the site has none of."""
    if not Connection.objects.exists():
        for number in range(CONNECTIONS):
            connection_create(
                actor=SYSTEM, now=now, name=f"Sales {number:04d}", type="odbc", connection_string=f"DSN=sales{number}", password="secret"
            )
    if (owner := root_admins().first()) and not ApiToken.objects.exists():
        token_create(actor=SYSTEM, owner=owner, name="dashboard", now=now)
    if not Deployment.objects.exists():
        deployment_create(actor=SYSTEM, now=now, name="cloud", api_address="https://cloud.example", audience="cloud.example")
    if not Channel.objects.exists():
        channel = channel_create(
            actor=SYSTEM, name="on call", kind="webhook", values={"url": "https://hooks.example/q"}, enabled=False, now=now
        )
        route_create(actor=SYSTEM, now=now, channel=channel)
        Delivery.objects.create(channel=channel, state="sent", title="Test message", created_at=now, changed_at=now, attempts=1)
    facts = {
        "size": 12_345_678,
        "nodes": 10_000,
        "certificates": 40_000,
        "verified_at": now,
        "made_at": now,
        "created_at": now,
        "state_since": now,
    }
    Backup.objects.get_or_create(name="site.age", defaults={"state": BackupState.MADE, "under_way": None, "host": "central"} | facts)
    if not SyslogReceiver.objects.exists():
        receiver_create(actor=SYSTEM, name="archive", host="logs.example", enabled=False, now=now)
    if not BrowserCertificate.objects.filter(state=BrowserCertificateState.AWAITING_ANSWER).exists():
        browser_certificate_request(actor=SYSTEM, host_names=["reports.example"], key_type=KeyType.EC_P256, now=now)
    if not BulkWork.objects.exists():
        items = [NewItem(node.name, node.pk) for node in Node.objects.order_by("pk")[:MOST]]
        bulk_begin(actor=SYSTEM, action=action_of_list("nodes.renew"), items=items, parameters={}, request=uuid.uuid4(), now=now)
        checks = bulk_begin(
            actor=SYSTEM,
            action=CHECK,
            items=[NewItem(f"new {number}") for number in range(MOST)],
            parameters={},
            request=uuid.uuid4(),
            now=now,
        )
        checks.items.update(state=ItemState.DONE, ended_at=now)
        BulkWork.objects.filter(pk=checks.pk).update(state=WorkState.FINISHED, finished_at=now)
    alerts_settle(now=now)
    if not Alert.objects.exists():
        alerts_update(now=now)


def alerts_settle(*, now: datetime) -> None:
    """Alerts were compared just now, as while workers run. Otherwise nothing new would be opened for some minutes."""
    rules_current()
    Rules.objects.update(checked_at=now, settles_at=None)


def _samples(words: str, rows: "models.QuerySet[models.Model]") -> list[Sample]:
    row = rows.first()
    return [] if row is None else [Sample(words, (row.pk,))]


def samples() -> Samples:
    """By the beginning of the route. A kind without objects has an empty list, so its pages are not measured."""
    node = Node.objects.filter(state=NodeState.REGISTERED, is_central=False, observation__isnull=False).order_by("created_at").first()
    assert node is not None
    issued = Certificate.objects.issued()
    nodes = [Sample("registered", (node.pk,)), *_samples("waits for its password", Node.objects.filter(state=NodeState.AWAITING_PASSWORD))]
    export = Export.objects.filter(status="made").first()
    exports = [Sample("made", (export.pk,))] if export else []
    revoked = Certificate.objects.filter(status=CertificateStatus.REVOKED, holder_id__in=Node.objects.values("pk"))
    certificates = [
        *_samples("of a node", issued.filter(holder_id=node.pk, kind=Kind.SERVICE)),
        *_samples("of an export", issued.filter(holder_id=export.pk) if export else issued.none()),
        *_samples("root", issued.filter(kind=Kind.ROOT)),
    ]
    used = Node.objects.exclude(browser_thumbprint="").values("browser_thumbprint").annotate(nodes=Count("pk")).order_by("-nodes").first()
    requested = _samples("requested", BrowserCertificate.objects.filter(state=BrowserCertificateState.AWAITING_ANSWER))
    browser = _samples("in use", BrowserCertificate.objects.filter(thumbprint=used["browser_thumbprint"])) if used else []
    rotations, receivers = _samples("last", Rotation.objects.all()), _samples("", SyslogReceiver.objects.all())
    pages: Samples = {
        "nodes/": nodes,
        "nodes/register-many/": _samples("", BulkWork.objects.filter(action=CHECK.name)),
        "certificates/": certificates,
        "certificates/<uuid:pk>/crl/": certificates[-1:],
        "certificates/<uuid:pk>/exposure/": _samples("of a node", revoked),
        "exports/": exports,
        "exports/asked/": [Sample("made", (export.batch,))] if export else [],
        "browser-certificates/": [*browser, *requested],
        "connections/": _samples("", Connection.objects.all()),
        "cluster/deployments/": _samples("", Deployment.objects.all()),
        "cluster/manual/": nodes[:1],
        "database-key/": rotations,
        "roots/": [Sample(sample.words, (*sample.ids, node.pk)) for sample in rotations],
        "people/": _samples("", Person.objects.all()),
        "settings/syslog/": receivers,
        "syslog-receivers/": receivers,
        "bulk/": _samples("", BulkWork.objects.all()),
        "backups/": _samples("made", Backup.objects.filter(state=BackupState.MADE)),
        "jobs/": [*_samples("done", Job.objects.filter(outcome="done")), *_samples("not finished", Job.objects.unfinished())],
        "tokens/": _samples("", ApiToken.objects.all()),
        "audit/": _samples("", Event.objects.order_by("-sequence")),
        "alerts/": _samples("", Alert.objects.all()),
        "alerts/channels/": _samples("", Channel.objects.all()),
        "alerts/deliveries/": _samples("", Delivery.objects.all()),
        "alerts/routes/": _samples("", Route.objects.all()),
    }
    of_api = {
        "deployments/": pages["cluster/deployments/"], "cluster/nodes/": nodes[:1], "rotations/": rotations, "alert-channels/": pages["alerts/channels/"],
        "alert-routes/": pages["alerts/routes/"],
    }  # fmt: skip
    return pages | {f"api/v1/{beginning}": found for beginning, found in (pages | of_api).items()}
