"""View models of the pages of bulk work."""

from collections import Counter
from dataclasses import dataclass

from audit.actors import Actor
from bulk.actions import action_shown
from bulk.models import BulkItem, BulkWork
from bulk.services import has_secrets, may_take_secrets
from bulk.states import ItemState, WorkState
from web.words import counted


@dataclass(frozen=True)
class WorkPage:
    """The progress of the work. `secret` names what can be shown once, such as password; empty if there is nothing, or for another person."""

    work: BulkWork
    counts: Counter[str]
    secret: str
    can_cancel: bool

    @property
    def ended(self) -> int:
        return self.work.total - self.counts[ItemState.WAITING]

    @property
    def progress(self) -> str:
        """The result so far: 9 of 12 rows: 7 done, 2 refused."""
        results = [f"{self.counts[state]} {state.label}" for state in ItemState if state != ItemState.WAITING and self.counts[state]]
        numbers = f": {', '.join(results)}" if results else ""
        return f"{self.ended} of {counted(self.work.total, 'row')}{numbers}."


@dataclass(frozen=True)
class SecretsPage:
    """The page that shows the secrets of the work. `secrets` are there once."""

    work: BulkWork
    secret: str
    error: str = ""
    secrets: tuple[tuple[BulkItem, str], ...] = ()


def work_page(work: BulkWork, *, actor: Actor) -> WorkPage:
    action = action_shown(work.action)
    gives = action is not None and bool(action.secret) and may_take_secrets(actor, work) and has_secrets(work)
    cancels = work.state == WorkState.RUNNING and action is not None and actor.has_perm(action.permission)
    return WorkPage(work, work.counts(), action.secret if action and gives else "", cancels)
