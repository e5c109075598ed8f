"""A provider is configured, tested and enabled, and people sign in with it: in a real browser, at a real provider."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from tests.browser.conftest import Eyes
from tests.browser.test_looks import looked_at
from tests.identity_provider import CALLBACK, CLIENT, SECRET, IdentityProvider, identity_provider


def at_the_provider(page: Page, name: str, button: str = "Continue") -> None:
    expect(page).to_have_title("Provider")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name=button).click()


def sign_out(eyes: Eyes) -> None:
    eyes.go("/accounts/logout/").get_by_role("main").get_by_role("button", name="Sign out").click()


def test_a_provider_is_configured_tested_and_used(eyes: Eyes) -> None:
    callback = eyes.url(CALLBACK)
    with identity_provider(client={"redirect_uris": [callback]}) as provider, disabled_afterwards(eyes):
        eyes.sign_in()
        found = configured(eyes, provider, callback)
        found += tried(eyes, provider)
        found += enabled_and_used(eyes, provider)
        assert found == []


@contextmanager
def disabled_afterwards(eyes: Eyes) -> Iterator[None]:
    """The site is shared: other tests sign in at a page without a provider, also if this one fails."""
    try:
        yield
    finally:
        eyes.site.manage("shell", "-c", "from people.models import IdentityProvider; IdentityProvider.objects.update(enabled=False)")


def configured(eyes: Eyes, provider: IdentityProvider, callback: str) -> list[str]:
    page = eyes.go("/settings/provider/")
    expect(page.locator("#redirect-uri")).to_have_text(callback)
    found = looked_at(eyes, "provider empty")
    page.get_by_label("Display name").fill("Company")
    page.get_by_label("Issuer").fill("http://login.example")
    page.get_by_label("Client ID").fill(CLIENT)
    page.get_by_label("Client secret").fill(SECRET)
    page.get_by_label("Groups of Viewer").fill("staff\nCN=Everybody in a department with a very long name,OU=Groups,DC=corp,DC=example")
    page.get_by_label("Groups of SecurityAdmin").fill("admins")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#id_issuer_error")).to_contain_text("https://")
    expect(page.get_by_label("Groups of SecurityAdmin")).to_have_value("admins")
    found += looked_at(eyes, "provider refused settings")
    page.get_by_label("Issuer").fill(provider.issuer)
    page.get_by_label("Client secret").fill(SECRET)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert SECRET not in page.content()
    return found


def tried(eyes: Eyes, provider: IdentityProvider) -> list[str]:
    page = eyes.page
    provider.switch(groups=["cooks"])
    page.get_by_role("button", name="Test sign-in").click()
    at_the_provider(page, "anna")
    expect(page.get_by_role("alert")).to_contain_text("The test failed")
    expect(page.get_by_role("main")).to_contain_text("The claim groups has: cooks")
    found = looked_at(eyes, "provider test failed")
    provider.switch(groups=["admins"])
    page.get_by_role("button", name="Test again").click()
    expect(page.get_by_role("status")).to_contain_text("The test succeeded")  # the browser is signed in at the provider
    expect(page.get_by_role("main")).to_contain_text("The person anna would be created")
    return found + looked_at(eyes, "provider test")


def enabled_and_used(eyes: Eyes, provider: IdentityProvider) -> list[str]:
    page = eyes.go("/settings/provider/")
    page.get_by_label("Enable sign-in with this provider").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    found = looked_at(eyes, "provider enabled")
    eyes.go("/account/provider/").get_by_label("Password").fill(eyes.password())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Link with Company")).to_be_visible()
    found += looked_at(eyes, "provider own link")
    eyes.go("/people/").get_by_role("link", name="admin", exact=True).click()
    expect(page).to_have_title("admin · Trust zone console")
    found += looked_at(eyes, "provider on the page of a person")
    page.get_by_role("link", name="Link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("sign-in with Company")
    found += looked_at(eyes, "provider link of a person")
    sign_out(eyes)
    found += looked_at(eyes, "sign in with a provider")
    page.get_by_role("button", name="Sign in with Company").click()
    expect(page).to_have_title("Overview · Trust zone console")
    eyes.go("/account/provider/")
    found += looked_at(eyes, "provider again")
    sign_out(eyes)
    provider.switch(groups=["cooks", "drivers"])
    page.get_by_role("button", name="Sign in with Company").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("None of your groups has a role here")
    found += looked_at(eyes, "provider no role")
    page.get_by_role("link", name="To the sign-in page").click()
    eyes.context.clear_cookies(domain="localhost")
    page.get_by_role("button", name="Sign in with Company").click()
    at_the_provider(page, "berta", "Cancel")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign-in canceled")
    return found + looked_at(eyes, "provider canceled")
