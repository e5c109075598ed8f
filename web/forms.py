"""Base classes of the forms of all pages."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from web.errors import InputInvalid
from web.versions import version_of

CHANGED = (
    "This was changed after you opened the page, by another person or in another window. "
    "Compare the values, correct yours, then save: yours replace those that are saved now."
)


@dataclass(frozen=True)
class Conflict:
    """A field that was saved meanwhile with another value than the one that was sent."""

    label: str
    saved: str
    sent: str


class ServiceForm(forms.Form):
    """A form whose input a service validates.

    One that `changes_object` carries the version that the person has read. If another person has changed the object meanwhile, nothing is
    saved, and `conflicts` has both values. The initial values are those that are saved now.
    """

    changes_object: ClassVar[bool] = False
    conflicts: tuple[Conflict, ...] = ()

    @property
    def version(self) -> str:
        """What is saved now, as a digest; "" if the form changes no object."""
        if not self.changes_object:
            return ""
        return version_of(self._texts(saved=True))

    @property
    def status(self) -> int:
        """The status of the page that shows the form."""
        return 409 if self.conflicts else 400 if self.errors else 200

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and self.data.get("version", self.version) != self.version:
            saved, sent = self._texts(saved=True), self._texts(saved=False)
            self.conflicts = tuple(Conflict(str(self[name].label), saved[name], sent[name]) for name in saved if saved[name] != sent[name])
            if self.conflicts:
                self.add_error(None, CHANGED)

    def _texts(self, *, saved: bool) -> dict[str, str]:
        """The saved or the sent value of each field in words, without secrets."""
        fields = (self[name] for name, field in self.fields.items() if not isinstance(field.widget, forms.PasswordInput))
        return {field.name: _text(field.field, field.initial if saved else field.data) for field in fields}

    def refuse(self, exc: InputInvalid) -> None:
        """Show the errors of a service beside their fields."""
        for field, texts in exc.errors.items():
            for text in texts:
                self.add_error(field if field in self.fields else None, text)


def _text(field: forms.Field, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(sorted(_text(field, item) for item in value))
    if isinstance(field, forms.BooleanField):
        return "yes" if value else "no"
    labels = {str(key): str(label) for key, label in getattr(field, "choices", ()) if not isinstance(label, list | tuple)}
    text = "" if value is None else str(value).replace("\r\n", "\n").strip()
    return labels.get(text, text)


def text_input(placeholder: str) -> forms.TextInput:
    """Attributes for names and addresses, which browsers must neither suggest nor correct."""
    attrs = {"class": "form-control", "placeholder": placeholder, "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
    return forms.TextInput(attrs=attrs)


def lines_input(rows: int, placeholder: str = "") -> forms.Textarea:
    """The same for several lines."""
    attrs = {
        "class": "form-control",
        "rows": rows,
        "placeholder": placeholder,
        "autocomplete": "off",
        "autocapitalize": "off",
        "spellcheck": "false",
    }
    return forms.Textarea(attrs=attrs)


def secret_input(autocomplete: str = "off") -> forms.PasswordInput:
    """For a password or another secret. `autocomplete`: what a password manager may do (HTML, *autofill*)."""
    return forms.PasswordInput(attrs={"class": "form-control", "autocomplete": autocomplete})


def select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


def checkbox() -> forms.CheckboxInput:
    return forms.CheckboxInput(attrs={"class": "form-check-input"})
