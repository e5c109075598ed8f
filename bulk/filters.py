"""The filters of the rows of bulk work."""

from bulk.models import BulkItem
from bulk.states import ItemState
from web.lists.filters import Choice, ListFilter, Search


class BulkItemFilter(ListFilter):
    search = Search("label")
    state = Choice("Result", ItemState.choices, empty="any")

    class Meta:
        model = BulkItem
        fields: list[str] = []
