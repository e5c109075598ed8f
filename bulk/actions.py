"""The actions that can be done to many rows. Each room registers its own, in its file `bulk`."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django import forms
from django.db.models import Model, QuerySet
from django.urls import reverse

from audit.actors import Actor
from bulk.errors import ActionUnknown, ItemRefused
from bulk.models import BulkItem
from jobs.registry import NameUnknown
from web.forms import ServiceForm, text_input
from web.lists.actions import ListAction, list_actions_register
from web.words import counted

M = TypeVar("M", bound=Model)
GONE = "It does not exist any more."


@dataclass(frozen=True)
class Row:
    """A row before the action. `refused` says why the action is not possible, and what to do first; empty if it is possible."""

    subject: uuid.UUID
    label: str
    refused: str = ""


@dataclass(frozen=True)
class Done:
    """The result of one row. `subject` is the object, if the action made it. `secret` is shown once to the person who began the work."""

    text: str
    subject: uuid.UUID | None = None
    secret: str = ""

    def __repr__(self) -> str:
        return f"<Done {self.text}>"


class ActionForm(ServiceForm):
    """What a person chooses for all rows of an action. On a page, what cannot be undone is confirmed with the text `typed`, the number of the rows."""

    def __init__(self, data: Any = None, *, typed: str = "") -> None:
        super().__init__(data)
        if typed:
            wrong = f"Type {typed}, the number of rows above."
            self.fields["typed"] = forms.RegexField(
                rf"^{typed}$", label=f"Type {typed} to confirm", help_text="You cannot undo this.", widget=text_input(""),
                error_messages={"required": wrong, "invalid": wrong},
            )  # fmt: skip

    def parameters(self) -> dict[str, Any]:
        """The values as JSON. Never a secret."""
        return {name: value for name, value in self.cleaned_data.items() if name != "typed"}


Rows = Callable[[Sequence[uuid.UUID], datetime], Sequence[Row]]
Ahead = Callable[[Sequence[BulkItem]], Mapping[uuid.UUID, Any]]
States = Callable[[Sequence[uuid.UUID]], Mapping[uuid.UUID, str]]
Run = Callable[[BulkItem, Mapping[str, Any], Actor, datetime], Done]


@dataclass(frozen=True)
class Action:
    """One action on many rows.

    `run` does it to one row, with the same service as the action on one object. By default it runs in the transaction that ends its item, so
    a worker that is killed leaves both or none. `atomic=False`: `run` waits for a network. It must be safe to repeat, with the id of the item as its request.
    `ahead` waits for the networks of a few rows at once, without the database; `run` finds its result for the row as `item.ahead`.
    `rows` says of objects whether the action is possible, with a fixed number of queries. It is None if the rows are not objects of a list.

    `verb` and `noun` make the title: Renew 12 nodes. `effect` is a sentence for the preview. `page` names the page of an object, and `states` has the states of
    objects now, which are shown beside their results.
    `next_page` names the page that goes on with the rows that are done, under `next_label`.
    `form` asks for parameters. `secret` names the secret of each row, such as password. With `danger`, a person types the number of rows.
    """

    name: str
    permission: str
    verb: str
    noun: str
    run: Run
    list: str = ""
    many: str = ""
    effect: str = ""
    rows: Rows | None = None
    page: str = ""
    states: States | None = None
    ahead: Ahead | None = None
    next_page: str = ""
    next_label: str = ""
    form: type[ActionForm] = ActionForm
    secret: str = ""
    atomic: bool = True
    danger: bool = False

    def title(self, number: int) -> str:
        return f"{self.verb} {counted(number, self.noun, self.many)}"


_actions: dict[str, Action] = {}


def action_register(action: Action) -> Action:
    """Raises: ValueError for a name in use, or for an action of a list that cannot show its rows."""
    if action.name in _actions:
        raise ValueError(f"The action {action.name} is registered already.")
    if bool(action.list) != bool(action.rows):
        raise ValueError(f"The action {action.name} needs both a list and its rows, or neither.")
    _actions[action.name] = action
    return action


def action_of_list(name: str) -> Action:
    """The action with this name, which a person can begin on rows of a list. Raises: ActionUnknown."""
    if name not in _actions or not _actions[name].list:
        known = ", ".join(sorted(action.name for action in _actions.values() if action.list))
        raise ActionUnknown(f"There is no action with this name. Use one of: {known}.")
    return _actions[name]


def action_of_work(name: str) -> Action:
    """The action of recorded work. Raises: NameUnknown if a newer version of the console recorded it."""
    if name not in _actions:
        raise NameUnknown(f"No action is registered as {name!r}. Start this worker from the newest version of the console.")
    return _actions[name]


def action_shown(name: str) -> Action | None:
    """The same for pages. None for the work of a newer version."""
    return _actions.get(name)


def actions_of(list_name: str) -> list[Action]:
    """The actions of one list, those that cannot be undone last."""
    return sorted((action for action in _actions.values() if action.list == list_name), key=lambda action: (action.danger, action.verb))


def subject_of(item: BulkItem, rows: "QuerySet[M]") -> M:
    """The object of an item. Raises: ItemRefused if it is gone."""
    found = rows.filter(pk=item.subject).first()
    if found is None:
        raise ItemRefused(GONE)
    return found


@list_actions_register
def _of_list(name: str, actor: Actor) -> list[ListAction]:
    may = [action for action in actions_of(name) if actor.has_perm(action.permission)]
    return [ListAction(action.name, action.verb, reverse("bulk:new"), action.danger) for action in may]
