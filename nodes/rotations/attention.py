"""The needs of the rotation in progress."""

from collections.abc import Iterator

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from certs.certificates.issuer import rotation_under_way
from certs.models import Rotation
from nodes.rotations.database_key_view_models import key_rotation
from nodes.rotations.root_view_models import root_rotation

codes_register(
    {
        "rotation-blocked": "a rotation cannot continue",
        "rotation-waits": "a rotation waits for a node",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """A rotation that is blocked or waits for a node."""
    now = look.now
    rotation = rotation_under_way()
    if rotation is None:
        return
    of_the_root = rotation.kind == Rotation.Kind.ROOT
    progress = root_rotation(rotation, now=now) if of_the_root else key_rotation(rotation, now=now)
    url, what = reverse("roots:show" if of_the_root else "database_key:show"), "root" if of_the_root else "database key"
    if rotation.problem:
        remedy = "Open the page of the rotation, and follow its instructions."
        yield Need(
            "rotation-blocked",
            Severity.CRITICAL,
            what,
            f"The rotation of the {what} does not continue",
            rotation.problem,
            remedy,
            url,
            "Show rotation",
            rotation.created_at,
        )
    for row in progress.waits:
        if row.blocked_reason:
            remedy = "Reconnect the node, exclude it from the rotation, or decommission it."
            yield Need(
                "rotation-waits",
                Severity.WARNING,
                str(row.node),
                f"The rotation of the {what} waits for {row.node}",
                row.blocked_reason,
                remedy,
                url,
                "Show rotation",
                rotation.created_at,
            )
