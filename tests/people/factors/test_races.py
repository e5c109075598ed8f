"""Two sign-ins with one code at the same moment, on both engines."""

from pathlib import Path

import pytest

from sitekit.engines import ENGINES
from tests.programs import printed_by
from tests.slow import RUN_SLOW

ROUNDS = 20 if RUN_SLOW else 2
RACES = """
import json, sys, threading
import django; django.setup()
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from audit.actors import SYSTEM
from people.factors.codes import code_use
from people.factors.services import app_add, key_begin, recovery_codes_make
from people.models import Guesses
from tests.people.factors.keys import code_at, code_now

user = User.objects.create_user("ann")
key, now = key_begin(user)[0], timezone.now()
app_add(actor=SYSTEM, user=user, name="Phone", key=key, code=code_at(key, now, steps=-1), now=now)

def race(code, times=3):
    Guesses.objects.all().delete()
    start, outcomes = threading.Barrier(times), []
    def run():
        request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1")
        start.wait()
        try:
            with context.request_context(request):
                code_use(request=request, user=user, code=code, now=timezone.now())
            outcomes.append("in")
        except ValidationError as exc:
            outcomes.append("refused" if "used already" in str(exc) else str(exc))
        except Exception as exc:
            outcomes.append(repr(exc))
        finally:
            connection.close()
    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(outcomes)

found = {"recovery": [], "app": []}
for number in range(int(sys.argv[1])):
    found["recovery"].append(race(recovery_codes_make(actor=SYSTEM, user=user, now=timezone.now())[number % 10]))
    factor = Authenticator.objects.get(type="totp")
    factor.data["step"] = 0
    factor.save()
    found["app"].append(race(code_now(key)))
print(json.dumps(found))
"""


@pytest.mark.parametrize("on", ENGINES)
def test_one_code_lets_exactly_one_sign_in_through(tmp_path: Path, on: str) -> None:
    found = printed_by(RACES, str(ROUNDS), on=on, folder=tmp_path / "var")
    assert found == {"recovery": [["in", "refused", "refused"]] * ROUNDS, "app": [["in", "refused", "refused"]] * ROUNDS}
