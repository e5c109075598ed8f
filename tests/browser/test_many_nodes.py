"""Many nodes, from a pasted table to registered: the errors of the table, the checks, the decision, the passwords once, and real agents that take them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from sitekit.fleet import Fleet
from tests.browser.conftest import Eyes
from tests.browser.test_looks import looked_at

IS_JUST_SENT = "() => performance.now() - Number(document.querySelector('main form').dataset.sentAt || -2000) < 2000"
NAMES = ("many1", "many2", "many3")


@pytest.fixture
def fleet(eyes: Eyes, tmp_path: Path) -> Iterator[Fleet]:
    """Three agents that wait. Afterwards their nodes are removed, so that the site is as before."""
    with Fleet(tmp_path / "fleet", len(NAMES)) as running:
        yield running
        for node in eyes.site.call("GET", "/nodes/?tag=many")[1]["results"]:
            assert eyes.site.call("POST", f"/nodes/{node['id']}/decommission/", {})[0] == 202


def test_a_table_becomes_registered_nodes(eyes: Eyes, fleet: Fleet) -> None:
    page, addresses = eyes.sign_in(), dict(zip(NAMES, fleet.addresses, strict=True))
    page.get_by_role("link", name="Nodes", exact=True).click()
    page.get_by_role("link", name="Register many…").click()
    lines = ["name;host_name;address;tags", *(f"{name};{name}.example;{address};Many" for name, address in addresses.items())]
    table_is_corrected(eyes, lines, f"dead;dead.example;{eyes.site.address(97)};many")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check 4 new nodes")
    expect(page.get_by_role("status").filter(has_text="3 done, 1 refused")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="dead")).to_contain_text("Start the agent")
    assert eyes.site.call("GET", "/nodes/?tag=many")[1]["results"] == []
    page.get_by_role("link", name="Register the nodes that are ready…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Register 3 nodes?")
    assert looked_at(eyes, "register many decision") == []
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("status").filter(has_text="3 of 3 rows")).to_contain_text("3 done")
    for name, password in passwords_once(eyes).items():
        fleet.accepted_at(addresses[name])
        fleet.unlock(addresses[name], password)
    page.goto(eyes.url("/nodes/?tag=many"))
    for name in NAMES:
        expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("registered", timeout=60_000)


def table_is_corrected(eyes: Eyes, lines: list[str], right: str) -> None:
    page = eyes.page
    page.get_by_label("Table").fill("\n".join([*lines, "many1;no name;;"]))
    page.get_by_role("button", name="Check the table").click()
    expect(page.get_by_role("alert")).to_contain_text("2 errors in 1 line. Nothing was made.")
    expect(page.get_by_text("Line 2 has the same name.")).to_be_visible()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="All errors as CSV").click()
    assert len(Path(downloaded.value.path()).read_text().splitlines()) == 3
    assert looked_at(eyes, "register many with errors") == []
    typed = page.get_by_label("Table")
    typed.fill(typed.input_value().replace("many1;no name;;", right))
    while page.evaluate(IS_JUST_SENT):  # such a form is not sent again
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Check the table").click()


def passwords_once(eyes: Eyes) -> dict[str, str]:
    """The password of each node, after the console asked for the person's own again."""
    page = eyes.page
    page.get_by_role("link", name="Show the passwords…").click()
    page.get_by_label("Password").fill(eyes.password())
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Show them").click()
    found = page.get_by_role("row").filter(has=page.locator("code"))
    expect(found).to_have_count(len(NAMES))
    shown = {row.get_by_role("cell").first.inner_text().strip(): row.locator("code").inner_text() for row in found.all()}
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_role("link", name="Show the passwords…")).to_have_count(0)
    return shown
