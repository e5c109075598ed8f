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
