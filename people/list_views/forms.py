"""The forms of saved views."""

from django import forms

from web.forms import ServiceForm, checkbox, text_input


class ViewForm(ServiceForm):
    name = forms.CharField(
        label="Name", max_length=60, widget=text_input("engines in Berlin"), error_messages={"required": "Give the view a name."},
        help_text="It is shown above the list.",
    )  # fmt: skip
    shared = forms.BooleanField(
        label="Show it to everybody", required=False, widget=checkbox(), help_text="Others see the view, and the rows that they may see. Only you change it.",
    )  # fmt: skip


class NewViewForm(ViewForm):
    with_columns = forms.BooleanField(
        label="With my columns", required=False, initial=True, widget=checkbox(), help_text="Without this, each person sees the view with their own columns.",
    )  # fmt: skip
