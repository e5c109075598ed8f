"""Base classes of the forms of all pages."""

from django import forms

from web.errors import InputInvalid


class ServiceForm(forms.Form):
    """A form whose input a service validates."""

    def refuse(self, exc: InputInvalid) -> None:
        """Show the errors of a service beside their fields."""
        for field, texts in exc.errors.items():
            for text in texts:
                self.add_error(field if field in self.fields else None, text)


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
