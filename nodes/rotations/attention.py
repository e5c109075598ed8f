"""The needs of the rotation in progress."""

from collections.abc import Iterator

from django.urls import reverse

from attention.needs import Look, Many, Need, Severity, codes_register, needs_register
from certs.certificates.issuer import rotation_under_way
from certs.models import Rotation
from nodes.renewal.blocked_reason import Blocked
from nodes.rotations.affected_nodes import with_reasons
from nodes.rotations.database_key_view_models import key_nodes_awaited
from nodes.rotations.root_view_models import root_nodes_awaited

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
    url, what = reverse("roots:show" if of_the_root else "database_key:show"), "root" if of_the_root else "database key"
    if rotation.problem:
        remedy = "Open the page of the rotation, and follow its instructions."
        yield Need(
            "rotation-blocked", Severity.CRITICAL, what, f"The rotation of the {what} does not continue", rotation.problem, remedy, url,
            "Show rotation", rotation.created_at,
        )  # fmt: skip
    rows = (root_nodes_awaited if of_the_root else key_nodes_awaited)(rotation, now=now)
    blocked = rows.filter(blocked__lt=Blocked.NO).order_by("blocked", "name", "pk")
    found = with_reasons(blocked if look.most is None else blocked[: look.most])
    count = blocked.order_by().count() if len(found) == look.most else len(found)
    many = Many(f"The rotation of the {what} waits for {count} nodes", url, "Show rotation", "They cannot get new certificates now.")
    for row in found:
        remedy = "Reconnect the node, exclude it from the rotation, or decommission it."
        yield Need(
            "rotation-waits", Severity.WARNING, str(row.node), f"The rotation of the {what} waits for {row.node}", row.reason, remedy, url,
            "Show rotation", rotation.created_at, many=many,
        )  # fmt: skip
