"""Revoke an API token."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.actors import SYSTEM
from people.models import ApiToken
from people.tokens.services import tokens_revoke
from qmc.management.site import SiteCommand
from web.words import counted


class Command(SiteCommand):
    help = "Revokes the API tokens of USER with this name. Their next request is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--name", required=True)
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        tokens = ApiToken.objects.filter(user=user, name=options["name"], revoked_at=None) if user else ()
        count = len(tokens_revoke(actor=SYSTEM, tokens=tokens, now=timezone.now()))
        if not count:
            held = (
                ApiToken.objects.filter(user=user, revoked_at=None).order_by("name").values_list("name", flat=True).distinct()[:20]
                if user
                else ()
            )
            known = f"Its tokens are: {', '.join(held)}." if held else "It has none."
            raise CommandError(f"{options['user']} has no token with the name {options['name']}. Nothing was changed. {known}")
        self.stdout.write(f"{counted(count, 'token')} revoked")
