"""The form of a channel: its fields are those of its kind. It checks only the shape of the input; the service checks the rules."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from alerts.channels.kinds import Field, Kind
from alerts.channels.services import CHECKPOINTS, STATE_CHANGES
from alerts.models import Channel
from web.forms import ServiceForm, checkbox, lines_input, secret_input, select, text_input
from web.templatetags.console import commands

CLEAR = "clear_"
STATE_CHANGE_WORDS = {name: f"changes of state of {name}" for name in STATE_CHANGES} | {CHECKPOINTS: "checkpoints of the audit log"}


def _help(field: Field, *, is_stored: bool) -> SafeString:
    text = commands("It is set. Leave this field empty to keep it." if is_stored else field.help_text)
    examples = format_html_join("", "<li>{}: {}</li>", field.examples.items())
    return text if is_stored or not examples else format_html("{} Examples:<ul>{}</ul>", text, examples)


def _field(field: Field, *, is_stored: bool) -> forms.Field:
    common: dict[str, Any] = {
        "label": field.label,
        "required": field.is_required and not is_stored,
        "help_text": _help(field, is_stored=is_stored),
        "initial": "" if field.is_secret else field.default,
        "error_messages": {"required": f"Enter a value for “{field.label}”."},
    }
    if field.choices:
        return forms.ChoiceField(choices=list(field.choices.items()), widget=select(), **common)
    widget: forms.Widget = text_input("")
    if field.is_secret:
        widget = secret_input("new-password")
    elif field.lines:
        widget = lines_input(3)
    return forms.CharField(strip=not field.is_secret, widget=widget, **common)


class ChannelForm(ServiceForm):
    """`stored` are the secrets that the channel has. They are never filled in; those that are optional can be removed."""

    changes_object = True

    name = forms.CharField(
        label="Name", widget=text_input("Mail to operations"), max_length=100,
        help_text="What you call this channel. The name must be unique.",
        error_messages={"required": "Enter a name for the channel."},
    )  # fmt: skip

    def __init__(self, data: Any, *, kind: Kind, channel: Channel | None = None, stored: Collection[str] = ()) -> None:
        initial = {"name": kind.label, "enabled": True}
        if channel is not None:
            initial = {"name": channel.name, "enabled": channel.enabled, "state_changes": channel.state_changes} | channel.values
        super().__init__(data, initial=initial)
        self.kind = kind
        for field in kind.fields:
            self.fields[field.name] = _field(field, is_stored=field.name in stored)
            if field.name in stored and not field.is_required:
                self.fields[CLEAR + field.name] = forms.BooleanField(
                    label=f"Remove the {field.label.lower()}",
                    required=False,
                    widget=checkbox(),
                    help_text="The stored one is deleted. If the channel must have one, the console generates another.",
                )
        if kind.sends_state_changes:
            self.fields["state_changes"] = forms.MultipleChoiceField(
                label="Also send", required=False, choices=list(STATE_CHANGE_WORDS.items()),
                widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
                help_text="For programs that follow the site: each once and in order, beginning with the next one.",
            )  # fmt: skip
        self.fields["enabled"] = forms.BooleanField(
            label="On",
            required=False,
            widget=checkbox(),
            help_text="While it is off, nothing is sent to it, and no new messages are queued.",
        )

    def clean(self) -> dict[str, Any]:
        for name in self.fields:
            if name.startswith(CLEAR) and self.cleaned_data.get(name) and self.cleaned_data.get(name.removeprefix(CLEAR)):
                self.add_error(name, "You also entered a new value. Clear the checkbox or the field.")
        return self.cleaned_data

    def fields_of_channel(self) -> dict[str, Any]:
        """The fields as the service expects them: an empty secret keeps the stored one, its checkbox removes it."""
        given = self.cleaned_data
        values = {field.name: None if given.get(CLEAR + field.name) else given[field.name] for field in self.kind.fields}
        return {"name": given["name"], "enabled": given["enabled"], "state_changes": given.get("state_changes", []), "values": values}

    @property
    def hint(self) -> str:
        """What to do if it is refused. A secret that was typed is not kept."""
        typed = any(self[field.name].data for field in self.kind.fields if field.is_secret)
        again = ", and enter the secrets again, because they are not kept" if typed else ""
        return f"Correct the marked fields below{again}."
