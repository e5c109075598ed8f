"""Every page at both widths, light and dark: axe-core finds nothing, and nothing is outside the screen."""

import re

from playwright.sync_api import expect

from sitekit.site import ROOT
from tests.browser.conftest import NARROW, PICTURES, WIDE, Eyes, Furnished
from tests.slow import RUN_SLOW, part, takes_minutes

AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text()
# Every rule, also those that axe leaves out unless asked.
RUN = """() => axe.run(document, {resultTypes: ["violations"], rules: Object.fromEntries(axe.getRules().map(rule => [rule.ruleId, {enabled: true}]))})
.then(found => found.violations.flatMap(violation => violation.nodes.map(node => `${violation.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`)))"""
SPRITE = (ROOT / "static/made/icons.svg").read_text()
ICONS = """() => [...document.querySelectorAll("use")].map(element => element.href.baseVal.split("#")[1])"""
BETWEEN = {"width": 1080, "height": 800}
# Elements that overflow their card or the screen.
WIDER = """() => [...document.querySelectorAll("body *")].filter(element => !element.closest(".visually-hidden, .skip, thead")).filter(element => {
const card = element.parentElement.closest(".card-body");
return element.getBoundingClientRect().right > (card ? card.getBoundingClientRect().right - 8 : innerWidth + 1);
}).map(element => `overflows: ${element.outerHTML.slice(0, 120)}`)
.concat(document.documentElement.scrollWidth > innerWidth ? [`scrolls to ${document.documentElement.scrollWidth}`] : [])"""


def hash_of(name: str) -> int:
    """The same in every run."""
    return sum(name.encode())


def looked_at(eyes: Eyes, name: str) -> list[str]:
    """What is wrong with the page that is open: with one width and theme, axe-core for every third page.

    In `make faults` both widths, and axe-core for all; where pictures are drawn all four.
    """
    eyes.page.wait_for_load_state()
    page, with_axe = eyes.page, RUN_SLOW or bool(PICTURES) or hash_of(name) % 3 == 0
    found = [f"{name}: no icon {icon} in the sprite" for icon in page.evaluate(ICONS) if f'<symbol id="{icon}"' not in SPRITE]
    if with_axe:
        page.evaluate(AXE)
    page.set_viewport_size(BETWEEN)
    found += [f"{name}-{BETWEEN['width']}: {problem}" for problem in page.evaluate(WIDER)]
    wide, narrow = (WIDE, ("light", "dark")), (NARROW, ("dark", "light"))
    for size, themes in (wide, narrow) if RUN_SLOW or PICTURES else (wide if hash_of(name) % 4 < 2 else narrow,):
        page.set_viewport_size(size)
        for theme in themes if PICTURES else themes[:1]:
            page.emulate_media(color_scheme=theme)
            where = f"{name}-{size['width']}-{theme}"
            eyes.picture(where, full_page=True)
            found += [f"{where}: {problem}" for problem in (page.evaluate(RUN) if with_axe else []) + page.evaluate(WIDER)]
    return found


PAGES = {
    "overview": "/",
    "nodes": "/nodes/",
    "nodes page 2": "/nodes/?page=2&sort=-name",
    "nodes search without result": "/nodes/?search=nowhere",
    "register": "/nodes/register/",
    "register many": "/nodes/register-many/",
    "node registered": "/nodes/{registered}/",
    "node awaiting": "/nodes/{awaiting}/",
    "node failed": "/nodes/{failed}/",
    "node created": "/nodes/{created}/",
    "node removed": "/nodes/{removed}/",
    "node history": "/nodes/{registered}/history/",
    "edit": "/nodes/{registered}/edit/",
    "redistribute": "/nodes/{registered}/redistribute/",
    "redistribute failed": "/nodes/{failed}/redistribute/",
    "renew": "/nodes/{registered}/renew/",
    "remove": "/nodes/{registered}/remove/",
    "connections": "/connections/",
    "connections search without result": "/connections/?search=nowhere",
    "connection new": "/connections/new/",
    "connection": "/connections/{connection}/",
    "connection without password": "/connections/{folder}/",
    "connection remove": "/connections/{connection}/remove/",
    "browser certificates": "/browser-certificates/",
    "browser certificate upload": "/browser-certificates/upload/",
    "browser certificate request": "/browser-certificates/request/",
    "browser certificate": "/browser-certificates/{browser}/",
    "browser certificate blocked": "/browser-certificates/{browser_blocked}/",
    "browser certificate requested": "/browser-certificates/{browser_request}/",
    "browser certificate remove": "/browser-certificates/{browser}/remove/",
    "browser certificate of a node": "/nodes/{registered}/browser-certificate/",
    "too large": "/too-large/",
    "app distribution": "/cluster/",
    "app distribution search without result": "/cluster/?search=nowhere",
    "site facts": "/cluster/site/",
    "manual configuration": "/cluster/manual/",
    "check a token": "/cluster/check-token/",
    "deployment new": "/cluster/deployments/new/",
    "deployment": "/cluster/deployments/{deployment}/",
    "deployment remove": "/cluster/deployments/{deployment}/remove/",
    "password once more": "/cluster/pfx/",
    "database key": "/database-key/",
    "root": "/roots/",
    "root confirm": "/roots/rotate/",
    "database key confirm": "/database-key/rotate/",
    "recreate root": "/recreate-root/",
    "recreation": "/recreate-root/progress/",
    "people": "/people/",
    "person new": "/people/new/",
    "roles": "/people/roles/",
    "second factors": "/account/second-factors/",
    "person": "/people/{person}/",
    "service account": "/people/{robot}/",
    "person deactivated": "/people/{left}/",
    "person deactivate": "/people/{robot}/activity/",
    "person activate": "/people/{left}/activity/",
    "one-time link": "{link}",
    "one-time link used": "/people/link/used/",
    "tokens": "/tokens/",
    "token new": "/tokens/new/",
    "token": "/tokens/{token}/",
    "token expired": "/tokens/{expired_token}/",
    "token revoke": "/tokens/{token}/revoke/",
    "exports": "/exports/",
    "exports search without result": "/exports/?search=nowhere",
    "export new": "/exports/new/",
    "export": "/exports/{export}/",
    "export renew": "/exports/{export}/renew/",
    "export revoke": "/exports/{export}/revoke/",
    "export progress": "/exports/asked/{batch}/",
    "sign in again": "/exports/asked/{batch}/download/",
    "certificates": "/certificates/",
    "certificate": "/certificates/{certificate}/",
    "certificate revoke": "/certificates/{certificate}/revoke/",
    "certificate revoked": "/certificates/{revoked}/",
    "certificate exposure": "/certificates/{revoked}/exposure/",
    "root and its list": "/certificates/{root}/",
    "expiry": "/expiry/",
    "expiry another day": "/expiry/?as_of=2029-06-01&bucket=later",
    "expiry no day": "/expiry/?as_of=soon&search=nowhere",
    "expiry picture": "/expiry/picture/",
    "dashboard part": "/overview/certificates/",
    "alerts": "/alerts/",
    "alerts acknowledged": "/alerts/?state=acknowledged",
    "alerts closed": "/alerts/?state=closed",
    "alerts search without result": "/alerts/?search=nowhere",
    "alert": "/alerts/{alert_open}/",
    "alert acknowledged": "/alerts/{alert_acknowledged}/",
    "alert closed": "/alerts/{alert_closed}/",
    "channels": "/alerts/channels/",
    "channel kinds": "/alerts/channels/new/",
    "channel new": "/alerts/channels/new/?kind=mail",
    "chat new": "/alerts/channels/new/?kind=chat",
    "webhook new": "/alerts/channels/new/?kind=webhook",
    "channel": "/alerts/channels/{alert_channel}/",
    "channel failing": "/alerts/channels/{alert_waits}/",
    "channel remove": "/alerts/channels/{alert_mail}/remove/",
    "deliveries": "/alerts/channels/{alert_mail}/deliveries/",
    "delivery": "/alerts/deliveries/{alert_delivery}/",
    "routes": "/alerts/routes/",
    "route new": "/alerts/routes/new/",
    "route": "/alerts/routes/{alert_route}/",
    "route remove": "/alerts/routes/{alert_route}/remove/",
    "preview": "/alerts/preview/",
    "preview of an alert": "/alerts/preview/?code=node-silent&severity=critical",
    "rules of alerts": "/alerts/rules/",
    "audit log": "/audit/",
    "audit log search without result": "/audit/?search=nowhere&since=yesterday",
    "audit log export": "/audit/export/?actor=admin&outcome=done",
    "old events of the site": "/audit/segments/",
    "old events close": "/audit/segments/close/",
    "audit log of a node": "/audit/?target={registered}",
    "backups": "/backups/",
    "backups search without result": "/backups/?search=nowhere",
    "backup new": "/backups/new/",
    "backup schedule": "/backups/schedule/",
    "jobs": "/jobs/",
    "jobs search without result": "/jobs/?search=nowhere",
    "job": "/jobs/{job}/",
    "job cancel": "/jobs/{job}/cancel/",
    "bulk work with a refused row": "/bulk/{work}/",
    "syslog receivers": "/settings/syslog/",
    "syslog new": "/settings/syslog/new/",
    "syslog failing": "/settings/syslog/{alert_syslog}/",
    "syslog saved": "/settings/syslog/{alert_syslog}/?saved",
    "syslog remove": "/settings/syslog/{alert_syslog}/remove/",
    "settings": "/settings/",
    "settings search": "/settings/?search=alert",
    "columns": "/account/lists/nodes/columns/",
    "view new": "/account/lists/nodes/views/new/?query=state%3Dfailed",
    "lifetime": "/settings/lifetime/",
    "key types": "/settings/key-types/",
    "calls of nodes": "/settings/calls/",
    "addresses": "/settings/addresses/",
    "provider": "/settings/provider/",
    "lifetime preview": "/settings/lifetime/?months=99",
    "search": "/search/?q=rim",
    "search without result": "/search/?q=nowhere",
    "keyboard shortcuts": "/shortcuts/",
    "help": "/help/",
    "help search": "/help/?search=superseded",
    "help search without result": "/help/?search=qwertyuiop",
    "help document": "/help/register-nodes/",
    "api operations": "/help/api-operations/",
    "api operation": "/help/api-operations/nodes_create/",
    "sign out": "/accounts/logout/",
    "not found": "/nowhere/",
    "setup nothing waits": "http://{nobody}:4570/certificateSetup",
    "setup asking": "http://{awaiting_address}:4570/certificateSetup",
}

# What the worker writes when it notices that the clock went two days back.
JUMP = """
from datetime import timedelta
from django.utils import timezone
from jobs.clock import NAME, SHOWN
from jobs.models import PeriodicWork
now = timezone.now()
PeriodicWork.objects.create(name=NAME, lease_until=now + SHOWN, last_success=now, last_error="-172800")
"""

# As during encryption with another central key, with a value that does not open. There is no job that would finish it.
RESEALING = """
from django.utils import timezone
from certs.models import CentralKey
blocked = "The central key file /var/lib/zone/secrets/central-key is missing. Put the file back from a backup of this site."
broken = "sealed private key of pooled key 3f1c2f3e-0000-4000-8000-000000000000: The sealed value was altered, or belongs to another row."
CentralKey.objects.update(finished_at={finished}, settled_at=timezone.now(), problem=blocked, unreadable=[broken] * {broken})
"""


def test_every_page_is_accessible(eyes: Eyes, furnished: Furnished) -> None:
    eyes.go()
    found = looked_at(eyes, "sign in")
    eyes.sign_in()
    places = vars(furnished) | furnished.alerts | furnished.people | {"nobody": eyes.site.agents[2]}
    # Walks and the tests of each page open the others, too.
    for name, path in PAGES.items() if PICTURES else part(3, PAGES.items(), 0):
        eyes.go(path.format(**places))
        found += looked_at(eyes, name)
    assert found == []


def test_a_one_time_link_sets_a_password_with_which_the_person_signs_in(eyes: Eyes, furnished: Furnished) -> None:
    word = "anna's own long password"
    page = eyes.go(furnished.people["link"])
    page.get_by_label("New password").fill(word)
    page.get_by_label("The same password again").fill(word)
    page.get_by_role("button", name="Set password").click()
    page.get_by_label("Username").fill("anna.from.a.department.with.a.long.name@corp.example")
    page.get_by_label("Password").fill(word)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_title("Overview · Trust zone console")
    expect(eyes.go("/roots/rotate/").get_by_text("It needs the role SecurityAdmin or RootAdmin")).to_be_visible()
    eyes.heard.troubles.clear()  # the browser notes the refusal
    expect(eyes.go(furnished.people["link"]).get_by_role("heading", name="This link does not work")).to_be_visible()
    eyes.heard.troubles.clear()


def test_answers_to_input_are_accessible(eyes: Eyes, furnished: Furnished) -> None:
    page, found = eyes.go(), []
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("is wrong")
    found += looked_at(eyes, "sign in wrong")
    eyes.sign_in()
    eyes.go("/nodes/register/")
    page.locator("#id_name").fill("nobody")
    page.locator("#id_host_name").fill("not a host name")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#id_host_name_error")).to_be_visible()
    found += looked_at(eyes, "register nonsense")
    for field, text in {"name": "nobody", "host_name": "nobody", "address": eyes.site.address(99)}.items():
        page.locator(f"#id_{field}").fill(text)
    page.get_by_role("button", name="Run checks").click()
    expect(page.locator("#findings .finding", has_text="problem")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    found += looked_at(eyes, "register blocked")
    expect(eyes.go(f"/certificates/{furnished.root}/revoke/").get_by_role("alert")).to_contain_text("Start a rotation")
    found += looked_at(eyes, "root not revoked")
    eyes.site.manage("shell", "-c", JUMP)
    eyes.go("/clock/")
    found += looked_at(eyes, "clock jumped")
    page.get_by_role("button", name="Confirm that the clock is right").click()
    expect(page).to_have_title("Overview · Trust zone console")
    eyes.go("/settings/lifetime/").get_by_label("Lifetime").fill("99")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("The lifetime is now 60")
    found += looked_at(eyes, "lifetime set to the border")
    eyes.go(f"/nodes/{furnished.awaiting}/redistribute/").get_by_role("button", name="Redistribute").click()
    expect(page.locator("#password")).to_be_visible()
    found += looked_at(eyes, "password")
    eyes.go(f"/nodes/{furnished.created}/redistribute/").get_by_role("button", name="Register").click()
    expect(page.get_by_role("main")).to_contain_text("Nothing was sent")
    found += looked_at(eyes, "registration blocked")
    eyes.go("/accounts/logout/")
    eyes.context.clear_cookies(name=re.compile("csrf"))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The browser sent no cookie")
    found += looked_at(eyes, "form too old")
    eyes.go(f"http://{furnished.unlockable_address}:4570/certificateSetup")
    for typed, message in (("nonsense", "Mistyped"), (furnished.unlockable_password, "Certificates installed")):
        page.get_by_label("Password").fill(typed)
        page.get_by_role("button", name="Install certificates").click()
        expect(page.get_by_role("main")).to_contain_text(message)
        found += looked_at(eyes, f"setup {message}")
    assert found == []


def test_answers_about_connections_are_accessible(eyes: Eyes) -> None:
    eyes.sign_in()
    page, found = eyes.page, []
    eyes.go("/connections/new/")
    page.locator("#id_name").fill("Staff")
    page.locator("#id_connection_string").fill("host=db.example;password=secret")
    page.locator("#id_password").fill("secret")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#id_type_error")).to_be_visible()
    expect(page.locator("#id_password")).to_have_value("")
    found += looked_at(eyes, "connection nonsense")
    page.locator("#id_type").select_option("folder")
    page.locator("#id_connection_string").fill("/srv/staff")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    found += looked_at(eyes, "connection saved")
    page.locator("#id_password").fill("secret")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("checkbox", name="Clear the password").check()
    page.locator("#id_password").fill("another")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#id_clear_password_error")).to_be_visible()
    found += looked_at(eyes, "connection with two wishes")
    assert found == []


def test_a_wrong_name_is_refused_and_stays(eyes: Eyes) -> None:
    eyes.sign_in()
    page = eyes.go("/recreate-root/")
    page.get_by_label("name").fill("another site")
    page.get_by_role("button", name="Recreate the root").click()
    expect(page.locator("#id_trust_zone_error")).to_contain_text("Nothing was changed")
    expect(page.locator("#id_trust_zone")).to_have_value("another site")
    assert looked_at(eyes, "recreate root another name") == []


@takes_minutes
def test_pages_during_re_encryption_are_accessible(eyes: Eyes) -> None:
    eyes.sign_in()
    eyes.site.manage("shell", "-c", RESEALING.format(finished=None, broken=1))
    try:
        expect(eyes.go("/database-key/").get_by_role("main")).to_contain_text("The older keys are removed")
        found = looked_at(eyes, "central key under way")
        expect(eyes.go("/").get_by_role("main")).to_contain_text("Encrypting with the new central key does not continue")
        assert found == []
    finally:
        eyes.site.manage("shell", "-c", RESEALING.format(finished="timezone.now()", broken=0))
