"""What the forms of all pages share."""

from django import forms

from web.errors import InputInvalid


class ServiceForm(forms.Form):
    """A form whose rules are a service's."""

    def refuse(self, exc: InputInvalid) -> None:
        """Put what a service refused beside the fields it is about."""
        for field, texts in exc.errors.items():
            for text in texts:
                self.add_error(field if field in self.fields else None, text)


def text_input(placeholder: str) -> forms.TextInput:
    """For names and addresses, which no browser is to guess or mend."""
    attrs = {"class": "form-control", "placeholder": placeholder, "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
    return forms.TextInput(attrs=attrs)
