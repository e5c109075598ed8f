"""A worker is killed after it sent a batch, and several workers send to one receiver. Whole processes, on both engines."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki.core.roles import Kind
from sitekit.authority import Authority
from sitekit.engines import ENGINES
from tests.audit.syslog.test_delivery import sequences
from tests.programs import site_processes
from tests.syslog_receivers import tls_receiver

SETUP = """
import sys
import django; django.setup()
from django.utils import timezone
from audit.actors import SYSTEM
from audit.record import record
from certs.models import TrustZone
from qmc.syslog.services import receiver_create

now = timezone.now()
receiver_create(actor=SYSTEM, name="archive", host="localhost", port=int(sys.argv[1]), ca=sys.argv[2], now=now)
for number in range(100):
    record(actor=SYSTEM, action="test", target=TrustZone.objects.get(), detail={"number": number}, now=now)
"""
WORK = """
import os, signal, sys
import django; django.setup()
from django.utils import timezone
from audit.syslog import services
from jobs.tasks import run

services.MOST = 30
deliver = services.deliver
def deliver_and_end(*args, **options):
    deliver(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1:] == ["killed"]:
    services.deliver = deliver_and_end
while any(services.batch_after(receiver, most=1) for receiver in services.SyslogReceiver.objects.all()):
    services.deliveries_start(now=timezone.now())
    run()
"""
RETURN_LEASE = """
import django; django.setup()
from jobs.leases import RETURNED
from jobs.models import Job

Job.objects.unfinished().update(lease_until=RETURNED)
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(params=ENGINES)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    with site_processes(request.param, tmp_path) as start:
        yield start


def test_a_worker_that_is_killed_before_the_cursor_moves_repeats_its_batch(process: Start, authority: Authority) -> None:
    ca = authority.certificate.public_bytes(Encoding.PEM).decode()
    with tls_receiver(authority.pair(Kind.SERVER, names=("localhost",))) as receiver:
        assert process(SETUP, str(receiver.port), ca).wait(60) == 0
        assert process(WORK, "killed").wait(60) == -signal.SIGKILL
        first = sequences(receiver.messages)
        assert first == list(range(1, 31))
        assert process(RETURN_LEASE).wait(60) == 0
        workers = [process(WORK) for _ in range(2)]
        assert [worker.wait(60) for worker in workers] == [0, 0]
        found = sequences(receiver.messages)
    assert found == first + list(range(1, len(found) - 29))
    assert len(found) >= 130
