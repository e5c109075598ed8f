"""Rotations among the jobs. A rotation is paused or rolled back on its own page, because it cannot be cancelled halfway."""

import uuid
from collections.abc import Callable, Collection, Mapping

from django.urls import reverse

from certs.models import Rotation
from jobs.registry import JobKind, Subject, job_kind_register
from nodes.rotations.services import TASK

INSTEAD = {
    Rotation.Kind.ROOT: "A rotation cannot be canceled halfway. Its page can pause it, exclude nodes, and roll it back.",
    Rotation.Kind.DATABASE_KEY: "A rotation cannot be canceled halfway. Its page can pause it and exclude nodes.",
}
PAGES = {Rotation.Kind.ROOT: "roots:show", Rotation.Kind.DATABASE_KEY: "database_key:show"}


def _rotations(view: str) -> Callable[[Collection[uuid.UUID]], Mapping[uuid.UUID, Subject]]:
    def found(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
        return {rotation.pk: Subject(str(rotation), reverse(view)) for rotation in Rotation.objects.filter(pk__in=subjects)}

    return found


for kind, label in {Rotation.Kind.ROOT: "rotation of the root", Rotation.Kind.DATABASE_KEY: "rotation of the database key"}.items():
    job_kind_register(JobKind(TASK[kind], label, "certs.view_rotation", _rotations(PAGES[kind]), instead=INSTEAD[kind]))
