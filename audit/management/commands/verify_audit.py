"""Prove that the audit log is whole."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.record import ChainBroken, verify


class Command(BaseCommand):
    help = "Walks the audit log's chain and says whether it is whole."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            length = verify()
        except ChainBroken as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"{length} events, chain whole")
