"""Make an API token."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from qmc.services.tokens import token_create


class Command(BaseCommand):
    help = "Prints a new API token that acts as USER; it is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", required=True)
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']}.")
        self.stdout.write(token_create(user=user, name=options["name"], now=timezone.now()))
