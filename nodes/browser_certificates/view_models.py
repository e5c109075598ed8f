"""The browser certificate of a node: the chosen one, the one in use, and why they differ."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, Window
from django.db.models.functions import RowNumber

from certs.certificates.issuer import roots_in_force
from certs.models import Certificate
from nodes.browser_certificates.fits import NodeFit
from nodes.browser_certificates.services import MOST_NAMED, choice_for, chosen_by, chosen_certificate
from nodes.browser_certificates.verdict import blockers_when_chosen, findings
from nodes.models import BrowserCertificate, Node
from nodes.observation.served_certificates import PATIENCE
from pki.core.findings import Finding
from pki.foreign import browser_choice as choices
from pki.foreign.remedies import Remedy
from web.lists.counts import Computed
from web.words import counted

MOST_NAMES = 5
FITS = {
    NodeFit.USES: "use it.",
    NodeFit.COVERED: "can use it: it covers a name of them.",
    NodeFit.OTHER: "cannot use it, because it covers no name of them. A wildcard covers only one label.",
}
FITS_ONE = {
    NodeFit.USES: "uses it.",
    NodeFit.COVERED: "can use it: it covers a name of it.",
    NodeFit.OTHER: "cannot use it, because it covers no name of it. A wildcard covers only one label.",
}
# The problem that the node reports → its meaning, and what to do.
WHY: dict[str, tuple[str, str]] = {
    choices.NO_SUCH_THUMBPRINT: ("there is no certificate with this thumbprint in the console", Remedy.UPLOAD_CHOSEN),
    choices.NO_PRIVATE_KEY: ("the private key of the certificate cannot be decrypted", Remedy.UPLOAD_WITH_KEY),
    choices.EXPIRED: ("it has expired", Remedy.SUCCESSOR),
    choices.NOT_VALID_YET: ("it is not valid yet by the node's clock", Remedy.WAIT_OR_SET_CLOCK),
    choices.NAME_DOES_NOT_MATCH: ("it covers none of the node's names", Remedy.NAME_OF_NODE),
    choices.UNREADABLE: ("the node cannot load it", Remedy.UPDATE_AGENT),
}


@dataclass(frozen=True)
class BrowserStatus:
    """`state` is none, on_its_way, in_use or fallen_back. Of the services that the agent checks, `serves` are those that serve the
    installed certificate, and `others` those that do not."""

    state: str
    text: str
    remedy: str = ""
    problem: str = ""
    thumbprint: str = ""
    since: datetime | None = None
    certificate: BrowserCertificate | None = None
    serves: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def is_unserved(self, now: datetime) -> bool:
        """Whether a proxy has probably not loaded it, although there was enough time."""
        late = self.since is not None and now - self.since > PATIENCE
        return late and self.state == "in_use" and bool(self.others) and not self.serves

    @property
    def color(self) -> str:
        return {"none": "grey", "on_its_way": "blue", "in_use": "green", "fallen_back": "orange"}[self.state]


def browser_status(node: Node, *, chosen: BrowserCertificate | None = None) -> BrowserStatus:
    """The state of the choice for `node`, from its last heartbeat. `chosen` is the chosen certificate if the caller has already loaded it."""
    return _status_of(node, chosen or chosen_certificate(node), None)


def browser_statuses(nodes: Collection[Node]) -> list[tuple[Node, BrowserStatus]]:
    """The same for each of `nodes`, in two queries. Select the observations with the nodes."""
    thumbprints, roots = {node.browser_thumbprint for node in nodes} - {""}, roots_in_force()
    ready = BrowserCertificate.objects.ready().filter(Q(thumbprint__in=thumbprints) | Q(sha256__in=thumbprints)).exclude(sha256="")
    chosen = {thumbprint: certificate for certificate in ready for thumbprint in (certificate.thumbprint, certificate.sha256)}
    return [(node, _status_of(node, chosen.get(node.browser_thumbprint), roots)) for node in nodes]


def _status_of(node: Node, certificate: BrowserCertificate | None, roots: Sequence[Certificate] | None) -> BrowserStatus:
    seen, choice = node.observed, choice_for(node, certificate)
    if choice is None and seen is not None and seen.browser.get("revision"):
        return BrowserStatus("on_its_way", "The node returns to the trust zone's own service certificate at its next call.")
    if choice is None:
        return BrowserStatus("none", "The node serves the trust zone's own service certificate, because no other certificate is chosen.")

    def status(state: str, text: str, remedy: str = "", problem: str = "") -> BrowserStatus:
        installed = seen.installed.get("browser") if seen else None
        watched = {name: sha256 for name, sha256 in (seen.served if seen else {}).items() if name != "service" and sha256}
        serves = sorted(name for name, sha256 in watched.items() if sha256 == installed)
        others = sorted({*watched} - {*serves})
        return BrowserStatus(
            state, text, remedy, problem, choice.thumbprint, node.browser_chosen_at, certificate, tuple(serves), tuple(others)
        )

    if seen is None:
        return status("on_its_way", "The node has not called yet. It gets the choice at its first call.")
    if not seen.browser:
        return status(
            "on_its_way",
            "The node's agent has not reported on the choice yet.",
            "If this does not change, update the agent. Older agents do not support browser certificates.",
        )
    if seen.browser["revision"] != choice.revision:
        return status(
            "on_its_way",
            "The node gets the choice at its next call.",
            "If this does not change, check that its agent runs, and see the agent's log.",
        )
    if seen.browser["problem"]:
        why, remedy = WHY[seen.browser["problem"]]
        # The key is not sent, and the node knows no other reason.
        blocked = blockers_when_chosen(node, certificate, roots=roots) if certificate is not None else []
        if blocked:
            why, remedy = f"the console does not send this certificate. {blocked[0].title.removesuffix('.')}", blocked[0].remedy
        return status("fallen_back", f"The node serves the trust zone's certificate instead: {why}.", remedy, seen.browser["problem"])
    if certificate is not None and seen.installed.get("browser") == certificate.sha256:
        return status("in_use", "The node has the certificate and uses it for browsers.")
    return status("on_its_way", "The node has fetched the certificate, but has not reported yet that it is installed.")


def _thumbprints(certificates: Iterable[BrowserCertificate]) -> list[str]:
    return [text for row in certificates if row.is_ready for text in (row.thumbprint, row.sha256) if text]


def choosers_counted(certificates: Sequence[BrowserCertificate]) -> dict[uuid.UUID, str]:
    """The first node that has chosen each certificate, and the number of others, in words; one query."""
    nodes = Node.objects.present().filter(browser_thumbprint__in=_thumbprints(certificates)).order_by()
    counts = {text: (first, count) for text, first, count in nodes.values_list("browser_thumbprint").annotate(Min("name"), Count("pk"))}
    found: dict[uuid.UUID, str] = {}
    for row in certificates:
        pairs = [counts[text] for text in _thumbprints([row]) if text in counts]
        others = sum(count for _, count in pairs) - 1
        found[row.pk] = min((first for first, _ in pairs), default="") + (f" and {others} more" if others > 0 else "")
    return found


@dataclass(frozen=True)
class Choosers:
    """The first nodes that have chosen a certificate, by name, and the number of all."""

    names: tuple[str, ...] = ()
    count: int = 0
    has_central: bool = False

    @property
    def words(self) -> str:
        return ", ".join(self.names[:MOST_NAMES]) + f" and {self.count - MOST_NAMES} more" * (self.count > MOST_NAMES)

    def __add__(self, other: "Choosers") -> "Choosers":
        return Choosers((*self.names, *other.names), self.count + other.count, self.has_central or other.has_central)


def choosers_named(certificates: Iterable[BrowserCertificate]) -> dict[uuid.UUID, Choosers]:
    """The nodes that have chosen each certificate, by the certificate's id; one query."""
    certificates = list(certificates)
    of_one: dict[str, Any] = {"partition_by": "browser_thumbprint"}
    nodes = (
        Node.objects.present()
        .filter(browser_thumbprint__in=_thumbprints(certificates))
        .annotate(
            place=Window(RowNumber(), order_by=("name", "pk"), **of_one),
            count=Window(Count("pk"), **of_one),
            centrals=Window(Count("pk", filter=Q(is_central=True)), **of_one),
        )
    )
    found: dict[str, Choosers] = defaultdict(Choosers)
    rows = nodes.filter(place__lte=MOST_NAMES).order_by("place")
    for text, name, count, centrals in rows.values_list("browser_thumbprint", "name", "count", "centrals"):
        found[text] = Choosers((*found[text].names, name), count, centrals > 0)
    return {row.pk: sum((found[text] for text in _thumbprints([row])), Choosers()) for row in certificates}


def choosers(certificates: Iterable[BrowserCertificate]) -> dict[str, list[Node]]:
    """The nodes that have chosen each certificate, by the certificate's id; one query."""
    by_thumbprint: dict[str, list[Node]] = {}
    certificates = list(certificates)
    for node in Node.objects.present().filter(browser_thumbprint__in=_thumbprints(certificates)):
        by_thumbprint.setdefault(node.browser_thumbprint, []).append(node)
    return {
        str(certificate.pk): [*by_thumbprint.get(certificate.thumbprint, []), *by_thumbprint.get(certificate.sha256, [])]
        if certificate.is_ready
        else []
        for certificate in certificates
    }


@dataclass(frozen=True)
class CertificatePage:
    """A browser certificate or a request. A request has no findings and no nodes. The counts are of nodes that use it, or can use it, and of all."""

    certificate: BrowserCertificate
    findings: Sequence[Finding] = ()
    counts: Mapping[NodeFit, int] = field(default_factory=dict)
    saved: str = ""
    error: str = ""

    @property
    def blocked(self) -> bool:
        return any(finding.level == "blocker" for finding in self.findings)

    @property
    def groups(self) -> list[tuple[str, str, str]]:
        """Each kind of node that there is: its filter, its number, and what it can do."""
        found = [(fit, count) for fit, count in self.counts.items() if count]
        return [(fit.name.lower(), counted(count, "node"), (FITS_ONE if count == 1 else FITS)[fit]) for fit, count in found]


def certificate_page(certificate: BrowserCertificate, fits: Computed | None, *, new: bool, error: str, now: datetime) -> CertificatePage:
    """If the certificate is `new`, the page says that it was saved, and what follows. `fits` is its `fit_column`; None for a request."""
    if fits is None:
        return CertificatePage(certificate, error=error)
    counts = {NodeFit(fit): count for fit, count in fits.counts(NodeFit).items()}
    page = CertificatePage(certificate, findings(certificate, now=now), counts, error=error)
    return replace(page, saved=_saved(page, counts[NodeFit.USES] > 0)) if new else page


def _saved(page: CertificatePage, chosen: bool) -> str:
    if page.blocked:
        return "Saved, but the certificate cannot be used. See the results of the checks."
    return f"Saved. {'Nodes that have chosen it get it at their next call.' if chosen else 'No node uses it until you choose it below.'}"


@dataclass(frozen=True)
class ConsoleCard:
    """The browser certificate of the central node, which the console uses too."""

    node: Node
    status: BrowserStatus


@dataclass(frozen=True)
class DeletionPage:
    """A certificate or request to delete. While nodes use it (`count` of them, of which `nodes` are the first), it is not deleted."""

    certificate: BrowserCertificate
    nodes: list[Node]
    count: int
    error: str

    @property
    def more(self) -> int:
        return self.count - len(self.nodes)


def deletion_page(certificate: BrowserCertificate, *, error: str) -> DeletionPage:
    nodes = chosen_by(certificate)
    return DeletionPage(certificate, list(nodes[:MOST_NAMED]), nodes.count(), error)


@dataclass(frozen=True)
class ChoicePage:
    """The choice of a browser certificate for a node; `findings` are the reasons why a choice was refused."""

    node: Node
    subtitle: str
    status: BrowserStatus
    findings: Sequence[Finding] = ()


def choice_page(node: Node) -> ChoicePage:
    console = " · this console uses it too" if node.is_central else ""
    names = ", ".join([node.host_name, *node.subject_alternative_names])
    return ChoicePage(node, f"{names}{console}", browser_status(node))
