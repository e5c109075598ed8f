"""A browser whose errors fail a test, and a site with every state that a person can see."""

import json
import os
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, Response, expect, sync_playwright

from pki.core.keys import to_pem
from sitekit.site import Site
from tests.environment import QUICK
from tests.public_authority import intermediate, root, sign

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# What the README shows.
SMALL = {"width": 1080, "height": 680}
PICTURES = os.environ.get("QMC_PICTURES")
# Debian's packages. The first has no windows. The second opens a window for each context, which takes two seconds of CPU time.
SYSTEM_CHROMIUMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--no-opt --no-maglev",  # no page lives long enough for it to pay
]
LONG = "a-long-host-name-such-as-a-cloud-makes-it-01234567890.eu.example"

expect.set_options(timeout=30_000)  # patience for a busy machine: what is there is seen at once


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Six agents: every test that registers a node uses its own."""
    running = Site(tmp_path_factory.mktemp("browser") / "var", agents=6, environment=QUICK | {"QMC_OUTBOUND_NETWORKS": "127.0.0.0/8"})
    try:
        running.start()
        yield running
    finally:
        running.stop()


CHOSEN = "chosen at the first sign-in"


@dataclass(frozen=True)
class Furnished:
    """A site with every state that a person can see. The ids of its nodes."""

    registered: str
    awaiting: str
    failed: str
    created: str
    removed: str
    certificate: str
    revoked: str
    root: str
    connection: str
    folder: str
    browser: str
    browser_blocked: str
    browser_request: str
    deployment: str
    awaiting_address: str
    password: str
    unlockable_address: str
    unlockable_password: str
    export: str
    batch: str
    alerts: dict[str, str]
    people: dict[str, str]
    job: str
    work: str


PEOPLE = """
import json
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from audit.actors import SYSTEM
from people.accounts.services import person_create
from people.tokens.services import token_create
now, more = timezone.now(), {"scopes": ["read", "write", "accounts"]}
anna, link = person_create(actor=SYSTEM, username="anna.from.a.department.with.a.long.name@corp.example", roles=["DeploymentAdmin", "Viewer"], now=now)
robot, _ = person_create(actor=SYSTEM, username="nightly-registration", roles=["DeploymentAdmin"], is_service=True, now=now)
first, _ = token_create(actor=SYSTEM, owner=robot.user, name="nightly registration of machines", addresses=["10.0.0.0/24", "fd00::/64"], now=now, **more)
for number in range(3):
    token_create(actor=SYSTEM, owner=robot.user, name=f"made with it {number}", made_with=first, now=now)
gone, _ = token_create(actor=SYSTEM, owner=anna.user, name="gone", now=now)
gone.expires_at = now - timedelta(days=100)
gone.save()
off, _ = person_create(actor=SYSTEM, username="left", now=now)
User.objects.filter(pk=off.user.pk).update(is_active=False)
print(json.dumps({"person": str(anna.pk), "robot": str(robot.pk), "left": str(off.pk), "link": link, "token": str(first.pk), "expired_token": str(gone.pk)}))
"""

# Rows of the list alone, of a node and with a fingerprint that are not there, so that nothing happens to them or to others: real ones would take minutes.
MORE_CERTIFICATES = """
from certs.models import Certificate
import uuid
row = Certificate.objects.filter(kind="client", status="issued").first()
row.status, row.holder, row.holder_id = "superseded", "many", uuid.uuid4()
for number in range(60):
    row.pk, row.serial, row.sha256, row._state.adding = uuid.uuid4(), f"{number:040x}", f"{number:064x}", True
    row.save()
"""


PASSWORD_EXPIRES = """
from django.utils import timezone
from nodes.models import Registration
Registration.objects.filter(node__name="fails").update(expires_at=timezone.now())
"""


# As if its agent had called: nobody calls for it, so this stays.
SERVICES = """
from django.utils import timezone
from certs.models import Certificate
from nodes.models import Node, Observation
node, now = Node.objects.get(name="fails"), timezone.now()
old, new = Certificate.objects.get(kind="service", holder_id=node.pk).sha256, "e" * 64
Observation.objects.create(
    node=node, last_seen_at=now, installed={"service": new}, served={"service": new, "engine": old, "proxy": None, "printing": "f" * 64},
    hook={"at": now.isoformat(), "exit": 3, "generation": 2},
)
"""


# What its agent would say if it were there.
FALLEN_BACK = """
from nodes.models import Node, Observation
from nodes.browser_certificates.services import choice_for
Node.objects.filter(name="fails").update(browser_thumbprint="2e4f9a00" * 5)
node = Node.objects.get(name="fails")
Observation.objects.filter(node=node).update(browser={"revision": choice_for(node, None).revision, "problem": "no-such-thumbprint"})
"""


# As if the root had been recreated: really done, it would end every node that other tests need.
RECREATION = """
from django.utils import timezone
from audit.actors import SYSTEM
from audit.record import record
from certs.models import TrustZone
from jobs.models import Job
from nodes.models import Node
from qmc.recreation.services import COMPLETED, RECREATED, TASK, TITLE
zone, now, nodes = TrustZone.objects.get(), timezone.now(), Node.objects.filter(name__in=["alpha", "waits", "fails"])
Job.objects.create(
    task=TASK, subject=zone.pk, title=TITLE, actor="admin", created_at=now, next_attempt_at=now, outcome="done", finished_at=now
)
detail = {
    "root": f"CN={zone.name}-CA-2", "sha256": "0123456789abcdef" * 4, "replaced": [f"CN={zone.name}-CA"], "certificates": 12,
    "nodes": [{"id": str(node.pk), "name": node.name} for node in nodes],
    "backup": "/srv/trust-zone/backups/before-recreate-2026-11-24T113000Z.age",
    "passphrase_file": "/srv/trust-zone/secrets/before-recreate-2026-11-24T113000Z.passphrase",
}
record(actor=SYSTEM, action=RECREATED, target=zone, detail=detail, now=now)
record(actor=SYSTEM, action=COMPLETED, target=zone, detail={}, now=now)
"""


# Alerts without a cause are closed after two minutes, but after an hour if they came back often. Nothing is sent to a channel that is off, or that waits
# after a failure. Two are made here with all their fields, so that their pages have a form; one of them waits.
ALERTS = """
import json
from datetime import timedelta
from django.utils import timezone
from alerts.channels.services import channel_create
from alerts.models import Alert, Channel, Route
from audit.actors import SYSTEM
from audit.models import SyslogReceiver
from qmc.syslog.services import receiver_create
from tests.alerts.believable import believable_alerts
now = timezone.now()
ids = believable_alerts(now)
Channel.objects.update(enabled=False)
Alert.objects.filter(returns__lt=6).update(returns=6)
values = {"recipients": "ops@site.example", "sender": "alerts@site.example", "host": "mail.site.example", "username": "alerts", "password": "x"}
mail = channel_create(actor=SYSTEM, name="Mail to everybody who has to know, at night too", kind="mail", values=values, enabled=False, now=now)
waits = channel_create(actor=SYSTEM, name="Chat", kind="webhook", values={"url": "https://hooks.site.example/x"}, enabled=False, now=now)
error = "hooks.site.example answered HTTP 500. Check the receiver and its log."
Channel.objects.filter(pk=waits.pk).update(enabled=True, failing_since=now, failures=8, next_attempt_at=now + timedelta(minutes=59), last_error=error)
route = Route.objects.create(
    channel=mail, codes=["node-silent", "renewal-overdue", "backup-*", "export-failed"], days=[0, 1, 2, 3, 4], from_minute=480, until_minute=1080,
    time_zone="America/Argentina/Buenos_Aires", created_at=now,
)
delivery = Channel.objects.get(pk=ids["mail"]).deliveries.last()
refused = "Connection refused at logs.site.example:6514. Check the port, and check that the service runs."
archive = receiver_create(actor=SYSTEM, name="Log archive", host="logs.site.example", enabled=False, now=now)
SyslogReceiver.objects.filter(pk=archive.pk).update(enabled=True, failing_since=now, failures=8, next_attempt_at=now + timedelta(minutes=59), last_error=refused)
print(json.dumps(ids | {"syslog": str(archive.pk), "channel": str(mail.pk), "waits": str(waits.pk), "route": str(route.pk), "delivery": str(delivery.pk)}))
"""


CONNECTIONS: list[dict[str, str]] = [
    {
        "name": "Sales figures of every branch, with those that were closed, since 1998",
        "type": "sqlserver",
        "connection_string": f"Server=tcp:{LONG},1433;Database=sales;Encrypt=yes;TrustServerCertificate=no;Connection Timeout=30;" * 4,
        "username": "reader-of-sales@corp.example",
        "password": "s3cret",
    },
    {"name": "Archive", "type": "folder", "connection_string": r"\\files.corp.example\archive"},
    {
        "name": "Stock",
        "type": "postgresql",
        "connection_string": "host=db.corp.example;database=stock",
        "username": "stock",
        "password": "x",
    },
]


def browser_certificates() -> list[dict[str, Any]]:
    """One for a node, with a warning; one that blocks; and a request."""
    now = datetime.now(UTC)
    good = sign(
        "alpha.example", issuer=intermediate(), names=("alpha.example", LONG, "*.eu.example"), begins=now - timedelta(days=800), days=826
    )
    bad = sign("gone.example", names=(), begins=now - timedelta(days=9), days=5, purposes=())
    brought = [{"name": name, "certificate": (pair.pem + intermediate().pem + root().pem + to_pem(pair.key)).decode()}
               for name, pair in (("Analytics for everybody who comes from outside, until its successor is there", good), ("Gone", bad))]  # fmt: skip
    return [*brought, {"name": "Next year", "host_names": [LONG, "*.corp.example", "10.1.2.3"]}]


DEPLOYMENT = {
    "name": "Every branch in Europe, with those that were closed, since 1998",
    "api_address": f"https://{LONG}:8443/api/v1",
    "audience": LONG,
}


@pytest.fixture(scope="package")
def furnished(site: Site) -> Furnished:
    def create(name: str, address: str, host_name: str = "") -> str:
        fields = {"name": name, "host_name": host_name or f"{name}.example", "address": address, "services": ["engine", "proxy"]}
        status, node = site.call("POST", "/nodes/", fields)
        assert status == 201, node
        return str(node["id"])

    def begin(name: str, address: str) -> tuple[str, str]:
        pk = create(name, address)
        status, ceremony = site.call("POST", f"/nodes/{pk}/register/")
        assert status == 202, ceremony
        return pk, ceremony["password"]

    registered, _ = site.register("alpha", site.agents[0])
    awaiting, password = begin("waits", site.agents[1])
    failed, _ = begin("fails", site.agents[2])
    unlockable, unlockable_word = begin("ready", site.agents[3])
    for pk in (awaiting, failed, unlockable):
        site.wait_for_state(pk, "awaiting_password")
    site.manage("shell", "-c", PASSWORD_EXPIRES)
    site.wait(lambda: site.node(failed)["state"] == "failed", 90)
    created, removed = create(LONG, "127.0.98.1", LONG), create("gone", "127.0.98.1")
    assert site.call("POST", f"/nodes/{removed}/decommission/")[0] == 202
    for number in range(30):
        create(f"many{number:02}", f"127.0.98.{number + 2}")
    connections = [site.call("POST", "/connections/", fields)[1]["id"] for fields in CONNECTIONS]
    browser = [site.call("POST", "/browser-certificates/", fields)[1]["id"] for fields in browser_certificates()]
    deployment = site.call("POST", "/deployments/", DEPLOYMENT)[1]["id"]
    site.manage("shell", "-c", SERVICES + FALLEN_BACK + MORE_CERTIFICATES + RECREATION)
    alerts = {f"alert_{name}": pk for name, pk in json.loads(site.manage("shell", "-c", ALERTS).splitlines()[-1]).items()}
    people = json.loads(site.manage("shell", "-c", PEOPLE).splitlines()[-1])
    revoked = site.call("GET", f"/certificates/?node={failed}&status=revoked")[1]["results"][0]["id"]
    root = site.call("GET", "/certificates/?kind=root&status=issued")[1]["results"][0]["id"]
    site.wait(lambda: site.call("GET", f"/certificates/{root}/crl/")[0] == 200)
    asked = {"machine_names": ["reports.corp.example", LONG.replace("cloud", "store")], "format": "pem", "include_secrets_key": True}
    status, exports = site.call("POST", "/exports/", asked)
    assert status == 202, exports
    export = exports["results"][0]["id"]
    site.wait(lambda: all(site.call("GET", f"/exports/{started['id']}/")[1]["status"] == "made" for started in exports["results"]))
    ((batch,),) = site.rows(f"SELECT batch FROM certs_export WHERE id = '{UUID(export).hex}'")
    job = next(row["id"] for row in site.call("GET", "/jobs/?state=running&kind=registration")[1]["results"] if row["subject"] == awaiting)
    tags = {"add": "a-long-tag-such-as-a-cloud-makes stage-2"}
    status, work = site.call("POST", "/bulk/", {"action": "nodes.tag", "ids": [created, removed], "parameters": tags})
    assert status == 202, work
    site.wait(lambda: site.call("GET", f"/bulk/{work['id']}/")[1]["state"] == "finished")
    certificate = next(held["id"] for held in site.node(registered)["certificates"] if held["kind"] == "service")
    return Furnished(
        registered, awaiting, failed, created, removed, certificate, revoked, root, *connections[:2], *browser, deployment, site.agents[1], password, site.agents[3],
        unlockable_word, export, str(UUID(batch)), alerts, people, job, work["id"],
    )  # fmt: skip


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright. It ends with the last test here, because its event loop disturbs other tests."""
    with sync_playwright() as running:
        yield running


@contextmanager
def launched(playwright: Playwright, *arguments: str, home: Path | None = None) -> Iterator[Browser]:
    """Debian's Chromium, or playwright's own, with the NSS store in `home`."""
    path = next((system_path for system_path in SYSTEM_CHROMIUMS if system_path.exists()), Path(playwright.chromium.executable_path))
    if not path.exists():
        pytest.skip(
            f"no browser: neither {SYSTEM_CHROMIUMS[0]} nor {path} exists. Install Debian's chromium-headless-shell, or run `playwright install chromium`"
        )
    environment = os.environ | ({"HOME": str(home)} if home else {})
    browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments], env=dict(environment))
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def chromium(playwright: Playwright, site: Site) -> Iterator[Browser]:
    """A browser that trusts the console's own certificate, and no other that it cannot verify."""
    served = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", site.port)).encode())
    key = served.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    trusted = "--ignore-certificate-errors-spki-list=" + b64encode(sha256(key).digest()).decode()
    with launched(playwright, trusted) as browser:
        yield browser


@dataclass
class Heard:
    """Errors in the browser during a test. It must stay empty."""

    troubles: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        context.on("console", self.said)
        context.on("weberror", lambda error: self.troubles.append(f"uncaught: {error.error}"))
        context.on("response", self.answered)
        context.on("requestfailed", self.failed)

    def said(self, message: ConsoleMessage) -> None:
        # A page may answer 4xx to a form; what it loads may not, and `answered` hears that with its address. A new choice in a filter aborts the request
        # of the one before.
        if not message.text.startswith(("Failed to load resource", "htmx:afterRequest", "htmx:sendAbort")):
            self.troubles.append(f"{message.type}: {message.text} at {message.location}")

    def answered(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.troubles.append(f"{response.status} {response.url}")

    def failed(self, request: Request) -> None:
        # A request in progress when the page is left or when a filter changes, and a download, end so.
        if request.failure != "net::ERR_ABORTED":
            self.troubles.append(f"{request.failure} {request.url}")


class Eyes:
    """One person: their browser window, the site's addresses, and the errors."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.site, self.context, self.heard, self.page = site, context, Heard(), context.new_page()
        self.drawn: set[str] = set()
        self.heard.listen(context)
        context.set_default_timeout(30_000)

    def url(self, path: str = "/") -> str:
        return f"https://127.0.0.1:{self.site.port}{path}"

    def go(self, path: str = "/") -> Page:
        self.page.goto(path if path.startswith("http") else self.url(path))
        return self.page

    def shown(self, selector: str) -> str:
        """The text of what the next page shows once, read when that page is complete, because its element exists before its text."""
        self.page.locator(selector).wait_for()
        self.page.wait_for_load_state()
        return self.page.locator(selector).inner_text().strip()

    def password(self) -> str:
        """The administrator's: the first one is in a file, until it is changed at the first sign-in."""
        file = self.site.data / "secrets/admin-password"
        return file.read_text().strip() if file.exists() else CHOSEN

    def sign_in(self) -> Page:
        page, first = self.go(), self.password()
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(first)
        page.get_by_role("button", name="Sign in", exact=True).click()
        self.signed_in(first)
        return page

    def signed_in(self, password: str) -> None:
        """Wait for the overview after a sign-in as administrator. The first password must be changed before it."""
        page = self.page
        if password != CHOSEN:
            page.get_by_label("Present password").fill(password)
            page.get_by_label("New password").fill(CHOSEN)
            page.get_by_label("The same password again").fill(CHOSEN)
            page.get_by_role("button", name="Change password").click()
            expect(page.get_by_text("Password changed")).to_be_visible()
            self.go()
        expect(page).to_have_title("Overview · Trust zone console")

    @contextmanager
    def another_page(self) -> Iterator[Page]:
        """A second window, in which `go` and `picture` work until it is closed."""
        before, self.page = self.page, self.context.new_page()
        try:
            yield self.page
        finally:
            self.page.close()
            self.page = before

    def picture(self, name: str, *, to: str = "h1", full_page: bool = False) -> None:
        """A screenshot of the page, if pictures are requested. The first one of a name stays."""
        if not PICTURES or name in self.drawn:
            return
        self.drawn.add(name)
        before = self.page.viewport_size
        if not full_page:
            self.page.set_viewport_size(SMALL)
            self.page.locator(to).scroll_into_view_if_needed()
        self.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=full_page)
        self.page.set_viewport_size(before or WIDE)


@pytest.fixture
def eyes(chromium: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Eyes]:
    """A window 1440 px wide, or as wide as the test's parameter says."""
    size: Any = getattr(request, "param", WIDE)
    context = chromium.new_context(viewport=size, locale="en-GB", reduced_motion="reduce")
    opened = Eyes(context, site)
    yield opened
    context.close()
    assert opened.heard.troubles == []
