"""Words for what will happen to roots and to the certificates that they issued. Pure: it takes rows and `now`."""

from datetime import datetime

from attention.expiring import ExpiryWording, by_hand, by_itself
from certs.lifetime.renewal_forecast import Due, RenewalBasis
from certs.models import Certificate
from pki.core import clocks, lifetime


def root_expiry_wording(root: Certificate, basis: RenewalBasis, *, now: datetime) -> ExpiryWording:
    """The consequence of the root's expiry, in words."""
    if root.has_expired(now):
        return by_hand(
            "It has expired, so no certificate that it issued is accepted. Recreate the root. Every node then needs a new password."
        )
    if root.pk == basis.leaving_id:
        return by_itself(
            "A rotation to another root is in progress. This root is removed when every node presents certificates of the new one."
        )
    due = lifetime.root_due_at(root.not_before, root.not_after)
    if basis.rotates_by_itself:
        return by_itself("Replaced automatically at half its lifetime, without an interruption.", due)
    return by_hand(
        f"Automatic rotation is off. Rotate the root before {clocks.day(due)}, half its lifetime. After that, new certificates get shorter and shorter lifetimes."
    )


def leaf_expiry_wording(certificate: Certificate, due: Due | None, basis: RenewalBasis, *, who: str, now: datetime) -> ExpiryWording:
    """The next step for a leaf certificate that can be renewed, in words. `who` must call to get the new one."""
    if basis.issuer_has_expired(now):
        return by_hand("Its root has expired, so it cannot be renewed. Recreate the root.")
    if certificate.issuer_id is not None and certificate.issuer_id == basis.leaving_id:
        return by_itself("Replaced in the rotation of the root that is in progress.")
    if due is None:
        return by_hand("Its root expires soon, so a renewal would gain nothing, and automatic rotation is off. Rotate the root.")
    if due.with_root:
        return by_itself(
            "It expires with its root. Replaced with the next root." if _cut(certificate) else "Replaced with the next root.", due.at
        )
    return by_itself(f"Renewed automatically when {who} calls." if who else "Renewed automatically.", due.at)


def _cut(certificate: Certificate) -> bool:
    return certificate.issuer is not None and certificate.not_after == certificate.issuer.not_after
