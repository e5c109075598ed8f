"""Two takers of one name at the same moment, on both engines: one of them gets it, or both share it. No request gets an error of the database."""

from pathlib import Path

import pytest

from sitekit.engines import ENGINES
from tests.programs import printed_by
from tests.slow import RUN_SLOW

ROUNDS = 8 if RUN_SLOW else 1
RACES = """
import itertools, json, sys, threading
import django; django.setup()
from django.db import connection
from django.utils import timezone
from audit.actors import SYSTEM
from tests.whole_log import verify
from certs.exports.services import ExportOptions, export_revoke, exports_request
from certs.models import Export, NameClaim, NameHolder
from nodes.addresses.services import addresses_set
from nodes.inventory.change import node_change
from nodes.inventory.services import node_create
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from pki.issuing.revocation_list import RevocationCode
from web.errors import InputInvalid

numbers = itertools.count()
def fresh(): return f"m{next(numbers)}.example"
def node(host_name, *further):
    return node_create(actor=SYSTEM, now=timezone.now(), name=host_name, host_name=host_name, subject_alternative_names=further)
def export(name): return exports_request(actor=SYSTEM, machine_names=[name], options=ExportOptions("pem"), now=timezone.now())[0]

# Each prepares what it needs and returns what takes the name.
def host_name(name): return lambda: node(name)
def further_name(name):
    host = fresh()
    return lambda: node(host, name)
def changed_node(name):
    made = node(fresh())
    return lambda: node_change(actor=SYSTEM, node=made, now=timezone.now(), subject_alternative_names=[name])
def changed_central_node(name):
    return lambda: addresses_set(actor=SYSTEM, texts=[f"{name}:4242"], now=timezone.now())
def machine(name): return lambda: export(name)
# And these have the name, and release it.
def decommissioned_node(name):
    made = node(name)
    return lambda: node_decommission(actor=SYSTEM, node=made, now=timezone.now())
def decommissioned_sharer(name):
    made = node(fresh(), name)
    return lambda: node_decommission(actor=SYSTEM, node=made, now=timezone.now())
def changed_sharer(name):
    made = node(fresh(), name)
    return lambda: node_change(actor=SYSTEM, node=made, now=timezone.now(), subject_alternative_names=[])
def revoked_export(name):
    made = export(name)
    return lambda: export_revoke(actor=SYSTEM, export=made, reason="test", code=RevocationCode.UNSPECIFIED, now=timezone.now())

def race(*takers):
    start, outcomes = threading.Barrier(len(takers)), []
    def run(take):
        start.wait()
        try:
            take()
            outcomes.append("done")
        except InputInvalid as exc:
            text = str(exc.errors)
            outcomes.append("refused" if "is a name of" in text else text)
        except Exception as exc:
            outcomes.append(repr(exc))
        finally:
            connection.close()
    threads = [threading.Thread(target=run, args=[take]) for take in takers]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(outcomes)

TAKERS = [host_name, further_name, changed_node, changed_central_node, machine]
RELEASERS = [decommissioned_node, decommissioned_sharer, changed_sharer, revoked_export]
found = {}
for _ in range(int(sys.argv[1])):
    for pair in [*itertools.combinations_with_replacement(TAKERS, 2), *itertools.product(RELEASERS, TAKERS)]:
        name = fresh()
        takers = [taker(name) for taker in pair]
        found.setdefault(" and ".join(taker.__name__ for taker in pair), []).append(race(*takers))
    # Several names in different orders, taken and released at once: nobody waits for ever.
    names = [fresh() for _ in range(4)]
    held = [node(fresh(), *names), node(fresh(), *names)]
    takers = [lambda sharer=sharer: node_decommission(actor=SYSTEM, node=sharer, now=timezone.now()) for sharer in held]
    takers += [lambda order=order, host=fresh(): node(host, *order) for order in (names, names[::-1], names[::2], names[1::2])]
    found.setdefault("many names", []).append(race(*takers))

# The register and the rows say the same.
def rows():
    for node in Node.objects.present():
        yield from {(str(node.pk), name): False for name in node.subject_alternative_names}.keys() | {(str(node.pk), node.host_name)}
    for export in Export.objects.in_use(): yield str(export.pk), export.machine
register = {(str(holder.holder_id), holder.claim.name) for holder in NameHolder.objects.select_related("claim")}
found["differences"] = sorted(register ^ set(rows()))
found["disputed"] = NameHolder.objects.filter(disputed=True).count()
found["without a holder"] = NameClaim.objects.filter(holders=None).count()
found["events"] = verify()
print(json.dumps(found))
"""
EXCLUSIVE = ("host_name", "machine")
TAKERS = ("host_name", "further_name", "changed_node", "changed_central_node", "machine")


@pytest.mark.parametrize("on", ENGINES)
def test_of_two_concurrent_requests_for_a_name_one_gets_it_unless_they_share_it(tmp_path: Path, on: str) -> None:
    found = printed_by(RACES, str(ROUNDS), on=on, folder=tmp_path / "var")
    assert (found.pop("differences"), found.pop("disputed"), found.pop("without a holder")) == ([], 0, 0)
    assert found.pop("events")
    assert found.pop("many names") == [["done"] * 6] * ROUNDS
    assert len(found) == 15 + 20
    for pair, rounds in found.items():
        first, second = pair.split(" and ")
        if first not in TAKERS:  # it releases the name: the other one is earlier or later
            possible: list[list[str]] = [["done", "done"], ["done", "refused"]]
        elif first in EXCLUSIVE or second in EXCLUSIVE:
            possible = [["done", "refused"]]
        else:
            possible = [["done", "done"]]
        assert [outcome for outcome in rounds if outcome not in possible] == [], pair
