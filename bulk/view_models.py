"""View models of the pages of bulk work."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from audit.actors import Actor
from bulk.actions import Action, Row, action_shown
from bulk.models import BulkItem, BulkWork
from bulk.selection import Selection
from bulk.services import Preview, has_secrets, may_cancel, may_take_secrets
from bulk.states import ItemState
from web.words import counted


@dataclass(frozen=True)
class WorkPage:
    """The progress of the work. `secret` names what can be shown once, such as password; empty if there is nothing, or for another person.

    `next_url` is the page that goes on with the rows that are done; empty if there is none, or if the work has not ended.
    """

    work: BulkWork
    counts: Counter[str]
    secret: str
    can_cancel: bool
    next_url: str
    next_label: str

    @property
    def ended(self) -> int:
        return self.work.total - self.counts[ItemState.WAITING]

    @property
    def progress(self) -> str:
        """The result so far: 9 of 12 rows: 7 done, 2 refused."""
        results = [f"{self.counts[state]} {state.label}" for state in ItemState if state != ItemState.WAITING and self.counts[state]]
        numbers = f": {', '.join(results)}" if results else ""
        return f"{self.ended} of {counted(self.work.total, 'row')}{numbers}."


MOST_NAMED, MOST_REFUSED = 20, 10
CHANGED = "The list has changed since this page was opened. Nothing was done. Check the rows, then confirm again."


@dataclass(frozen=True)
class Refused:
    """Rows to which an action cannot be done, for one reason: the first names, and how many more."""

    reason: str
    count: str
    names: str
    more: int


@dataclass(frozen=True)
class NewPage:
    """An action before it begins: the rows to which it will be done, and those to which it cannot be done."""

    action: Action
    chosen: Selection
    possible: Sequence[Row] = ()
    refused: Sequence[Refused] = ()
    left_out: str = ""
    digest: str = ""
    error: str = ""

    @property
    def title(self) -> str:
        return self.action.title(len(self.possible))

    @property
    def back(self) -> str:
        return self.chosen.back(self.action)

    @property
    def first(self) -> list[tuple[str, str]]:
        """The names of the first rows, with the addresses of their pages."""
        page = self.action.page
        return [(row.label, reverse(page, args=[row.subject]) if page else "") for row in self.possible[:MOST_NAMED]]

    @property
    def further(self) -> list[str]:
        return [row.label for row in self.possible[MOST_NAMED:]]


@dataclass(frozen=True)
class SecretsPage:
    """The page that shows the secrets of the work. `secrets` are there once."""

    work: BulkWork
    secret: str
    error: str = ""
    secrets: tuple[tuple[BulkItem, str], ...] = ()


def new_page(preview: Preview, chosen: Selection, *, sent: Mapping[str, str] | None) -> NewPage:
    """`sent` is the form that confirms it. It must be about the rows that the person has seen."""
    action, number = preview.action, len(preview.possible)
    digest = hashlib.sha256(" ".join(str(row.subject) for row in preview.possible).encode()).hexdigest()[:32]
    error = CHANGED if sent is not None and sent.get("digest") != digest else ""
    refused = [
        Refused(reason, counted(len(rows), action.noun, action.many), ", ".join(row.label for row in rows[:MOST_REFUSED]), max(0, len(rows) - MOST_REFUSED))
        for reason, rows in preview.refused.items()
    ]  # fmt: skip
    left_out = counted(len(preview.rows) - number, action.noun, action.many)
    return NewPage(action, chosen, preview.possible, refused, left_out if refused else "", digest, error)


def work_page(work: BulkWork, *, actor: Actor) -> WorkPage:
    action = action_shown(work.action)
    gives = action is not None and bool(action.secret) and may_take_secrets(actor, work) and has_secrets(work)
    counts = work.counts()
    goes_on = (
        action is not None and action.next_page and not work.is_under_way and counts[ItemState.DONE] and actor.has_perm(action.permission)
    )
    following = (reverse(action.next_page, args=[work.pk]), action.next_label) if action and goes_on else ("", "")
    return WorkPage(work, counts, action.secret if action and gives else "", may_cancel(actor, work), *following)
