"""What will happen to roots and to what they have issued, by itself or by hand, in words. Pure: rows and `now` in, words out."""

from datetime import datetime

from attention.expiring import Outlook, by_hand, by_itself
from certs.lifetime.renewal_forecast import Due, Standing
from certs.models import Certificate
from pki.core import clocks, lifetime


def root_outlook(root: Certificate, standing: Standing, *, now: datetime) -> Outlook:
    """The root's own end."""
    if root.has_expired(now):
        return by_hand("It has expired, so nothing that it issued is accepted. Recreate the root: every node then gets a new password.")
    if root.pk == standing.leaving_id:
        return by_itself("A rotation to another root is under way; this one is dropped when every node presents the other's certificates.")
    due = lifetime.root_due_at(root.not_before, root.not_after)
    if standing.rotates_by_itself:
        return by_itself("Replaced by itself at half its life, while everything runs.", due)
    return by_hand(
        f"The setting says by hand. Rotate the root by {clocks.day(due)}, half its life: the later, the shorter lives whatever it signs."
    )


def leaf_outlook(certificate: Certificate, due: Due | None, standing: Standing, *, who: str, now: datetime) -> Outlook:
    """A leaf that nothing keeps from being renewed when it is due; `who` must call for it."""
    if standing.issuer_has_expired(now):
        return by_hand("Its root has expired, so nothing can renew it. Recreate the root.")
    if certificate.issuer_id is not None and certificate.issuer_id == standing.leaving_id:
        return by_itself("Replaced in the rotation of the root that is under way.")
    if due is None:
        return by_hand(
            "Its root ends too soon for a renewal to gain anything, and the setting says that roots are replaced by hand. Rotate the root."
        )
    if due.with_root:
        return by_itself(
            "Its root’s end cuts it; replaced with the next root." if _cut(certificate) else "Replaced with the next root.", due.at
        )
    return by_itself(f"Renewed by itself when {who} calls." if who else "Renewed by itself.", due.at)


def _cut(certificate: Certificate) -> bool:
    return certificate.issuer is not None and certificate.not_after == certificate.issuer.not_after
