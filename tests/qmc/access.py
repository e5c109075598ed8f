"""One object for each parameter of an address, and valid content for the operations that need some. For the table of who may do what."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from alerts.channels.services import channel_create
from alerts.models import Route
from audit.actors import SYSTEM
from audit.models import SyslogReceiver
from audit.record import record
from backups.models import Backup
from backups.states import BackupState
from certs.models import Certificate, Rotation
from jobs.services import job_create
from nodes.browser_certificates.services import browser_certificate_request
from nodes.cluster.deployments import deployment_create
from nodes.jobs import RENEWAL
from nodes.models import Renewal
from people.accounts.services import person_create
from people.models import ApiToken, SavedView
from pki.core.keys import KeyType
from tests import factories

Objects = dict[str, tuple[str, ...]]
# What is sent: JSON to the API, a form to pages. Of the API it has the right form, so that the answer says who may. Pages without an entry get a form with an unknown field. `NODE` and `CHANNEL` are replaced by ids.
NODE, CHANNEL = "id of the node", "id of the channel"
DEPLOYMENT = {"name": "cloud2", "api_address": "https://cloud2.example", "audience": "cloud2.example"}
CONNECTION = {"name": "Stock", "type": "odbc", "connection_string": "DSN=stock"}
SITE = {"installation": "new", "app_distribution": "none"}
CONTENT: dict[str, dict[str, Any]] = {
    "POST /api/v1/alert-channels/": {"name": "on call", "kind": "webhook", "values": {"url": "https://hooks.example/q"}},
    "POST /api/v1/alert-routes/": {"channel": CHANNEL},
    "POST /api/v1/audit/segments/": {"before": "2020-01-01T00:00:00Z"},
    "POST /api/v1/audit/segments/<uuid:pk>/remove/": {"reason": "it is old"},
    "POST /api/v1/backups/": {"passphrase": "correct horse battery"},
    "PUT /api/v1/settings/backups/": {"every": "day"},
    "POST /backups/new/": {"passphrase": "correct horse battery", "again": "correct horse battery"},
    "POST /backups/schedule/": {"every": "day", "weekday": "0", "hour": "2", "keep": "7"},
    "POST /api/v1/browser-certificates/": {"host_names": ["rim9.example"]},
    "POST /api/v1/browser-certificates/<uuid:pk>/answer/": {"certificate": "none"},
    "POST /api/v1/bulk/": {"action": "nodes.renew", "filter": {"search": "rim1"}, "preview": True},
    "POST /bulk/new/": {"action": "nodes.renew", "ids": NODE},
    "POST /api/v1/certificates/<uuid:pk>/revoke/": {"reason": "superseded"},
    "POST /api/v1/cluster/check-token/": {"token": "none"},
    "PUT /api/v1/cluster/site/": SITE,
    "PUT /api/v1/cluster/nodes/<uuid:pk>/": {"imported": True},
    "POST /api/v1/cluster/pfx/": {"password": "correct horse battery"},
    "PUT /api/v1/settings/root-rotation/": {"automatic": False},
    "POST /cluster/site/": SITE,
    "POST /alerts/<uuid:pk>/": {"until": "4h"},
    "POST /alerts/channels/<uuid:pk>/": {"name": "on call", "url": "https://hooks.example/q"},
    "POST /alerts/rules/": {"silent_minutes": "20"},
    "POST /settings/addresses/": {"node_api_addresses": "10.0.0.5:4242"},
    "POST /settings/lifetime/": {"months": "24"},
    "POST /settings/calls/": {"least_s": "30", "most_s": "900"},
    "POST /settings/key-types/": {"root": "EC P-384", "service": "RSA-4096", "client": "EC P-384", "cluster": "RSA-3072"},
    "POST /people/<uuid:pk>/": {"roles": "Viewer"},
    "POST /api/v1/connections/": CONNECTION,
    "PUT /api/v1/connections/<uuid:pk>/": CONNECTION,
    "POST /api/v1/deployments/": DEPLOYMENT,
    "PUT /api/v1/deployments/<uuid:pk>/": DEPLOYMENT,
    "POST /api/v1/exports/": {"format": "pem", "machine_names": ["b.example"]},
    "PUT /api/v1/exports/<uuid:pk>/role/": {"role": "Viewer"},
    "POST /api/v1/exports/<uuid:pk>/revoke/": {"reason": "superseded"},
    "POST /api/v1/nodes/": {"name": "rim9", "host_name": "rim9.example", "address": "127.0.0.1"},
    "PATCH /api/v1/nodes/<uuid:pk>/": {"address": "10.0.0.6"},
    "PUT /api/v1/nodes/<uuid:pk>/browser-certificate/": {"thumbprint": ""},
    "POST /api/v1/nodes/bulk/": {"nodes": [{"name": "rim9", "host_name": "rim9.example", "address": "127.0.0.1"}], "check": True},
    "POST /api/v1/nodes/preflight/": {"name": "rim9", "host_name": "rim9.example", "address": "127.0.0.1", "distribution_port": 9},
    "POST /api/v1/people/": {"username": "mia"},
    "PATCH /api/v1/people/<uuid:pk>/": {"roles": ["Viewer"]},
    "PUT /api/v1/people/roles/": {"second_factor": ["Viewer"]},
    "PUT /api/v1/people/<uuid:pk>/provider/": {"identifier": "mia-7"},
    "POST /api/v1/rotations/": {"kind": "database-key"},
    "POST /api/v1/rotations/<uuid:pk>/exclude/": {"node": NODE, "reason": "it is broken"},
    "POST /api/v1/syslog-receivers/": {"name": "archive", "host": "logs.site.example"},
    "PATCH /api/v1/syslog-receivers/<uuid:pk>/": {"port": 7514},
    "POST /settings/syslog/new/": {"name": "archive", "host": "logs.site.example", "port": "6514", "begins": "first"},
    "POST /settings/syslog/<uuid:pk>/": {"name": "archive", "host": "logs.site.example", "port": "6514"},
    "PUT /api/v1/settings/lifetime/": {"months": 24},
    "PUT /api/v1/settings/calls/": {"least_s": 30},
    "PUT /api/v1/settings/key-types/": {"service": "RSA-4096"},
    "POST /api/v1/tokens/": {"name": "nightly"},
    "PATCH /api/v1/tokens/<uuid:pk>/": {"expires_at": "2020-01-01T00:00:00Z"},
}


def objects_make(owner: User, *, now: datetime) -> Objects:
    """Make one object of each kind. Returns the parameters of addresses, by the beginning of the address."""
    node = factories.registered_node()
    root = Certificate.objects.issued().get(kind="root")
    certificate = factories.certificate("service", holder_id=node.pk, at=now, der=root.der)
    export = factories.export(at=now)
    channel = channel_create(actor=SYSTEM, name="ops", kind="webhook", values={"url": "https://hooks.example/q"}, now=now)
    alert = factories.alert(at=now)
    delivery = factories.delivery(channel, factories.message(alert, at=now), at=now)
    route = Route.objects.create(channel=channel, created_at=now)
    rotation = Rotation.objects.create(kind="root", to_version=1, actor="ann", created_at=now, from_root=root, to_root=root)
    requested = browser_certificate_request(actor=SYSTEM, host_names=["reports.example"], key_type=KeyType.EC_P256, now=now)
    deployment = deployment_create(actor=SYSTEM, now=now, name="cloud", api_address="https://cloud.example", audience="cloud.example")
    syslog = SyslogReceiver.objects.create(
        name="siem", host="127.0.0.1", sequence=1000, created_at=now, changed_at=now
    )  # it has all events, and is not dialed
    person = person_create(actor=SYSTEM, username="eve", now=now)[0]
    factories.token(owner, "dashboard", at=now)
    token = ApiToken.objects.get(name="dashboard")
    renewal = Renewal.objects.create(node=factories.node("rim7", at=now), generation=2, actor="ann", created_at=now)
    job = job_create(task=RENEWAL, subject=renewal.pk, title="Renewal", actor="ann", now=now)
    backup = Backup.objects.create(
        actor="ann",
        name="site.age",
        folder="/nowhere",
        host="central.example",
        state=BackupState.MADE,
        under_way=None,
        created_at=now,
        state_since=now,
    )
    of: Objects = {
        "/nodes/": (str(node.pk),),
        "/nodes/register-many/": (str(factories.bulk_work(at=now, action="nodes.check", state="finished", finished_at=now).pk),),
        "/audit/": (str(record(actor=SYSTEM, action="node.created", target=node, detail={}, now=now).pk),),
        "/audit/segments/": (str(factories.segment(at=now).pk),),
        "/certificates/": (str(certificate.pk),),
        "/certificates/<uuid:pk>/crl/": (str(root.pk),),
        "/exports/": (str(export.pk),),
        "/exports/asked/": (str(export.batch),),
        "/browser-certificates/": (str(requested.pk),),
        "/jobs/": (str(job.pk),),
        "/backups/": (str(backup.pk),),
        "/connections/": (str(factories.connection(at=now).pk),),
        "/cluster/deployments/": (str(deployment.pk),),
        "/deployments/": (str(deployment.pk),),
        "/cluster/manual/": (str(node.pk),),
        "/cluster/nodes/": (str(node.pk),),
        "/database-key/": (str(rotation.pk),),
        "/rotations/": (str(rotation.pk),),
        "/roots/": (str(rotation.pk), str(node.pk)),
        "/people/": (str(person.pk),),
        "/people/link/": (str(uuid.UUID(int=7)),),
        "/tokens/": (str(token.pk),),
        "/alerts/": (str(alert.pk),),
        "/alerts/channels/": (str(channel.pk),),
        "/alert-channels/": (str(channel.pk),),
        "/alerts/deliveries/": (str(delivery.pk),),
        "/alerts/routes/": (str(route.pk),),
        "/alert-routes/": (str(route.pk),),
        "/syslog-receivers/": (str(syslog.pk),),
        "/settings/syslog/": (str(syslog.pk),),
        "/bulk/": (str(factories.bulk_work(at=now, account=owner).pk),),
        "/qrs/": ("about",),
        "/help/": ("alerts",),
        "/help/files/": ("register-node.sh",),
        "/account/lists/": ("nodes",),
        "/account/views/": (str(SavedView.objects.create(owner=owner.person, list_name="nodes", name="engines", created_at=now).pk),),
        "/account/sessions/": ("7",),
        "/account/second-factors/": ("7",),
    }
    return of


def content_of(operation: str, objects: Objects) -> dict[str, Any]:
    """What is sent to this method and address."""
    ids = {NODE: objects["/nodes/"][0], CHANNEL: objects["/alerts/channels/"][0]}
    found = CONTENT.get(operation, {} if "/api/" in operation else {"unknown": "field"})
    return {name: ids.get(value, value) if isinstance(value, str) else value for name, value in found.items()}
