"""Measure the parts of the periodic work, one at a time."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from django.utils import timezone

from alerts.alerts.services import alerts_update
from alerts.deliveries.queue import messages_route
from alerts.deliveries.services import queues_follow
from alerts.state_changes.services import state_changes_start
from attention.needs import Look, attention, needs
from audit.actors import SYSTEM
from audit.checkpoints.look import log_extended
from audit.checkpoints.services import checkpoint_is_due
from audit.syslog.services import deliveries_start
from backups.schedule import backups_forget, schedule_run
from backups.worker import backups_end_late
from bench.pages.measure import Worked, worked
from bulk.services import secrets_wipe, works_delete_old
from certs.certificates.services import certificates_sweep
from certs.exports.services import archives_wipe
from certs.models import Certificate
from certs.revocation.lists import lists_ask_due
from jobs.registry import periodic_tasks
from jobs.services import jobs_delete_old, jobs_follow_clock, jobs_nudge_due
from jobs.tasks import RECONCILE
from nodes.automatic.services import automatic_renewal, calls_follow_clock, renewals_due
from nodes.nudges.services import nodes_waiting, site_nudge
from nodes.registration.services import passwords_wipe
from people.sign_in.guessing import guesses_forget
from storage.care import upgrade_copies_remove
from web.repeats.services import requests_forget

Work = Callable[..., object]


def all_needs(*, now: datetime) -> object:
    """What alerts compare."""
    return needs(Look(now))


def needs_shown(*, now: datetime) -> object:
    """What the overview shows."""
    return attention(now)


def any_node_waits(*, now: datetime) -> bool:
    """What `nudges_send` asks before it dials nodes."""
    return nodes_waiting(now=now).exists()


def what_a_checkpoint_verifies(*, now: datetime) -> object:
    """What a worker reads before it signs. The signature itself is left out, because no file can be rolled back."""
    return log_extended()


# Periodic work → the functions that it calls; none if it is not measured, because it makes keys, calls the watchdog, reads the whole file or log once a day, or
# deletes rows of more than a year ago.
PARTS: dict[str, tuple[Work, ...]] = {
    RECONCILE: (partial(jobs_follow_clock, name=RECONCILE), jobs_nudge_due),
    "certificate sweep": (partial(certificates_sweep, Certificate.objects.all()), partial(archives_wipe, actor=SYSTEM), lists_ask_due),
    "upkeep": (passwords_wipe, calls_follow_clock, renewals_due, automatic_renewal),
    "alerts": (all_needs, needs_shown, alerts_update, messages_route, queues_follow),
    "state changes": (state_changes_start,),
    "upgrade copies": (upgrade_copies_remove,),
    "jobs-old": (jobs_delete_old,),
    "bulk-secrets": (secrets_wipe,),
    "bulk-old": (works_delete_old,),
    "backups": (backups_end_late, schedule_run, backups_forget),
    "audit check": (checkpoint_is_due, what_a_checkpoint_verifies),
    "audit look": (),
    "audit syslog": (deliveries_start,),
    "guesses-old": (guesses_forget,),
    "keys-old": (requests_forget,),
    "nudges": (site_nudge, any_node_waits),
    "key pool": (),
    "watchdog": (),
    "database check": (),
    "database statistics": (),
    "alerts-old": (),
}


class PartsUnknown(Exception):
    """Periodic work that is not in PARTS."""


def work_measured() -> Iterator[Worked]:
    """Raises: PartsUnknown."""
    if unknown := {task.name for task in periodic_tasks()} - PARTS.keys():
        raise PartsUnknown(f"The parts of {', '.join(sorted(unknown))} are not known. Name them in bench/pages/work.py.")
    for name, parts in PARTS.items():
        for function in parts:
            yield worked(f"{name}: {_name(function)}", partial(function, now=timezone.now()))


def _name(function: Work) -> str:
    return str(getattr(function, "func", function).__name__)
