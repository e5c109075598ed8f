"""Verify that the audit log is complete and unchanged."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.chain import ChainBroken, verify


class Command(BaseCommand):
    help = "Checks the chain of the audit log: no event was changed, removed or added. It reads every event."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            length = verify(self._progress)
        except ChainBroken as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"{length} events, the chain is intact")

    def _progress(self, verified: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"{verified} events verified", ending="\r")
            self.stdout.flush()
