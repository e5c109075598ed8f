"""The needs of browser certificates."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse

from attention.expiring import Expiring, ExpiringTable, by_hand, by_itself, table_register
from attention.needs import Look, Many, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from nodes.browser_certificates.view_models import BrowserStatus, Choosers, browser_statuses, choosers_named
from nodes.inventory.conditions import condition_register
from nodes.inventory.silence import observed
from nodes.models import BrowserCertificate, BrowserCertificateQuerySet, Node
from nodes.observation.served_certificates import PATIENCE
from nodes.states import NodeState
from pki.core import clocks
from pki.core.lifetime import ExpiryStatus
from web.words import plural

EXPIRES_SOON, LAST_WEEK = timedelta(days=30), timedelta(days=7)

codes_register(
    {
        "browser-certificate-not-used": "a node cannot use its browser certificate",
        "browser-certificate-not-served": "no program presents the browser certificate of a node",
        "browser-certificate-expiring": "a browser certificate expires within 30 days, or has expired",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Chosen browser certificates that are not used, not served, or expire soon."""
    unused, unserved = list(look.worst("browser-certificate-not-used")), list(look.worst("browser-certificate-not-served"))
    statuses = browser_statuses([*unused, *unserved]) if unused or unserved else []
    yield from _not_used(statuses[: len(unused)], look)
    yield from _not_served(statuses[len(unused) :], look)
    yield from _expiring(look)


@condition_register("browser-certificate-not-used", "browser_chosen_at", "{count} nodes do not use their browser certificates")
def not_used(now: datetime) -> Q:
    """Nodes that do not use their chosen browser certificate."""
    return _chosen() & observed(Q(browser_not_used=True))


@condition_register("browser-certificate-not-served", "browser_chosen_at", "{count} nodes have browser certificates that no service serves")
def not_served(now: datetime) -> Q:
    """Nodes with a browser certificate that no service has presented for longer than a reload takes."""
    return _chosen() & Q(browser_chosen_at__lt=now - PATIENCE) & observed(Q(browser_not_served=True, browser_not_used=False))


def _chosen() -> Q:
    return Q(state=NodeState.REGISTERED) & ~Q(browser_thumbprint="")


def _not_used(statuses: Sequence[tuple[Node, BrowserStatus]], look: Look) -> Iterator[Need]:
    for node, status in statuses:
        if status.state == "fallen_back":
            title, page = f"{node} does not use its browser certificate", reverse("nodes:detail", args=[node.pk])
            yield Need(
                "browser-certificate-not-used", Severity.WARNING, str(node), title, status.text, status.remedy, page, "Show node", status.since,
                many=look.many("browser-certificate-not-used"),
            )  # fmt: skip


def _not_served(statuses: Sequence[tuple[Node, BrowserStatus]], look: Look) -> Iterator[Need]:
    for node, status in statuses:
        if status.is_unserved(look.now):
            title, page = f"{node}: no service serves its browser certificate", reverse("nodes:detail", args=[node.pk])
            text = f"These services present another certificate: {', '.join(status.others)}."
            remedy = "Reload the proxy that uses machine/personal/browser.pem. A reload hook on the node can do that after each change."
            yield Need(
                "browser-certificate-not-served", Severity.WARNING, str(node), title, text, remedy, page, "Show node", status.since,
                many=look.many("browser-certificate-not-served"),
            )  # fmt: skip


def _with_dates() -> BrowserCertificateQuerySet:
    ready = BrowserCertificate.objects.ready().filter(not_before__isnull=False, not_after__isnull=False)
    return ready.defer("certificates", "private_key", "csr")


def _many_expiring() -> Many:
    return Many("{count} browser certificates expire soon", reverse("browser_certificates:list") + "?sort=not_after", "Show certificates")


@affected_register("browser-certificate-expiring", _with_dates, _many_expiring)
def expiring(now: datetime) -> Keys:
    """Certificates that are chosen for a node and expire soon."""
    return _with_dates().filter(_chosen_by(Q()), not_after__lt=now + EXPIRES_SOON).order_by("not_after", "pk").values(key=F("pk"))


def _expiring(look: Look) -> Iterator[Need]:
    """Their renewal is not automatic."""
    certificates = list(look.worst("browser-certificate-expiring"))
    chosen = choosers_named(certificates) if certificates else {}
    for certificate in certificates:
        nodes, end = chosen[certificate.pk], certificate.not_after
        assert end is not None
        expired = certificate.expiry_status(look.now) == ExpiryStatus.EXPIRED
        title = f"The browser certificate {certificate} " + ("has expired" if expired else f"expires in {clocks.length(end - look.now)}")
        yield Need(
            "browser-certificate-expiring", Severity.CRITICAL if end - look.now < LAST_WEEK else Severity.WARNING, str(certificate), title,
            f"{nodes.words} {plural(nodes.count, 'uses', 'use')} it. Its renewal is not automatic.", "Upload a new certificate, and choose it for the same nodes.",
            reverse("browser_certificates:detail", args=[certificate.pk]), "Show certificate", end if expired else None,
            about=frozenset({str(certificate.pk)}), by_date=True, many=look.many("browser-certificate-expiring"),
        )  # fmt: skip


@table_register
class ExpiringBrowserCertificates(ExpiringTable):
    """All of them, with the nodes that have chosen each."""

    permission = "nodes.view_browsercertificate"
    kind = "server"
    searched = ("name",)

    def rows(self) -> "QuerySet[BrowserCertificate]":
        return _with_dates()

    def by_hand(self, now: datetime) -> Q:
        return _chosen_by(Q())

    def matching(self, text: str) -> Q:
        return super().matching(text) | _chosen_by(Q(name__icontains=text))

    def things(self, rows: Sequence[BrowserCertificate], now: datetime) -> list[Expiring]:
        chosen = choosers_named(rows)
        return [_expiring_thing(certificate, chosen[certificate.pk]) for certificate in rows]


def _chosen_by(condition: Q) -> Q:
    """The certificates that a node of this kind has chosen."""
    nodes = Node.objects.present().filter(condition).exclude(browser_thumbprint="")
    return Q(*(Exists(nodes.filter(browser_thumbprint=OuterRef(name))) for name in ("thumbprint", "sha256")), _connector=Q.OR)


def _expiring_thing(certificate: BrowserCertificate, nodes: Choosers) -> Expiring:
    assert certificate.not_before is not None
    assert certificate.not_after is not None
    here = ["this console"] if nodes.has_central else []
    text = "Another authority made it, so nothing renews it. Upload its successor, and choose that where this one is chosen."
    return Expiring(
        id=str(certificate.pk), kind="server", subject=str(certificate), holder=nodes.words, owner=", ".join(filter(None, [nodes.words, *here])) or "chosen for no node",
        not_before=certificate.not_before, not_after=certificate.not_after,
        wording=by_hand(text) if nodes.count else by_itself("It is chosen for no node, so nothing stops when it expires."),
        url=reverse("browser_certificates:detail", args=[certificate.pk]),
    )  # fmt: skip
