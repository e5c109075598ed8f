"""Which addresses nodes call."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from certs.errors import CertsError
from nodes.services.addresses import addresses_checked, addresses_recorded, addresses_set, losing_contact, netlocs, nodes_knowing
from pki.errors import PKIError
from pki.package import CentralAddress


def lines(wanted: Sequence[CentralAddress]) -> Iterator[str]:
    """What the change means, before it is made."""
    yield f"Nodes are told to call {', '.join(netlocs(addresses_recorded()))}; from now on {', '.join(netlocs(wanted))}."
    knowing = nodes_knowing()
    losing = losing_contact(wanted, knowing)
    if not losing:
        yield f"Each of {len(knowing)} nodes knows one of the new addresses." if knowing else "No other node is registered."
        return
    yield f"{len(losing)} of {len(knowing)} nodes know none of the new addresses. They learn them when they call next, so keep the old addresses"
    yield "working until then; without that they lose contact, and `python -m agent set-central` on the node is the way back:"
    for each in losing:
        known = ", ".join(each.knows) or "not reported by its agent"
        seen = f"called {each.last_seen_at:%Y-%m-%d %H:%M} UTC" if each.last_seen_at else "has never called"
        yield f"  {each.node.name} ({each.node.host_name}): knows {known}; {seen}"


class Command(BaseCommand):
    help = "Sets which addresses nodes call. Lists first the nodes that would lose contact, and asks; with --yes it does not ask."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--node-api-address", action="append", required=True, metavar="ADDRESS:PORT", help="may be repeated")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        texts = options["node_api_address"]
        try:
            self.stdout.write("\n".join(lines(addresses_checked(texts))))
            if not (options["yes"] or self._confirmed()):
                raise CommandError("Nothing was changed. Type yes, or give --yes.")
            found = addresses_set(actor=SYSTEM, texts=texts, now=timezone.now())
        except (CertsError, PKIError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"Nodes are told to call {', '.join(netlocs(found))}.")

    def _confirmed(self) -> bool:
        self.stdout.write("Type yes to go on: ", ending="")
        self.stdout.flush()
        try:
            return input().strip().lower() == "yes"
        except EOFError:
            return False
