"""Tag many nodes, and the states of nodes in bulk work."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from audit.actors import Actor
from bulk.actions import Action, ActionForm, Done, Row, action_register, subject_of
from bulk.models import BulkItem
from nodes.inventory.change import node_change
from nodes.inventory.forms import tags_typed
from nodes.inventory.tags import tags_problems
from nodes.models import Node
from nodes.states import NodeState
from web.forms import text_input


def node_states(subjects: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The states of nodes now."""
    return dict(Node.objects.filter(pk__in=subjects).values_list("pk", "state"))


def _tags(label: str, placeholder: str, help_text: str) -> forms.CharField:
    return forms.CharField(label=label, required=False, widget=text_input(placeholder), help_text=help_text)


class TagForm(ActionForm):
    add = _tags("Add tags", "prod, rack-7", "With commas or spaces between them. Nodes keep their other tags.")
    remove = _tags("Remove tags", "rack-6", "Nodes that do not have them stay as they are.")

    def _clean(self, name: str) -> list[str]:
        tags = tags_typed(self.cleaned_data[name])
        if problems := [*tags_problems(tags)]:
            raise forms.ValidationError(problems)
        return tags

    def clean_add(self) -> list[str]:
        return self._clean("add")

    def clean_remove(self) -> list[str]:
        return self._clean("remove")

    def clean(self) -> None:
        if not self.errors and not self.cleaned_data["add"] and not self.cleaned_data["remove"]:
            raise forms.ValidationError("Give a tag to add or to remove.")


def _rows(subjects: Sequence[uuid.UUID], now: datetime) -> list[Row]:
    nodes = Node.objects.filter(pk__in=subjects)
    return [Row(node.pk, node.name, "It is decommissioned." if node.state == NodeState.DECOMMISSIONED else "") for node in nodes]


def _tag(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    node = subject_of(item, Node.objects.all())
    kept = [tag for tag in node.tags if tag not in parameters["remove"]]
    changed = node_change(actor=actor, node=node, now=now, tags=[*kept, *parameters["add"]])
    return Done(f"Its tags are {', '.join(changed.tags)}." if changed.tags else "It has no tags.")


action_register(
    Action(
        "nodes.tag",
        "nodes.change_node",
        "Tag",
        "node",
        _tag,
        list="nodes",
        effect="Tags change no certificate.",
        rows=_rows,
        page="nodes:detail",
        form=TagForm,
    )
)
