"""The addresses of the central node: which addresses nodes call, and under which names browsers open the console."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from nodes.addresses.services import addresses_checked, addresses_recorded, contacts, netlocs
from pki.core import clocks
from pki.core.addresses import CentralAddress
from pki.core.commands import AGENT
from pki.core.errors import PKIError
from qmc.addresses.services import SiteAddresses, overridden, site_addresses, site_addresses_set
from qmc.management.site import SiteCommand
from sealing.errors import TrustZoneError


def lines(new_addresses: Sequence[CentralAddress]) -> Iterator[str]:
    """The effect of the change, before it is made."""
    yield f"Nodes call {', '.join(netlocs(addresses_recorded()))} now. The new addresses are {', '.join(netlocs(new_addresses))}."
    nodes = contacts(new_addresses)
    if not nodes.losing:
        yield f"Each of {nodes.count} nodes knows one of the new addresses." if nodes.count else "No other node is registered."
        return
    yield f"{nodes.losing} of {nodes.count} nodes know none of the new addresses. They learn them with their next call, so keep the old addresses"
    yield f"working until then. If a node loses contact, run `{AGENT} set-central` on it. These nodes are affected:"
    for contact in nodes.first(nodes.losing):
        known = ", ".join(contact.knows) or "not reported by its agent"
        seen = f"called {clocks.stamp(contact.last_seen_at)}" if contact.last_seen_at else "has never called"
        yield f"  {contact.node.name} ({contact.node.host_name}): knows {known}; {seen}"


class Command(SiteCommand):
    help = (
        "Without options: shows the addresses of the central node. --node-api-address replaces the addresses that nodes call. It first lists the nodes that would "
        "lose contact, and asks. With --yes it does not ask."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        several: dict[str, Any] = {"action": "append", "default": []}
        parser.add_argument("--node-api-address", metavar="ADDRESS:PORT", help="an address that nodes call. Can be repeated", **several)
        parser.add_argument(
            "--base-url", metavar="https://HOST[:PORT]", help="the address at which people open the console. Empty: not set"
        )
        parser.add_argument("--allowed-host", metavar="NAME", help="another name of the console. Can be repeated", **several)
        parser.add_argument(
            "--trusted-origin",
            metavar="https://HOST[:PORT]",
            help="another address at which people open the console. Can be repeated",
            **several,
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            before = site_addresses()
            requested = self._requested(before, options)
            if requested.node_api_addresses != before.node_api_addresses:
                self.stdout.write("\n".join(lines(addresses_checked(requested.node_api_addresses))))
                if not (options["yes"] or self._confirmed()):
                    raise CommandError("Nothing was changed. Type yes, or give --yes.")
            found = site_addresses_set(actor=SYSTEM, requested=requested, now=timezone.now()) if requested != before else before
        except (TrustZoneError, PKIError) as exc:
            raise CommandError(str(exc)) from exc
        self._say(found)

    def _requested(self, before: SiteAddresses, options: dict[str, Any]) -> SiteAddresses:
        return replace(
            before,
            node_api_addresses=options["node_api_address"] or before.node_api_addresses,
            base_url=before.base_url if options["base_url"] is None else options["base_url"],
            allowed_hosts=[*before.allowed_hosts, *options["allowed_host"]],
            trusted_origins=[*before.trusted_origins, *options["trusted_origin"]],
        )

    def _say(self, found: SiteAddresses) -> None:
        self.stdout.write(f"Nodes call:       {', '.join(found.node_api_addresses)}")
        self.stdout.write(f"Base URL:         {found.base_url or 'not set'}")
        self.stdout.write(f"Allowed hosts:    {', '.join(found.allowed_hosts) or 'none except the names of this machine'}")
        self.stdout.write(f"Trusted origins:  {', '.join(found.trusted_origins) or 'none except the base URL'}")
        for name, value in overridden().items():
            self.stdout.write(f"{name}={value} in this environment overrides this value.")

    def _confirmed(self) -> bool:
        self.stdout.write("Type yes to continue: ", ending="")
        self.stdout.flush()
        try:
            return input().strip().lower() == "yes"
        except EOFError:
            return False
