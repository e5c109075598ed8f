"""The addresses of the central node, among the settings of the site."""

from collections.abc import Iterator

from django.conf import settings as installation

from qmc.addresses.services import site_addresses
from qmc.installation import ROWS, as_text
from web.site_settings import Group, Setting, settings_register

WORDS = {
    "node_api_addresses": ("Addresses that nodes call", "Where nodes call the central node.", "addresses.set"),
    "base_url": ("Address of the console", "Where people open the console. Links in alerts begin with it.", "console_names.set"),
    "allowed_hosts": ("Further host names", "Other names that the console answers for.", "console_names.set"),
    "trusted_origins": ("Further origins of forms", "Other addresses from which the console accepts forms.", "console_names.set"),
}


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    stored, variables = vars(site_addresses()), {row.overrides: row.name for row in ROWS.values()}
    for field, (title, changes, action) in WORDS.items():
        value = as_text(getattr(installation, variables[field]) or stored[field]).replace(",", ", ")
        yield Setting(
            field.replace("_", "-"), Group.SITE, title, changes, value or "none", "" if field == "node_api_addresses" else "none",
            view="addresses", actions=(action,), environment=variables[field],
        )  # fmt: skip
