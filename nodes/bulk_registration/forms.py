"""The form that takes a table of nodes, pasted or as a file."""

from django import forms

from nodes.bulk_registration.table import LARGEST_BYTES, MOST_LINES
from web.forms import ServiceForm, lines_input

EXAMPLE = "name,host_name,address,tags\nrim31,rim31.corp.example,10.4.2.31,prod rack-7\nrim32,rim32.corp.example,10.4.2.32,prod rack-7"


class TableForm(ServiceForm):
    table = forms.CharField(
        label="Table", required=False, strip=False, widget=lines_input(12, EXAMPLE),
        help_text=f"CSV with commas, semicolons or tabs. The first line has the names of the columns. At most {MOST_LINES:,} nodes.",
    )  # fmt: skip
    file = forms.FileField(
        label="CSV file", required=False, allow_empty_file=True, max_length=200,
        widget=forms.FileInput(attrs={"class": "form-control", "accept": ".csv,.tsv,.txt,text/csv"}),
        help_text=f"Instead of a pasted table. UTF-8, at most {LARGEST_BYTES // 1024} KiB.",
    )  # fmt: skip

    def content(self) -> bytes:
        """The file if one was chosen, else the pasted text."""
        if file := self.cleaned_data["file"]:
            return bytes(file.read(LARGEST_BYTES + 1))
        return self.cleaned_data["table"].encode("utf-8", "replace")  # type: ignore[no-any-return]  # a text
