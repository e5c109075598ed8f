"""Renewals among the jobs: their nodes, and how a person ends one or starts it again."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from django.urls import reverse

from audit.actors import Actor
from jobs.registry import JobAction, JobKind, JobRefused, Subject, job_kind_register
from nodes.errors import NodesError
from nodes.models import Renewal
from nodes.renewal.services import TASK, node_renew, renewal_cancel


def _nodes(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = Renewal.objects.filter(pk__in=subjects).values_list("pk", "node", "node__name")
    return {pk: Subject(name, reverse("nodes:detail", args=[node])) for pk, node, name in found}


def _cancel(*, actor: Actor, subject: uuid.UUID, now: datetime) -> uuid.UUID:
    try:
        renewal_cancel(actor=actor, renewal=Renewal.objects.select_related("node").get(pk=subject), now=now)
    except NodesError as exc:
        raise JobRefused(str(exc)) from exc
    return subject


def _retry(*, actor: Actor, subject: uuid.UUID, now: datetime) -> uuid.UUID:
    try:
        return node_renew(actor=actor, node=Renewal.objects.select_related("node").get(pk=subject).node, now=now).pk
    except NodesError as exc:
        raise JobRefused(str(exc)) from exc


job_kind_register(
    JobKind(
        TASK,
        "renewal",
        "nodes.view_node",
        _nodes,
        cancel=JobAction(
            "nodes.renew_node",
            "The node keeps its certificates. New certificates that it has not been offered yet are withdrawn. Certificates that are renewed automatically are tried again later.",
            _cancel,
        ),
        retry=JobAction("nodes.renew_node", "The node gets new keys and certificates.", _retry),
    )
)
