"""The needs of the site's cluster certificate."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from attention.needs import Need, Severity, codes_register, needs_register
from certs.certificates.issuer import roots_in_force
from certs.models import TrustZone
from certs.roots.attention import zone_broken_need
from nodes.cluster.services import manual_status, site_answer
from sealing.errors import ZoneBroken

codes_register(
    {
        "cluster-certificate-missing": "some nodes need the cluster certificate by hand",
    }
)


@needs_register
def needs(now: datetime) -> Iterator[Need]:
    """Nodes on which a person must install it."""
    zone = TrustZone.objects.current()
    if zone is None or not site_answer(zone).required:
        return
    try:
        status = manual_status()
    except ZoneBroken as exc:
        if roots_in_force():  # certs.roots reports a missing root
            yield zone_broken_need(exc)
        return
    if status.todo:
        yield Need(
            "cluster-certificate-missing", Severity.WARNING, "",
            f"{len(status.todo)} of {len(status.registered)} nodes still need the QlikServiceCluster certificate",
            status.answer.reason, "Configure the certificate on each of these nodes.", reverse("cluster:manual"), "Configure",
        )  # fmt: skip
