"""App distribution by mouse: facts about the site, manual configuration, a deployment, its token. Each answer is checked."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.sync_api import expect

from sitekit.site import Site
from tests.browser.conftest import Eyes
from tests.browser.test_looks import looked_at

NAME, PASSWORD = "without-cluster", "a password of mine"
# A node that has the previous certificate, and whose agent does not call.
LACKING = f"""
import uuid
from django.utils import timezone
from certs.models import Certificate
from nodes.models import Node, Observation
now, row = timezone.now(), Certificate.objects.filter(kind="cluster").first()
row.pk, row.serial, row.sha256, row.status, row._state.adding = uuid.uuid4(), "c0ffee", "c" * 64, "superseded", True
row.save()
node = Node.objects.create(
    name="{NAME}", host_name="{NAME}.example", state="registered", state_since=now, created_at=now, registered_at=now, generation=1
)
Observation.objects.create(node=node, last_seen_at=now - timezone.timedelta(minutes=2), installed={{"cluster": "c" * 64}})
Observation.objects.filter(node=node).update(last_seen_at=now - timezone.timedelta(days=2), silent_at=now)
"""
GONE = f"""
from certs.models import Certificate, Deployment, TrustZone
from nodes.models import Node
Node.objects.filter(name="{NAME}").delete()
Certificate.objects.filter(sha256="c" * 64).delete()
Deployment.objects.filter(name="Walked").delete()
TrustZone.objects.update(installation="new", upgraded_from="", release="", app_distribution="none")
"""


@pytest.fixture
def lacking(site: Site) -> Iterator[None]:
    site.manage("shell", "-c", LACKING)
    yield
    site.manage("shell", "-c", GONE)


@pytest.mark.usefixtures("lacking")
def test_manual_configuration_is_completed(eyes: Eyes, tmp_path: Path) -> None:
    page, found = eyes.sign_in(), []
    page.get_by_role("link", name="App distribution").click()
    expect(page).to_have_title("App distribution · Trust zone console")
    expect(page.get_by_role("row", name=re.compile("^central"))).to_contain_text("verified")
    page.get_by_role("link", name="Facts about this site").click()
    page.get_by_label("Kind of installation").select_option("upgrade")
    page.get_by_label("Upgraded from").fill("June 2020")
    page.get_by_label("Current release").fill("Septembre 2020")
    page.get_by_label("App distribution").select_option("will_use")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#id_release_error")).to_contain_text("such as September 2020")
    expect(page.locator("#id_release")).to_have_value("Septembre 2020")
    found += looked_at(eyes, "site facts nonsense")
    page.locator("#id_release").fill("September 2020")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(page.get_by_text("Manual configuration is required")).to_be_visible()
    found += looked_at(eyes, "site facts required")
    eyes.go().get_by_role("link", name="Configure").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("are not verified")
    row = page.get_by_role("row").filter(has_text=NAME)
    expect(row).to_contain_text("older certificate")
    row.get_by_role("button", name=f"Mark as imported: {NAME}").click()
    expect(row).to_contain_text("marked, not verified")
    found += looked_at(eyes, "manual configuration ticked")
    row.get_by_role("button", name=f"Deliver to {NAME}").click()
    expect(page.get_by_role("status").first).to_contain_text("is silent")
    found += looked_at(eyes, "manual configuration delivered to nobody")
    page.get_by_role("link", name="Download as PFX").click()
    page.get_by_label("Password").fill(eyes.password())
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password of the file").fill(PASSWORD)
    page.get_by_label("Repeat the password").fill("another")
    page.get_by_role("button", name="Download PFX").click()
    expect(page.locator("#id_again_error")).to_contain_text("differ")
    expect(page.locator("#id_password")).to_have_value("")
    found += looked_at(eyes, "pfx refused")
    page.get_by_label("Password of the file").fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download PFX").click()
    downloading.value.save_as(tmp_path / "site.pfx")
    key, certificate, _ = pkcs12.load_key_and_certificates((tmp_path / "site.pfx").read_bytes(), PASSWORD.encode())
    assert key.public_key() == certificate.public_key()
    assert certificate.subject.rfc4514_string() == "CN=QlikServiceCluster"
    assert found == []


@pytest.mark.usefixtures("lacking")
def test_a_deployment_gets_a_token_that_is_valid_until_it_is_changed(eyes: Eyes) -> None:
    page, found = eyes.sign_in(), []
    eyes.go("/cluster/")
    page.get_by_role("link", name="New deployment").click()
    page.get_by_label("Name").fill("Walked")
    page.get_by_label("API address").fill("javascript:alert(1)")
    page.get_by_label("Audience").fill("walked.example")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#id_api_address_error")).to_contain_text("must start with https://")
    found += looked_at(eyes, "deployment nonsense")
    page.get_by_label("API address").fill("https://walked.example")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.get_by_role("button", name="Create test token").click()
    token = eyes.shown("#token")
    found += looked_at(eyes, "test token")
    page.get_by_role("link", name="Check a token").click()
    for typed, heading in (
        (token, "This token is valid"),
        (token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:], "This token is refused"),
    ):
        page.locator("#id_token").fill(typed)
        page.get_by_label("Deployment").select_option(label="Walked")
        page.get_by_role("button", name="Check").click()
        expect(page.get_by_role("heading", level=2)).to_have_text(heading)
        found += looked_at(eyes, heading)
    expect(page.locator(".findings")).to_contain_text("did not sign it")
    page.get_by_role("link", name="Back").click()
    assert token not in page.content()
    found += looked_at(eyes, "app distribution")
    assert found == []
