"""The form for the addresses of the central node. It checks the shape only; the service has the rules."""

from django import forms

from qmc.addresses.services import SiteAddresses
from web.forms import ServiceForm, lines_input, text_input


class AddressesForm(ServiceForm):
    changes_object = True

    node_api_addresses = forms.CharField(
        label="Addresses that nodes call", widget=lines_input(2, "10.4.2.1:4242"), max_length=3000,
        help_text="ADDRESS:PORT, one in each line: an IPv4 address, an IPv6 address in brackets, or a name. Nodes try each of them.",
        error_messages={"required": "Give at least one address, such as 10.4.2.1:4242."},
    )  # fmt: skip
    base_url = forms.CharField(
        label="Base URL", required=False, widget=text_input("https://console.example"), max_length=300,
        help_text="Where people open the console. Behind a reverse proxy it must be set: its host and port are those in the address bar of the browser.",
    )  # fmt: skip
    allowed_hosts = forms.CharField(
        label="Further host names", required=False, widget=lines_input(2, "console.example"), max_length=3000,
        help_text="The console answers for them too, one in each line, without a port. Its own names and the base URL's are always allowed.",
    )  # fmt: skip
    trusted_origins = forms.CharField(
        label="Further origins of forms", required=False, widget=lines_input(2, "https://console.example:8444"), max_length=3000,
        help_text="Only where people open the console at a second address behind a reverse proxy: https://HOST:PORT, one in each line.",
    )  # fmt: skip

    @staticmethod
    def initial_of(found: SiteAddresses) -> dict[str, str]:
        """The texts of the form's fields."""
        return {name: value if isinstance(value, str) else "\n".join(value) for name, value in vars(found).items()}

    def fields_of_site(self) -> SiteAddresses:
        """The values for the service."""
        lines = {name: [line.strip() for line in self.cleaned_data[name].splitlines() if line.strip()] for name in self.fields}
        return SiteAddresses(**(lines | {"base_url": self.cleaned_data["base_url"].strip()}))
