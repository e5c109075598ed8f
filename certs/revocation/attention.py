"""Needs of revocation lists."""

from collections.abc import Iterator

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from certs.revocation.lists import lists_stale
from pki.core import clocks

codes_register(
    {
        "revocation-list-overdue": "a revocation list was not signed again in time",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """A list was not signed again in time."""
    now = look.now
    for stale in lists_stale(now=now):
        yield Need(
            "revocation-list-overdue", Severity.WARNING, stale.root.subject, f"The revocation list of {stale.root.subject} is overdue",
            f"It should have been signed again by {clocks.stamp(stale.next_update)}. Nodes still use it. Programs that check strictly "
            "refuse every certificate of this root.",
            "Check that the worker runs, and read its log.", reverse("certs:detail", args=[stale.root_id]), "Show list", stale.next_update,
            about=frozenset({str(stale.pk)}), by_date=True,
        )  # fmt: skip
