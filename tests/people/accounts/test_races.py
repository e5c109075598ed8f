"""Two requests about people at the same moment, on both engines."""

from pathlib import Path

import pytest

from sitekit.engines import ENGINES
from tests.programs import printed_by
from tests.slow import RUN_SLOW

ROUNDS = 20 if RUN_SLOW else 1
RACES = """
import json, sys, threading
import django; django.setup()
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from audit.actors import SYSTEM
from tests.whole_log import verify
from people.accounts.services import link_use, person_change, person_create
from people.provider.identity import person_sign_in
from people.provider.models import IdentityProvider
from people.provider.tokens import Claims
from people.roles.groups import root_admins
from web.errors import InputInvalid

PASSWORD = "correct horse battery"
def race(*work):
    start, outcomes = threading.Barrier(len(work)), []
    def run(one):
        start.wait()
        try:
            outcomes.append("done" if one() else "nothing")
        except InputInvalid:
            outcomes.append("refused")
        except Exception as exc:
            outcomes.append(repr(exc))
        finally:
            connection.close()
    threads = [threading.Thread(target=run, args=[one]) for one in work]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(outcomes)

def invited(name, *roles):
    person, path = person_create(actor=SYSTEM, username=name, roles=roles, now=timezone.now())
    return person, path.split("/")[-2]

row = IdentityProvider.objects.create(
    name="Company", issuer="https://login.example", client_id="console", roles=[{"group": "staff", "role": "Viewer"}], changed_at=timezone.now()
)
found = {"removed": [], "links": [], "root admins": [], "new people": []}
for number in range(int(sys.argv[1])):
    for user in root_admins(): user.delete()
    people = []
    for name in "ab":
        person, secret = invited(f"{name}{number}", "RootAdmin")
        link_use(secret=secret, password=PASSWORD, now=timezone.now())
        people.append(person)
    found["removed"].append(race(
        lambda: person_change(actor=SYSTEM, person=people[0], is_active=False, now=timezone.now()),
        lambda: person_change(actor=SYSTEM, person=people[1], roles=[], now=timezone.now()),
    ))
    found["root admins"].append(root_admins().count())
    _, secret = invited(f"c{number}")
    found["links"].append(race(*[lambda: link_use(secret=secret, password=PASSWORD, now=timezone.now())] * 3))
    claims = Claims(f"sub-{number}", f"new{number}", ("staff",), ())
    found["new people"].append(race(*[lambda: person_sign_in(row, claims, now=timezone.now())] * 3))
found["identities"] = SocialAccount.objects.count()
found["events"] = verify()
print(json.dumps(found))
"""


@pytest.mark.parametrize("on", ENGINES)
def test_two_administrators_do_not_remove_each_other_and_a_link_is_used_once(tmp_path: Path, on: str) -> None:
    found = printed_by(RACES, str(ROUNDS), on=on, folder=tmp_path / "var")
    assert found.pop("events")
    assert found == {
        "removed": [["done", "refused"]] * ROUNDS,
        "root admins": [1] * ROUNDS,
        "links": [["done", "nothing", "nothing"]] * ROUNDS,
        "new people": [["done"] * 3] * ROUNDS,
        "identities": ROUNDS,
    }
