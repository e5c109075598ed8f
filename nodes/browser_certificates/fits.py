"""Which nodes use a browser certificate, or can use it. The database compares its names with the register of names."""

from collections.abc import Iterable, Iterator

from django.db.models import Case, IntegerChoices, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Length, StrIndex

from certs.models import HolderKind, NameClaim, NameHolder
from nodes.browser_certificates.services import chosen_by
from nodes.models import BrowserCertificate, Node
from pki.core.errors import PKIError
from web.lists.counts import Decided


class NodeFit(IntegerChoices):
    """In the order of the list."""

    USES = 1, "use it"
    COVERED = 2, "can use it"
    OTHER = 3, "cannot use it"


def fit_column(certificate: BrowserCertificate) -> Decided:
    """The nodes with their reports and a column `fit`, a NodeFit of `certificate`."""
    uses = Q(pk__in=chosen_by(certificate).order_by().values("pk"))
    covered = NameHolder.objects.filter(_covered(certificate), kind=HolderKind.NODE).order_by().values("holder_id")
    fit = Case(
        When(uses, then=Value(NodeFit.USES)),
        When(pk__in=covered, then=Value(NodeFit.COVERED)),
        default=Value(NodeFit.OTHER),
        output_field=IntegerField(),
    )
    nodes = Node.objects.present().with_report("installed", "served", "browser").annotate(fit=fit)
    return Decided(nodes, "fit", [*NodeFit], {NodeFit.USES: uses})


def _covered(certificate: BrowserCertificate) -> Q:
    """Holders of a name for which browsers accept the certificate: `pki.foreign.read.covers` as a condition."""
    try:
        leaf = certificate.path().leaf
    except PKIError:
        return Q(pk__in=[])
    names = {name.lower() for name in leaf.dns_names}
    claims = [NameClaim.objects.filter(name__in=names | {*leaf.addresses}), *_by_wildcard(names)]
    return Q(*(Q(claim__in=found.order_by().values("pk")) for found in claims), _connector=Q.OR)


def _by_wildcard(names: Iterable[str]) -> "Iterator[QuerySet[NameClaim]]":
    """Names with exactly one label in place of the wildcard, which is not directly below a top-level domain."""
    for rest in [name.removeprefix("*") for name in names if name.startswith("*.") and name.count(".") > 1]:
        below = NameClaim.objects.filter(name__endswith=rest).annotate(dot=StrIndex("name", Value(".")))
        yield below.filter(dot=Length("name") - (len(rest) - 1))
