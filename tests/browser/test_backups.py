"""A backup by keyboard: asked for, watched until it is verified, downloaded and removed. Its job is among the jobs."""

from pathlib import Path

from playwright.sync_api import expect

from sitekit.site import Site
from tests.browser.conftest import Eyes
from tests.browser.test_looks import looked_at

WORD = "correct horse battery staple"


def test_a_backup_is_made_downloaded_and_removed(eyes: Eyes, site: Site, tmp_path: Path) -> None:
    eyes.sign_in()
    page = eyes.go("/backups/new/")
    page.get_by_label("Passphrase", exact=True).fill(WORD)
    page.keyboard.press("Tab")
    page.keyboard.type(WORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What to do now")).to_be_visible(timeout=240_000)  # the page follows its state
    assert looked_at(eyes, "backup made") == []
    own = page.url
    page.get_by_role("link", name="Download…").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Password").fill(eyes.password())
    page.keyboard.press("Enter")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download the file").press("Enter")
    coming.value.save_as(tmp_path / "site.age")
    assert (tmp_path / "site.age").read_bytes().startswith(b"age-encryption.org/v1")
    page.goto(own)
    page.get_by_role("link", name="Show job").click()
    expect(page.get_by_text("proving the file with a trial restore")).to_be_visible()
    assert looked_at(eyes, "job done") == []
    page.goto(own)
    page.get_by_role("link", name="Remove…").click()
    page.get_by_role("button", name="Remove the backup").press("Enter")
    expect(page.get_by_text("removed", exact=True)).to_be_visible()
    site.wait(lambda: not [*(site.data / "backups").glob("*.age")])
