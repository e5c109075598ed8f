"""Each way to tamper with the audit log is named by `verify_audit`, on a log of eight writers and two signers, on both engines."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sitekit.engines import ENGINES, engine
from sitekit.site import ROOT

# Case → what is found: kind, first and last event, line or checkpoint. `+` adds to a fact that the run printed.
NAMED: dict[str, list[str]] = {
    "cut": ["cut middle+1 last"],
    "cut among what is not signed": ["cut last-2 last"],
    "cut with its head": ["cut middle+1 signed"],
    "cut, head and checkpoints deleted": ["table-differs 1 checkpoints", "cut middle+1 signed"],
    "emptied": ["emptied 1 last"],
    "emptied, head and checkpoints deleted": ["emptied 1 signed", "table-differs 1 checkpoints"],
    "edited": ["edited middle middle"],
    "edited among what is not signed": ["edited last-3 last-3"],
    "time unreadable": ["edited middle middle"],
    "detail unreadable": ["edited middle middle"],
    "detail unreadable among what is not signed": ["edited last-3 last-3"],
    "edited with its own digest": ["edited middle middle"],
    "reordered": ["reordered middle middle+1"],
    "inserted": ["inserted middle middle"],
    "extended": ["inserted last+1 last+1"],
    "removed": ["removed middle middle"],
    "removed and renumbered": ["removed middle middle"],
    "recomputed": ["recomputed older last"],
    "recomputed, table rewritten to fit": ["table-differs 4 checkpoints", "recomputed older last"],
    "recomputed, table and key rewritten to fit": ["table-differs 1 checkpoints", "recomputed older last"],
    "recomputed, checkpoints deleted": ["table-differs 1 checkpoints", "recomputed older last"],
    "recomputed, key and checkpoints deleted": ["table-differs 1 checkpoints", "recomputed older last"],
    "older database": ["older-database older signed"],
    "older database that went on": ["older-database older signed"],
    "older database that went on beyond the newer one": ["older-database older signed"],
    "older database without checkpoints": ["table-differs 1 checkpoints", "older-database older signed"],
    "file lost": ["file-missing 1 checkpoints"],
    "file emptied": ["file-changed 1 checkpoints"],
    "file older than the database": ["file-changed 3 checkpoints"],
    "line of the file changed": ["file-changed 2 2"],
    "table deleted": ["table-differs 1 checkpoints"],
    "row deleted": ["table-differs 2 2"],
    "key deleted": ["table-differs 1 checkpoints"],
    "key, checkpoints and file deleted": ["file-missing 1 0"],
    "older database, accepted, then cut": ["cut older+3 older+5"],
}
# Case → a part of what is printed. Nothing is found.
WHOLE = {
    "nothing": "The audit log is whole.",
    "clock set back": "The audit log is whole.",
    "older database, accepted": "Tried on purpose. Found: The database was replaced by an older one: events {older} to {signed} are missing (from ",
    "recomputed, accepted": "up to event {last}, the log differs from what was signed before. Reason: Tried on purpose. Found: The audit log was computed anew from event {older} on",
    "key deleted, files moved, accepted": "Reason: Tried on purpose. Found: The table of checkpoints differs from the file",
    "file lost, accepted": "Tried on purpose. Found: The file of checkpoints is missing.",
    "emptied with head and checkpoints, accepted": "events 1 to {signed} of that time are lost. Reason: Tried on purpose. Found: The audit log was emptied",
}
REFUSED = {
    "nothing to accept": "There is no gap to accept.",
    "key deleted, accepted": "The row of the audit log's key is missing in the database. Restore the site from a backup.",
    "time unreadable, accepted": "A gap would not change what was found in the log itself: Event {middle} was changed after being written.",
    "edited, accepted": "A gap would not change what was found in the log itself: Event {middle} was changed after being written.",
}
Results = dict[str, Any]
WORKER = [
    "-m",
    "celery",
    "-A",
    "qmc",
    "--skip-checks",
    "worker",
    "-P",
    "threads",
    "-c",
    "1",
    "-Q",
    "sign,default",
    "--without-gossip",
    "--without-mingle",
]


class Signed:
    """A site without running processes, whose last eight events are not signed."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.run("manage.py", "init", "--host-name", "central.example", "--node-api-address", "127.0.0.1:4242")
        self.results: Results = json.loads(self.run("-m", "tests.audit.checkpoints.tampered"))

    def run(self, *words: str) -> str:
        ended = subprocess.run([sys.executable, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="module", params=ENGINES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("tampered")
    with engine(request.param, folder / "engine") as environment:
        own = {name: value for name, value in os.environ.items() if not name.startswith("QMC_")}
        yield Signed(own | {"QMC_DATA_DIR": str(folder / "site"), "DJANGO_SETTINGS_MODULE": "qmc.settings"} | environment)


@pytest.fixture
def results(site: Signed) -> Results:
    """Each case: exit code, text, and what was found."""
    return site.results


def number(text: str, facts: dict[str, int]) -> int:
    """A fact, more or less this many, or a plain number."""
    name, sign, by = text.partition("+") if "+" in text else text.partition("-")
    value = int(name) if name.isdigit() else facts[name]
    return value + int(f"{sign}{by}") if by else value


def expected(row: str, facts: dict[str, int]) -> list[Any]:
    kind, first, last = row.split()
    return [kind, number(first, facts), number(last, facts)]


@pytest.mark.both_engines
def test_each_way_to_tamper_is_named(results: Results) -> None:
    facts = results["facts"]
    found = {name: (results[name]["code"], [one[:3] for one in results[name]["found"]]) for name in NAMED}
    assert found == {name: (1, [expected(row, facts) for row in rows]) for name, rows in NAMED.items()}


@pytest.mark.both_engines
def test_a_whole_log_is_named_whole_and_an_accepted_gap_is_shown_without_failing(results: Results) -> None:
    texts = {name: part.format(**results["facts"]) for name, part in WHOLE.items()}
    found = {name: (results[name]["code"], results[name]["found"], texts[name] in results[name]["text"]) for name in WHOLE}
    assert found == dict.fromkeys(WHOLE, (0, [], True))


@pytest.mark.both_engines
def test_what_is_no_gap_is_not_accepted(results: Results) -> None:
    texts = {name: part.format(**results["facts"]) for name, part in REFUSED.items()}
    assert {name: texts[name] in results[name]["text"] for name in REFUSED} == dict.fromkeys(REFUSED, True)


@pytest.mark.both_engines
def test_an_older_database_is_named_with_its_times(results: Results) -> None:
    (found,) = results["older database"]["found"]
    assert found[3]
    assert "(from " in results["older database"]["text"]


@pytest.mark.both_engines
def test_every_case_is_expected(results: Results) -> None:
    assert results.keys() == {*NAMED, *WHOLE, *REFUSED, "facts"}


@pytest.mark.both_engines
def test_a_worker_signs_at_its_end_what_is_not_signed_yet(site: Signed, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen([sys.executable, *WORKER], cwd=ROOT, env=site.environment, stdout=output, stderr=output)
    while "[queues]" not in log.read_text() and worker.poll() is None:
        time.sleep(0.1)
    worker.terminate()
    assert worker.wait(60) == 0, log.read_text()
    text = site.run("manage.py", "verify_audit")
    assert f"event {site.results['facts']['last']}\nThe audit log is whole." in text
