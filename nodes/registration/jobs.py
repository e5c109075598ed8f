"""Registrations among the jobs: their nodes, and how a person ends one or starts it again."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from django.urls import reverse

from audit.actors import Actor
from jobs.registry import JobAction, JobKind, JobRefused, Subject, job_kind_register
from nodes.errors import NodesError
from nodes.models import Node
from nodes.registration.services import TASK, registration_cancel


def _nodes(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = Node.objects.filter(pk__in=subjects).values_list("pk", "name")
    return {pk: Subject(name, reverse("nodes:detail", args=[pk])) for pk, name in found}


def _cancel(*, actor: Actor, subject: uuid.UUID, now: datetime) -> uuid.UUID:
    try:
        registration_cancel(actor=actor, node=Node.objects.get(pk=subject), now=now)
    except NodesError as exc:
        raise JobRefused(str(exc)) from exc
    return subject


job_kind_register(
    JobKind(
        TASK,
        "registration",
        "nodes.view_node",
        _nodes,
        cancel=JobAction(
            "nodes.register_node",
            "The registration fails. Its password becomes useless, and its new certificates are withdrawn. The node stays in the list.",
            _cancel,
        ),
        retry_page=lambda subject: reverse("nodes:redistribute", args=[subject]),
        retry_api="POST /api/v1/nodes/{id}/register/, which answers a new password",
    )
)
