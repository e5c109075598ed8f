"""The needs of the site's cluster certificate."""

from collections.abc import Iterator

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from certs.certificates.issuer import roots_in_force
from certs.roots.attention import zone_broken_need
from certs.zone.services import zone_founded
from nodes.cluster.services import manual_counts, site_answer
from sealing.errors import ZoneBroken

codes_register(
    {
        "cluster-certificate-missing": "some nodes need the cluster certificate by hand",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Nodes on which a person must install it."""
    zone = zone_founded()
    if zone is None or not (answer := site_answer(zone)).required:
        return
    try:
        todo, count = manual_counts()
    except ZoneBroken as exc:
        if roots_in_force():  # certs.roots reports a missing root
            yield zone_broken_need(exc)
        return
    if todo:
        yield Need(
            "cluster-certificate-missing", Severity.WARNING, "",
            f"{todo} of {count} nodes still need the QlikServiceCluster certificate",
            answer.reason, "Configure the certificate on each of these nodes.", reverse("cluster:manual"), "Configure",
        )  # fmt: skip
