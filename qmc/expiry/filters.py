"""The filters of the expiry board."""

from attention.expiring import KINDS, Happens
from qmc.expiry.rows import Asked, ExpiryRows
from web.lists.filters import Choice, ListFilter, Search

BUCKET_WORDS = {
    "expired": "expired", "7_days": "within 7 days", "30_days": "within 30 days", "90_days": "within 90 days", "1_year": "within a year",
    "later": "later than a year",
}  # fmt: skip
HAPPENS_WORDS = {Happens.BY_HAND.value: "action required", Happens.BY_ITSELF.value: "automatic"}


class ExpiryFilter(ListFilter):
    search = Search()
    kind = Choice("Kind", KINDS.items(), empty="every kind")
    bucket = Choice("Expires", BUCKET_WORDS.items(), empty="at any time")
    happens = Choice("What happens", HAPPENS_WORDS.items(), empty="all", help_text="whether it is automatic or requires an action")

    @property
    def qs(self) -> ExpiryRows:
        """An unknown choice filters nothing."""
        self.form.is_valid()
        return ExpiryRows(self.queryset.every, Asked(**{name: value or "" for name, value in self.form.cleaned_data.items()}))
