"""The expiry board: words for what will happen, the chosen day, the API, and the picture."""

import re
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from attention.expiring import Endless, by_hand, by_itself
from audit.actors import SYSTEM
from certs.lifetime.expiry_wording import leaf_expiry_wording, root_expiry_wording
from certs.lifetime.renewal_forecast import Due, RenewalBasis, holders_due, leaf_due, renewal_basis
from certs.models import Certificate, RevocationList, Rotation, TrustZone
from jobs.models import PeriodicWork
from nodes.inventory.intervals import FIRST_CALL
from nodes.models import BrowserCertificate, Node, Observation, Renewal
from nodes.renewal.expiry_wording import node_expiry_wording
from nodes.revocation.attention import list_expiry_wording
from people.models import ApiToken
from pki.core import lifetime
from qmc.expiry.board import Board, BoardRow, as_of_read
from qmc.expiry.counts import Counts
from qmc.expiry.everything import Everything, expiry_board
from qmc.expiry.rows import ExpiryRows
from qmc.expiry.timeline import timeline
from qmc.expiry.totals import Totals
from qmc.expiry.view_models import headline
from tests import factories
from tests.problems import error_fields
from tests.qmc.expiry.conftest import certificate

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = Certificate(kind="root", subject="CN=central-CA", serial="1", sha256="aa", not_before=NOW, not_after=lifetime.add_months(NOW, 60))
BASIS = RenewalBasis(60, rotates_by_itself=True, issuing=ROOT, staying=ROOT)
BY_HAND = RenewalBasis(60, rotates_by_itself=False, issuing=ROOT, staying=ROOT)
API = "/api/v1/expiry/"


def leaf(months: int, **fields: Any) -> Certificate:
    end = min(lifetime.add_months(NOW, months), ROOT.not_after)
    return Certificate(**{"kind": "client", "serial": "0", "not_before": NOW, "not_after": end, "issuer": ROOT} | fields)


def node(state: str = "registered", seen: timedelta | None = timedelta(0), **fields: Any) -> Node:
    made = Node(**{"name": "rim1", "state": state, "generation": 2, "registered_at": NOW - DAY} | fields)
    if seen is None:
        Node._meta.get_field("observation").set_cached_value(made, None)  # the database is not asked
    else:
        Observation(node=made, last_seen_at=NOW - seen, silent_at=NOW - seen + FIRST_CALL)
    return made


@pytest.mark.parametrize(
    ("months", "basis", "expected"),
    [
        pytest.param(12, BASIS, Due(NOW + (lifetime.add_months(NOW, 12) - NOW) * 2 / 3, with_root=False), id="by its own age"),
        pytest.param(60, BASIS, Due(NOW + (ROOT.not_after - NOW) / 2, with_root=True), id="cut by the root"),
        pytest.param(60, BY_HAND, None, id="cut by a root that is replaced by hand"),
        pytest.param(48, BASIS, Due(NOW + (ROOT.not_after - NOW) / 2, with_root=True), id="the root is sooner"),
        pytest.param(12, RenewalBasis(60, True, None, None), None, id="no root"),
    ],
)
def test_a_leaf_is_due_by_its_age_or_with_its_root(months: int, basis: RenewalBasis, expected: Due | None) -> None:
    assert leaf_due(leaf(months), basis) == expected


def test_a_renewal_replaces_all_certificates_when_the_first_is_due() -> None:
    holder = uuid.uuid4()
    own = [leaf(12, holder_id=holder, generation=2), leaf(24, kind="service", holder_id=holder, generation=2)]
    old = leaf(12, holder_id=holder, generation=1, not_before=NOW - 300 * DAY, not_after=NOW + DAY)
    assert holders_due([*own, old, leaf(12, kind="cluster", holder_id=uuid.uuid4())], BASIS) == {holder: leaf_due(own[0], BASIS)}


LEAVING = RenewalBasis(60, rotates_by_itself=True, issuing=ROOT, staying=ROOT, leaving_id=ROOT.pk)


@pytest.mark.parametrize(
    ("basis", "happens", "words"),
    [
        (BASIS, "by_itself", "half its lifetime"),
        (BY_HAND, "by_hand", "Rotate the root before 25 May 2029"),
        (LEAVING, "by_itself", "rotation to another root is in progress"),
    ],
)
def test_a_root_says_how_it_is_replaced(basis: RenewalBasis, happens: str, words: str) -> None:
    wording = root_expiry_wording(ROOT, basis, now=NOW)
    assert (wording.happens, words in wording.text) == (happens, True), wording


@pytest.mark.parametrize(
    ("months", "basis", "happens", "words"),
    [
        (12, BASIS, "by_itself", "Renewed automatically when rim1 calls."),
        (60, BASIS, "by_itself", "expires with its root. Replaced with the next root"),
        (60, BY_HAND, "by_hand", "Rotate the root."),
        (12, LEAVING, "by_itself", "rotation of the root that is in progress"),
    ],
)
def test_a_leaf_says_how_it_is_renewed(months: int, basis: RenewalBasis, happens: str, words: str) -> None:
    wording = leaf_expiry_wording(leaf(months), leaf_due(leaf(months), basis), basis, who="rim1", now=NOW)
    assert (wording.happens, words in wording.text) == (happens, True), wording


def renewal(status: str) -> Renewal:
    return Renewal(generation=2, status=status, reason="The disk is full.")


@pytest.mark.parametrize(
    ("held", "last", "happens", "words"),
    [
        pytest.param(node(), None, "by_itself", "when rim1 calls", id="calls"),
        pytest.param(node(seen=timedelta(hours=3)), None, "by_hand", "has not called for 3 h", id="silent"),
        pytest.param(node(seen=None), None, "by_hand", "has not called for 1 day", id="never called"),
        pytest.param(node(seen=None, registered_at=NOW), None, "by_itself", "when rim1 calls", id="just registered"),
        pytest.param(node("failed", state_reason="Ten wrong."), None, "by_hand", "Ten wrong.", id="failed"),
        pytest.param(node("awaiting_password", seen=None), None, "by_itself", "registration of its node is in progress", id="under way"),
        pytest.param(node(), renewal("failed"), "by_hand", "The disk is full.", id="its renewal failed"),
        pytest.param(node(), renewal("offered"), "by_itself", "A renewal is in progress", id="being renewed"),
        pytest.param(node(), renewal("proved"), "by_itself", "when rim1 calls", id="renewed"),
    ],
)
def test_a_nodes_certificate_needs_a_node_that_calls(held: Node, last: Renewal | None, happens: str, words: str) -> None:
    own = leaf(12, generation=1)
    wording = node_expiry_wording(own, held, last, leaf_due(own, BASIS), BASIS, now=NOW)
    assert (wording.happens, words in wording.text) == (happens, True), wording


@pytest.mark.parametrize(
    ("age", "older", "happens", "words"),
    [
        (timedelta(hours=3), 0, "by_itself", "Signed again each day."),
        (timedelta(hours=3), 1, "by_itself", "1 node uses an older one: rim0."),
        (timedelta(hours=3), 5, "by_itself", "5 nodes use an older one: rim0, rim1, rim2…."),
        (timedelta(days=3), 0, "by_hand", "3 days old. Check that a worker runs"),
    ],
)
@pytest.mark.django_db
def test_a_revocation_list_is_signed_each_day(age: timedelta, older: int, happens: str, words: str) -> None:
    root = certificate("root", uuid.uuid4(), months=60)
    newest = RevocationList.objects.create(root=root, number=5, this_update=NOW - age, next_update=NOW - age + 30 * DAY, der=b"list")
    for number in range(older + 1):
        held = factories.node(f"rim{number}", at=NOW)
        Observation.objects.create(node=held, last_seen_at=NOW, trusts=[root.sha256], revocation_lists={root.sha256: 4 + (number == older)})
    wording = list_expiry_wording(newest, now=NOW)
    assert (wording.happens, wording.text.endswith(words) or words in wording.text) == (happens, True), wording
    assert wording.due_at == (newest.this_update + DAY if happens == "by_itself" else None)


def row(days: float, wording: Any = None, *, as_of: datetime = NOW, kind: str = "client", owner: str = "rim1") -> BoardRow:
    end = NOW + days * DAY
    return BoardRow(str(uuid.uuid4()), kind, "CN=x", "rim1.example", owner, NOW - 365 * DAY, end, wording or by_itself(""), "", NOW, as_of)


def board_of(rows: list[BoardRow], as_of: datetime = NOW, without_end: Sequence[Endless] = ()) -> Board:
    """The board with these rows, which are in the order of their expiry dates."""
    totals = Totals(rows, [])
    waiting = next((made for made in rows if made.needs_a_hand), None)
    following = next((made for made in rows if made.matters), next(iter(rows), None))
    counted = totals.by_bucket(by_hand=False), totals.by_bucket(by_hand=True)
    return Board(NOW, as_of, *counted, [*without_end], next=following, waiting=waiting)


@pytest.mark.parametrize(
    ("made", "explanation"),
    [
        (row(90, by_itself("Renewed.", NOW + 30 * DAY)), "Renewed."),
        (row(90, by_itself("Renewed.", NOW - DAY)), "Due now. Renewed."),
        (row(90, by_itself("Renewed.", NOW + 30 * DAY), as_of=NOW + 40 * DAY), "Due before this day. Renewed."),
        (row(90, by_itself("Renewed.", NOW + 30 * DAY), as_of=NOW + 20 * DAY), "Renewed."),
        (row(90, by_hand("Do it."), as_of=NOW + 91 * DAY), "Expires before this day. Do it."),
        (row(90, by_hand("Do it."), as_of=NOW + 89 * DAY), "Do it."),
    ],
)
def test_actions_due_before_the_chosen_day_are_marked(made: BoardRow, explanation: str) -> None:
    assert made.explanation == explanation


@pytest.mark.parametrize(
    ("rows", "as_of", "title"),
    [
        ([], NOW, "Nothing expires"),
        ([row(29)], NOW, "Nothing needs your attention: the client certificate of rim1 expires in 29 days"),
        ([row(0.5, by_hand("")), row(60, by_hand("")), row(400, by_hand(""))], NOW,
         "2 things need your attention within 90 days: the client certificate of rim1 expires in 12 h"),
        ([row(-2, by_hand(""))], NOW, "1 thing needs your attention within 90 days: the client certificate of rim1 expired 2 days ago"),
        ([row(100, by_hand("")), row(400, by_hand("")), row(500)], NOW,
         "Nothing needs your attention within 90 days, 2 things do later: the client certificate of rim1 expires in 100 days"),
        ([row(5, as_of=NOW + DAY)], NOW + DAY, "Until 25 Nov 2026 nothing has to happen"),
        ([row(5, as_of=NOW + 9 * DAY), row(6, by_hand(""), as_of=NOW + 9 * DAY)], NOW + 9 * DAY,
         "Until 3 Dec 2026: 1 automatic renewal or replacement, 1 thing needs your attention"),
    ],
)  # fmt: skip
def test_the_title_shows_the_next_expiry_and_required_actions(rows: list[BoardRow], as_of: datetime, title: str) -> None:
    before = [made for made in rows if made.before]
    hands = sum(made.needs_a_hand for made in before)
    assert headline(board_of(rows, as_of), (len(before) - hands, hands))[0] == title


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([row(400)], "1 thing needs your attention: no verified backup yet"),
        ([row(400, by_hand(""))], "1 thing needs your attention: no verified backup yet"),
        ([row(60, by_hand(""))], "2 things need your attention within 90 days: the client certificate of rim1 expires in 60 days"),
    ],
)
def test_the_title_counts_things_without_an_expiry_date(rows: list[BoardRow], title: str) -> None:
    backup = Endless(None, "backup", "no verified backup yet", "vm", "", needs_a_hand=True)
    assert headline(board_of(rows, without_end=[backup, Endless(None, "token", "pipeline", "ann", "")]))[0] == title


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2028-03-01", datetime(2028, 3, 1, tzinfo=UTC)),
        ("2026-11-24", NOW),
        ("2028-03-01T12:00:00+02:00", datetime(2028, 3, 1, 10, tzinfo=UTC)),
        ("2028-03-01T12:00:00.5Z", datetime(2028, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_the_board_takes_a_day_or_a_time(text: str, moment: datetime) -> None:
    assert as_of_read(text, now=NOW) == moment


NONSENSE = [
    "soon", "2028", "2028-02-30", "2028-13-01", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00",
    "2028-03-01T12:00:00", "2028-03-01T12:00:00 02:00", "2026-11-01", "2028-03-01T25:00:00Z", "-1", "1e9", "\ud800", "\0", "٢٠٢٨-03-01x", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: repr(text)[:30])
def test_an_invalid_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2028-03-01"):
        as_of_read(text, now=NOW)


def test_the_picture_has_a_lane_for_each_kind_and_joins_close_marks() -> None:
    rows = [
        row(-1, by_hand("")), row(10, by_hand("")), row(11), row(40 * 365, by_hand("")),
        row(1825, by_itself("", NOW + 900 * DAY), kind="root"),
    ]  # fmt: skip
    counts = Counts(rows, [], {})
    drawn = timeline(counts.groups, counts.dues, NOW)
    assert [lane.label for lane in drawn.lanes] == ["root", "client"]
    assert [(mark.shape, mark.count) for mark in drawn.lanes[1].marks] == [("hand", ""), ("hand", "1/2"), ("hand", "")]
    root_due, root_end = drawn.lanes[0].marks
    assert (root_due.shape, root_end.shape, drawn.root_ends) == ("due", "itself", [root_end.x])
    assert [tick.label for tick in drawn.ticks][::5] == ["Nov ’26", "Nov ’31"]
    assert "client: 4, expiring 23 Nov 2026 to" in drawn.description
    assert timeline([], [], NOW).lanes == []


@pytest.mark.parametrize("days", [0, 40, 340, 400, 1500])
def test_totals_and_picture_count_what_the_list_has(zone: TrustZone, days: int) -> None:
    now = timezone.now()
    every = Everything(SYSTEM, now, now + days * DAY)
    rows = every.built(ExpiryRows(every).part(size=500).rows)
    for requiring in (False, True):
        listed = Counter(made.bucket for made in rows if made.needs_a_hand or not requiring)
        assert every.totals.by_bucket(by_hand=requiring) == dict.fromkeys(lifetime.BUCKET_NAMES, 0) | listed
    assert sum(group.count for group in every.counts.groups) == len(rows)
    assert sum(group.by_hand for group in every.counts.groups) == sum(made.needs_a_hand for made in rows)
    acting = [made for made in rows if made.before]
    assert every.totals.coming == (sum(not made.needs_a_hand for made in acting), sum(made.needs_a_hand for made in acting))
    assert every.totals.kinds == {made.kind for made in rows}


def test_the_picture_is_a_part_of_the_board_and_a_page(zone: TrustZone, client: Client) -> None:
    page = client.get("/expiry/?as_of=2027-12-01", secure=True).content.decode()
    assert 'hx-get="/expiry/picture/?as_of=2027-12-01"' in page
    height = re.findall(r'<svg width="100%" height="(\d+)"', page)
    part = client.get("/expiry/picture/?as_of=2027-12-01", headers={"HX-Request": "true"}, secure=True).content.decode()
    assert part.startswith('<svg class="timeline"')
    assert re.findall(r'<svg class="timeline" width="100%" height="(\d+)"', part) == height
    assert "This day cannot be shown" in client.get("/expiry/picture/?as_of=soon", secure=True).content.decode()


@pytest.fixture
def client(db: None) -> Client:
    """An administrator's."""
    return factories.administrator("admin")


def test_the_board_lists_everything_by_expiry_date(zone: TrustZone, client: Client) -> None:
    admin, now = User.objects.get(username="admin"), timezone.now()
    factories.token(admin, "dashboard", lasts=10 * DAY, at=now)
    factories.token(admin, "pipeline", at=now)
    ApiToken.objects.filter(name="pipeline").update(expires_at=None)  # as tokens of earlier versions
    PeriodicWork.objects.create(name="verified backup", lease_until=now, last_success=now - DAY)
    answer = client.get(API).json()
    found = [
        (result["kind"], result["owner"], result["what_happens"], result["bucket"], result["due_at"] is not None)
        for result in answer["results"]
    ]
    assert found == [
        ("registration_password", "anna", "by_hand", "7_days", False),
        ("backup", "central", "by_hand", "7_days", False),
        ("token", "admin", "by_hand", "30_days", False),
        ("revocation_list", "central", "by_itself", "30_days", True),
        ("client", "calls", "by_itself", "1_year", True),
        ("client", "silent", "by_hand", "1_year", False),
        ("root", "central", "by_itself", "later", True),
        ("cluster", "central", "by_itself", "later", True),
    ]
    assert answer["totals"] == {"expired": 0, "7_days": 2, "30_days": 2, "90_days": 0, "1_year": 2, "later": 2}
    assert [(result["kind"], result["subject"]) for result in answer["without_end"]] == [("token", "pipeline")]
    assert "list 2" in answer["results"][3]["subject"]


def test_the_board_lists_browser_certificates_with_their_owners(zone: TrustZone, client: Client) -> None:
    now = timezone.now()
    for number, name in enumerate(("Web", "Nobody's")):
        BrowserCertificate.objects.create(
            name=name, source="uploaded", state="ready", thumbprint=f"{number}" * 40, sha256=f"{number}" * 64, not_before=now, created_at=now,
            not_after=now + (20 + number) * DAY,
        )  # fmt: skip
    BrowserCertificate.objects.create(name="Asked for", source="request", state="awaiting_answer", created_at=now)
    Node.objects.filter(name__in=("calls", "silent")).update(browser_thumbprint="0" * 40)
    Node.objects.filter(name="silent").update(is_central=True)
    found = [result for result in client.get(API).json()["results"] if result["kind"] == "server"]
    assert [(result["subject"], result["holder"], result["owner"], result["what_happens"], result["bucket"]) for result in found] == [
        ("Web", "calls, silent", "calls, silent, this console", "by_hand", "30_days"),
        ("Nobody's", "", "chosen for no node", "by_itself", "30_days"),
    ]
    assert b"browser-facing" in client.get("/expiry/").content


def test_the_board_of_another_day(zone: TrustZone, client: Client) -> None:
    answer = client.get(API, {"as_of": f"{timezone.now().year + 2}-03-01"}).json()
    calls = next(result for result in answer["results"] if result["owner"] == "calls")
    assert (calls["expiry_status"], calls["bucket"], calls["days_left"] < 0) == ("expired", "expired", True)
    assert calls["explanation"].startswith("Due before this day.")
    assert answer["as_of"].startswith(f"{timezone.now().year + 2}-03-01T00:00:00")


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: repr(text)[:30])
def test_no_day_breaks_api_or_page(zone: TrustZone, client: Client, text: str) -> None:
    encoded = {"as_of": text.encode("utf-8", "surrogatepass")}
    refused = client.get(API, encoded)
    assert (refused.status_code, refused.json()["type"], error_fields(refused.json())) == (400, "urn:trust-zone:invalid", ["as_of"])
    page = client.get("/expiry/", encoded | {"bucket": "7_days", "kind": "\0", "search": "x" * 500, "page": "99", "sort": "nothing"})
    assert page.status_code == 200
    assert "This day cannot be shown" in page.content.decode()


def test_the_page_filters_by_kind_bucket_and_text(zone: TrustZone, client: Client) -> None:
    for asked, count in (
        ({}, 6), ({"kind": "client"}, 2), ({"kind": "client", "happens": "by_hand"}, 1), ({"bucket": "7_days"}, 1), ({"search": "SILENT"}, 1),
        ({"search": "nowhere"}, 0), ({"kind": "nothing"}, 6), ({"sort": "-due_at"}, 6), ({"sort": "subject"}, 6),
    ):  # fmt: skip
        content = client.get("/expiry/", asked).content.decode()
        assert re.search(r'role="status">\s*(\d+) expiry date', content)[1] == str(count), asked
        assert "style=" not in content
        assert "no verified backup yet" in content


def test_the_board_follows_permissions(zone: TrustZone) -> None:
    user = User.objects.create_user("reader")
    client = Client()
    client.force_login(user)
    factories.token(user, "reader's", at=timezone.now())
    assert client.get(API).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_certificate"))
    answer = client.get(API).json()
    assert {result["kind"] for result in answer["results"]} == {"root", "cluster", "client", "revocation_list"}
    assert [result["kind"] for result in answer["without_end"]] == ["backup"]
    assert client.get("/expiry/").status_code == 200


def test_a_rotation_of_the_root_replaces_its_leaf_certificates(zone: TrustZone) -> None:
    old = Certificate.objects.get(kind="root")
    new = certificate("root", uuid.uuid4(), months=60)
    rotation = Rotation.objects.create(kind="root", to_version=2, actor="anna", created_at=timezone.now(), from_root=old)
    assert renewal_basis(zone) == RenewalBasis(60, True, old, old, old.pk)
    rotation.to_root = new
    rotation.save()
    assert renewal_basis(zone) == RenewalBasis(60, True, old, new, old.pk)
    rotation.switched_at = timezone.now()
    rotation.save()
    assert renewal_basis(zone) == RenewalBasis(60, True, new, new, old.pk)


@pytest.mark.django_db
def test_a_token_that_expired_is_refused_and_says_so() -> None:
    user, now = User.objects.create_superuser("admin"), timezone.now()
    token = factories.token(user, "dashboard", lasts=DAY, at=now)
    headers = {"Authorization": f"Token {token}"}
    assert Client(headers=headers).get("/api/v1/nodes/").status_code == 200
    ApiToken.objects.update(expires_at=now - timedelta(seconds=1))
    refused = Client(headers=headers).get("/api/v1/nodes/")
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:trust-zone:not-authenticated")
    assert re.search(r"dashboard, expired on \d+ \w+ \d{4}, \d\d:\d\d UTC\. Make one on the page of your account", refused.json()["detail"])


@pytest.mark.django_db
def test_a_token_has_the_requested_days_or_ninety(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmc.management.site.database_require", lambda **_: None)  # the tests' database is in memory
    User.objects.create_superuser("admin")
    out = StringIO()
    call_command("create_token", "admin", "--name", "plain", stdout=out)
    call_command("create_token", "admin", "--name", "short", "--days", "30", stdout=out)
    plain, short = ApiToken.objects.order_by("created_at")
    assert plain.expires_at - plain.created_at == 90 * DAY
    assert short.expires_at - short.created_at == 30 * DAY
    assert re.fullmatch(r"(qmc_[0-9a-f]{72}\n){2}", out.getvalue())
    for nonsense in ("0", "-1", "x", "1.5", "3651", "99999999999", "٣"):
        with pytest.raises(CommandError, match="Without this option, the token lasts 90 days"):
            call_command("create_token", "admin", "--name", "x", f"--days={nonsense}")


def test_an_expired_root_is_not_replaced_automatically() -> None:
    over = ROOT.not_after + DAY
    for wording in (
        root_expiry_wording(ROOT, BASIS, now=over),
        leaf_expiry_wording(leaf(60), leaf_due(leaf(60), BASIS), BASIS, who="rim1", now=over),
    ):
        assert (wording.happens, "Recreate the root" in wording.text) == ("by_hand", True)


def test_an_expired_certificate_of_a_node_needs_a_redistribution() -> None:
    own = leaf(12, generation=2, not_after=NOW - DAY)
    wording = node_expiry_wording(own, node(), None, leaf_due(own, BASIS), BASIS, now=NOW)
    assert (wording.happens, "Redistribute the node" in wording.text) == ("by_hand", True)


def test_overview_and_board_name_the_same_next_expiry(zone: TrustZone, client: Client) -> None:
    now = timezone.now()
    node = Node.objects.get(name="silent")
    node.browser_thumbprint = "ab" * 32
    node.save()
    for name, days, sha256 in (("chosen", 19, "ab" * 32), ("spare", 3, "cd" * 32)):
        BrowserCertificate.objects.create(
            name=name,
            source="uploaded",
            state="ready",
            sha256=sha256,
            not_before=now - DAY,
            not_after=now + days * DAY,
            actor="ann",
            created_at=now,
        )
    board = expiry_board(Everything(SYSTEM, now, now))
    assert board.next is not None
    page = client.get("/overview/next-expiry/", secure=True).content.decode()
    assert board.next.thing in page
    assert "spare" not in page.partition("Next expiry")[2].partition("</section>")[0]
    Certificate.objects.filter(kind="root").update(not_after=now - 2 * DAY)
    card = client.get("/", secure=True).content.decode().partition("Root CA</h2>")[2].partition("</section>")[0]
    assert "expired 2 days ago" in card
    assert "big-red" in card
