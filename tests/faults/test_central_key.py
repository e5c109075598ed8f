"""The central key is rotated while workers are killed at every step, and no value is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sitekit.engines import ENGINES
from sitekit.site import Site
from tests.faults.rotations import Hunt
from tests.faults.steps import CENTRAL_STEPS
from tests.slow import takes_minutes

# More values than one batch has, of a key type that no worker takes.
START = """
from django.utils import timezone
from audit.actors import SYSTEM
from certs.models import PooledKey
from certs.central_key.services import central_key_rotate
now = timezone.now()
for number in range(250):
    PooledKey.objects.create(key_type="for this test", created_at=now, sealed_private_key=b"%d" % number)
central_key_rotate(actor=SYSTEM, now=now)
"""
TELL = """
from sealing.central_key_file import central_keys
from sealing.fields import Readers
from certs.models import CentralKey, PooledKey
from certs.central_key.services import resealing_is_finished
from sealing.walk import sealed_counts
from backups.proof import fields_open
ours = PooledKey.objects.filter(key_type="for this test")
print(sorted(int(each.sealed_private_key.open()) for each in ours) == list(range(250)), fields_open()[1] == [], resealing_is_finished())
print(set(sealed_counts(Readers.CENTER)) == {CentralKey.objects.writing().key_id} == set(central_keys()))
ours.delete()
"""


def rotate(site: Site) -> None:
    hunt = Hunt(site, CENTRAL_STEPS)
    job = "SELECT outcome FROM jobs_job WHERE task = 'central-key-resealing' ORDER BY created_at DESC LIMIT 1"

    def over() -> bool:
        site.keep_further()
        return hunt.is_over() and site.rows(job) == [("done",)]

    site.wait(site.answers)
    hunt.begin()
    try:
        site.manage("shell", "-v", "0", "-c", START)
        site.wait(over, 240)
    finally:
        hunt.end()
    assert site.manage("shell", "-v", "0", "-c", TELL).split() == ["True"] * 4, hunt.killed


@takes_minutes
def test_no_value_is_lost_by_a_kill_at_any_step(faulty_sites: Callable[[str], Site]) -> None:
    sites = [faulty_sites(on) for on in ENGINES]
    with ThreadPoolExecutor(len(sites)) as pool:
        list(pool.map(rotate, sites))
