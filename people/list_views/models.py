"""What people keep of a list."""

import uuid

from django.db import models

from people.accounts.models import Person


class ListChoice(models.Model):
    """The columns of one person in one list, and the rows on a page."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="list_choices")
    list_name = models.CharField(max_length=40, help_text="the name of the list in the registry of lists")
    columns = models.JSONField(default=list, blank=True, help_text="names of columns in their order; empty: all of the list")
    page_size = models.PositiveSmallIntegerField(default=0, help_text="0: that of the list")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["person", "list_name"], name="one_choice_for_a_list")]

    def __str__(self) -> str:
        return f"{self.list_name} of {self.person_id}"


class SavedView(models.Model):
    """A name for the query of a list's address. Others see it if it is shared; only its owner changes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="saved_views")
    list_name = models.CharField(max_length=40, help_text="the name of the list in the registry of lists")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        default_permissions = ()
        indexes = [models.Index(fields=["list_name", "name"], condition=models.Q(shared=True), name="shared_views_of_list")]
        constraints = [models.UniqueConstraint(fields=["owner", "list_name", "name"], name="one_view_of_a_name")]

    def __str__(self) -> str:
        return self.name
