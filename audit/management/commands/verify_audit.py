"""Verify that the audit log is complete and unchanged."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.record import ChainBroken, verify


class Command(BaseCommand):
    help = "Checks the chain of the audit log: no event was changed, removed or added."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            length = verify()
        except ChainBroken as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"{length} events, the chain is intact")
