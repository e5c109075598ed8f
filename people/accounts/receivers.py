"""Each account has a `Person`, whatever made it."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models.signals import post_save
from django.dispatch import receiver

from people.models import Person


@receiver(post_save, sender=User)
def person_make(instance: User, created: bool, raw: bool, **_: Any) -> None:
    if created and not raw:
        Person.objects.create(user=instance)


def people_complete() -> None:
    """Make the rows of accounts that have none, because they were loaded from a backup of an earlier version."""
    Person.objects.bulk_create([Person(user=user) for user in User.objects.filter(person=None)], batch_size=500)
