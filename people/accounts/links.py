"""One-time links, with which a person sets the first password, or a new one."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.urls import reverse

from people.models import Person

VALID = timedelta(hours=72)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def link_make(person: Person, *, now: datetime) -> str:
    """Make a link for `person`, whose row the caller has locked. An earlier link ends. Returns the path, which is shown once."""
    secret = secrets.token_urlsafe(32)
    person.link_digest, person.link_expires_at = _digest(secret), now + VALID
    person.save(update_fields=["link_digest", "link_expires_at"])
    return reverse("people:link", args=[secret])


def link_end(person: Person) -> None:
    person.link_digest, person.link_expires_at = "", None
    person.save(update_fields=["link_digest", "link_expires_at"])


def person_of_link(secret: str, *, now: datetime, lock: bool = False) -> Person | None:
    """The person whose link this is; None if it is unknown, used, replaced or expired, or if the account is deactivated."""
    found = Person.objects.select_related("user").filter(link_digest=_digest(secret), link_expires_at__gt=now, user__is_active=True)
    return (found.select_for_update(of=("self",)) if lock else found).first()
