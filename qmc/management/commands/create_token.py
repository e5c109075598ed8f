"""Make an API token."""

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from people.tokens.models import Scope
from people.tokens.services import token_create
from pki.core.commands import QMC
from qmc.management.site import SiteCommand
from web.errors import InputInvalid

LONGEST_DAYS = 3650


def days(text: str) -> int:
    """A whole number of days within bounds."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LONGEST_DAYS):
        raise ArgumentTypeError(f"{text!r} is not a number of days from 1 to {LONGEST_DAYS}. Without this option, the token lasts 90 days.")
    return int(text)


class Command(SiteCommand):
    help = "Prints a new API token with the permissions of USER. It is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", required=True)
        parser.add_argument("--days", type=days, metavar="N", help="the token expires after N days. Default: 90")
        parser.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            dest="scopes",
            help="what it may be used for. Can be repeated. Default: read and write",
        )
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']}. Give another name; `{QMC} init` makes the first administrator.")
        now = timezone.now()
        expires_at = now + timedelta(days=options["days"]) if options["days"] else None
        scopes = options["scopes"] or (Scope.READ, Scope.WRITE)
        try:
            _, token = token_create(actor=SYSTEM, owner=user, name=options["name"], scopes=scopes, expires_at=expires_at, now=now)
        except InputInvalid as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(token)
