"""The filters of the list of browser certificates."""

from nodes.models import BrowserCertificate
from nodes.states import BrowserCertificateState
from web.lists.filters import Choice, Expiry, ListFilter, Search

STATES = [(BrowserCertificateState.READY.value, "ready"), (BrowserCertificateState.AWAITING_ANSWER.value, "waits for the answer")]


class BrowserCertificateFilter(ListFilter):
    search = Search("name", "subject", "names", numbers=("thumbprint", "sha256"))
    state = Choice("State", STATES, empty="any")
    expiry = Expiry()

    class Meta:
        model = BrowserCertificate
        fields: list[str] = []
