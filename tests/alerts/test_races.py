"""Two schedulers and two workers at the same moment, on both engines: one alert, one message, one delivery."""

from pathlib import Path

import pytest

from sitekit.engines import ENGINES
from tests.programs import printed_by
from tests.slow import RUN_SLOW

ROUNDS = 20 if RUN_SLOW else 4
RACES = """
import json, sys, threading
from datetime import timedelta
import django; django.setup()
from django.conf import settings
settings.QMC_OUTBOUND_NETWORKS = ("127.0.0.0/8",)
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from alerts.alerts.services import alert_acknowledge, alerts_update
from alerts.channels.services import channel_create
from alerts.deliveries.queue import messages_route
from alerts.deliveries.services import deliver, queues_follow
from alerts.errors import IllegalAlertTransition, StaleAlert
from alerts.models import Alert, Channel, Delivery, Message, QueuedMessage
from audit.actors import SYSTEM
from tests.whole_log import verify
from jobs.models import Job
from jobs.registry import Retry
from jobs.services import job_again, job_claim
from people.tokens.services import token_create
from tests.receivers import http_receiver

def at_once(*work):
    start, errors = threading.Barrier(len(work)), []
    def run(one):
        start.wait()
        try:
            one()
        except (StaleAlert, IllegalAlertTransition):
            pass
        except Exception as exc:
            errors.append(repr(exc))
        finally:
            connection.close()
    threads = [threading.Thread(target=run, args=[one]) for one in work]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return errors

def beat():
    now = timezone.now()
    alerts_update(now=now)
    messages_route(now=now)
    queues_follow(now=now)

def worker():
    job = job_claim(now=timezone.now())
    if job is not None:
        try:
            deliver(job=job)
        except Retry as exc:
            job_again(job=job, at=timezone.now())

def nothing_waits():
    past = timezone.now() - timedelta(minutes=5)
    QueuedMessage.objects.update(due_at=past)
    Delivery.objects.update(changed_at=past)
    Job.objects.update(next_attempt_at=past)

now, errors = timezone.now(), []
user = User.objects.create_user("ann")
with http_receiver() as receiver:
    channel_create(actor=SYSTEM, name="one", kind="webhook", values={"url": receiver.url}, now=now)
    for number in range(int(sys.argv[1])):
        token_create(actor=SYSTEM, owner=user, name=f"token{number}", expires_at=now + timedelta(days=1), now=now - timedelta(days=900))
        errors += at_once(beat, beat, beat)
        nothing_waits()
        errors += at_once(worker, worker, beat)
        alert = Alert.objects.get(subject=f"token{number}")
        errors += at_once(*(lambda: alert_acknowledge(actor=SYSTEM, alert=Alert.objects.get(pk=alert.pk), now=timezone.now()) for _ in range(2)), beat)
    for _ in range(3):
        nothing_waits()
        worker()
    ids = [request.headers["webhook-id"] for request in receiver.received]
    bodies = [json.loads(request.body) for request in receiver.received]
reported = [alert["alert_id"] + alert["change"] + alert["at"] for body in bodies for alert in body["data"].get("alerts", [body["data"]]) if "alert_id" in alert]
opened = Message.objects.filter(alert__subject__startswith="token", change="opened").count()
twice = len(reported) - len(set(reported))
queued = QueuedMessage.objects.filter(superseded=False, delivery=None).count()
verify()
print(json.dumps({"errors": errors, "opened": opened, "same_ids": len(ids) - len(set(ids)), "twice": twice, "left": queued}))
"""


@pytest.mark.parametrize("on", ENGINES)
def test_nobody_is_notified_twice(on: str, tmp_path: Path) -> None:
    found = printed_by(RACES, str(ROUNDS), on=on, folder=tmp_path / "var")
    assert found == {"errors": [], "opened": ROUNDS, "same_ids": 0, "twice": 0, "left": 0}
