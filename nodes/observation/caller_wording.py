"""Wording for calls that the database does not explain: what happened, the likely cause, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from attention.once import once
from nodes.models import CallerFinding, Node
from nodes.observation.callers import findings_all
from pki.core.clocks import stamp
from web.words import counted

Kind = CallerFinding.Kind
# The time that a finding is shown after its last call. Two callers are shown until a person or a registration resolves it.
SAID_FOR = {Kind.SUPERSEDED: timedelta(hours=1), Kind.UNKNOWN: timedelta(hours=1), Kind.DATABASE_OLDER: timedelta(days=1)}
RESTORED = "An older copy of the database was probably restored after this certificate was created."


@dataclass(frozen=True)
class CallerWords:
    """`code` is the code of the need. If `can_settle`, a person can confirm that only one machine calls."""

    finding: CallerFinding
    code: str
    title: str
    text: str
    remedy: str
    can_settle: bool = False


def is_said(finding: CallerFinding, now: datetime) -> bool:
    limit = SAID_FOR.get(Kind(finding.kind))
    return limit is None or now - finding.last_at < limit


def caller_words(finding: CallerFinding, now: datetime) -> CallerWords:
    """Raises: KeyError for a finding without a node, unless its certificate is unknown."""
    return WORDS[Kind(finding.kind)](finding, now)


def _place(address: str) -> str:
    return address or "an unknown address"


def _two_callers(finding: CallerFinding, now: datetime) -> CallerWords:
    calls = f"{counted(finding.count, 'such call')} since {stamp(finding.first_at)}"
    before = (
        f"the call before it from {_place(finding.other_address)} at {stamp(finding.other_at)}" if finding.other_at else "no call before it"
    )
    alternate = (
        "The calls keep alternating, so two machines call."
        if finding.count > 2
        else "If no more such calls arrive, the machine was restored."
    )
    return CallerWords(
        finding, "node-two-callers", f"Two machines call as {finding.node}, or it was restored",
        f"A call returned an answer that had been replaced. The last such call came from {_place(finding.address)} at {stamp(finding.last_at)}, {before}; {calls}. "
        f"{alternate} The node gets no new keys until you resolve this.",
        "If the machine was restored from a backup or a snapshot and only one copy runs, confirm this on the node's page. If it was copied, stop the agent of the "
        "copy, then redistribute the node. The copied certificates are then refused.", can_settle=True,
    )  # fmt: skip


def _superseded(finding: CallerFinding, now: datetime) -> CallerWords:
    node = finding.node
    assert node is not None
    seen = f"It calls from {_place(finding.address)}, most recently at {stamp(finding.last_at)}, and is refused."
    if node.online(now):
        remedy = "Stop the agent of the copy. If you do not know that machine, revoke the superseded certificates too."
        title, code = f"A copy of {node} calls with certificates that were replaced", "node-two-callers"
        return CallerWords(finding, code, title, f"{seen} The node itself calls with its newer certificates.", remedy)
    title = f"{node} was restored: it calls with certificates that were replaced"
    return CallerWords(
        finding, "node-put-back", title, f"{seen} Its machine was probably restored from a backup or a snapshot.",
        "Redistribute the node. Its agent waits for a new package. If this machine is a copy, stop its agent.",
    )  # fmt: skip


def _unknown(finding: CallerFinding, now: datetime) -> CallerWords:
    who = f"{finding.node} calls" if finding.node else f"A machine calls from {_place(finding.address)}"
    generation = f" It reports generation {finding.generation}." if finding.generation else ""
    remedy = (
        "Redistribute the node. Its agent waits for a new package."
        if finding.node
        else "Find the machine by its address, and redistribute its node."
    )
    return CallerWords(
        finding, "caller-unknown", f"{who} with a certificate that this database does not know",
        f"A current root signed the certificate. The last call came from {_place(finding.address)} at {stamp(finding.last_at)}, and was refused.{generation} {RESTORED}",
        f"{remedy} You can also restore a newer backup.",
    )  # fmt: skip


def _database_older(finding: CallerFinding, now: datetime) -> CallerWords:
    return CallerWords(
        finding, "database-put-back", f"The database is older than the data on {finding.node}",
        f"At {stamp(finding.last_at)} the node returned an answer that this database does not know. Probably "
        "an older copy of the database was restored.",
        "Nodes that were renewed in the meantime are listed too. Redistribute them. Repeat every revocation, decommissioning and change that was made after the copy.",
    )  # fmt: skip


WORDS = {Kind.TWO_CALLERS: _two_callers, Kind.SUPERSEDED: _superseded, Kind.UNKNOWN: _unknown, Kind.DATABASE_OLDER: _database_older}


@once
def findings_said(now: datetime, node: Node | None = None) -> list[CallerFinding]:
    """The findings to show now, of all nodes or of one."""
    found: Iterable[CallerFinding] = node.caller_findings.select_related("node__observation") if node is not None else findings_all()
    return [finding for finding in found if is_said(finding, now)]
