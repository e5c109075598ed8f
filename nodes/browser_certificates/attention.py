"""The needs of browser certificates."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse

from attention.expiring import Expiring, ExpiringTable, by_hand, by_itself, table_register
from attention.needs import Look, Many, Need, Severity, codes_register, needs_register
from nodes.browser_certificates.view_models import browser_statuses, choosers
from nodes.inventory.conditions import condition_register, many_nodes, worst_nodes
from nodes.inventory.silence import observed
from nodes.models import BrowserCertificate, Node
from nodes.observation.served_certificates import PATIENCE
from nodes.states import NodeState
from pki.core import clocks
from pki.core.lifetime import ExpiryStatus

MOST_NAMES = 5
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
    yield from _not_used(look)
    yield from _not_served(look)
    yield from _expiring(look)


@condition_register("browser-certificate-not-used")
def not_used(now: datetime) -> Q:
    """Nodes that do not use their chosen browser certificate."""
    return _chosen() & observed(Q(browser_not_used=True))


@condition_register("browser-certificate-not-served")
def not_served(now: datetime) -> Q:
    """Nodes with a browser certificate that no service has presented for longer than a reload takes."""
    return _chosen() & Q(browser_chosen_at__lt=now - PATIENCE) & observed(Q(browser_not_served=True, browser_not_used=False))


def _chosen() -> Q:
    return Q(state=NodeState.REGISTERED) & ~Q(browser_thumbprint="")


def _not_used(look: Look) -> Iterator[Need]:
    many = many_nodes("browser-certificate-not-used", "{count} nodes do not use their browser certificates")
    nodes = list(worst_nodes(look, "browser-certificate-not-used", "browser_chosen_at", many))
    for node, status in browser_statuses(nodes) if nodes else ():
        if status.state == "fallen_back":
            title, page = f"{node} does not use its browser certificate", reverse("nodes:detail", args=[node.pk])
            yield Need(
                "browser-certificate-not-used", Severity.WARNING, str(node), title, status.text, status.remedy, page, "Show node", status.since, many=many
            )  # fmt: skip


def _not_served(look: Look) -> Iterator[Need]:
    many = many_nodes("browser-certificate-not-served", "{count} nodes have browser certificates that no service serves")
    nodes = list(worst_nodes(look, "browser-certificate-not-served", "browser_chosen_at", many))
    for node, status in browser_statuses(nodes) if nodes else ():
        if status.is_unserved(look.now):
            title, page = f"{node}: no service serves its browser certificate", reverse("nodes:detail", args=[node.pk])
            text = f"These services present another certificate: {', '.join(status.others)}."
            remedy = "Reload the proxy that uses machine/personal/browser.pem. A reload hook on the node can do that after each change."
            yield Need(
                "browser-certificate-not-served", Severity.WARNING, str(node), title, text, remedy, page, "Show node", status.since, many=many
            )  # fmt: skip


def _expiring(look: Look) -> Iterator[Need]:
    """Browser certificates that are chosen for a node and expire soon. Their renewal is not automatic."""
    many, table = (
        Many("{count} browser certificates expire soon", reverse("browser_certificates:list") + "?sort=not_after", "Show certificates"),
        ExpiringBrowserCertificates(),
    )
    rows = table.rows().filter(table.by_hand(look.now), not_after__lt=look.now + EXPIRES_SOON).order_by("not_after", "pk")
    certificates = list(look.worst(rows, many))
    chosen = choosers(certificates) if certificates else {}
    for certificate in certificates:
        nodes, end = chosen[str(certificate.pk)], certificate.not_after
        assert end is not None
        expired = certificate.expiry_status(look.now) == ExpiryStatus.EXPIRED
        title = f"The browser certificate {certificate} " + ("has expired" if expired else f"expires in {clocks.length(end - look.now)}")
        yield Need(
            "browser-certificate-expiring", Severity.CRITICAL if end - look.now < LAST_WEEK else Severity.WARNING, str(certificate), title,
            f"{_few(nodes)} {'uses' if len(nodes) == 1 else 'use'} it. Its renewal is not automatic.", "Upload a new certificate, and choose it for the same nodes.",
            reverse("browser_certificates:detail", args=[certificate.pk]), "Show certificate", end if expired else None,
            about=frozenset({str(certificate.pk)}), by_date=True, many=many,
        )  # fmt: skip


@table_register
class ExpiringBrowserCertificates(ExpiringTable):
    """All of them, with the nodes that have chosen each."""

    permission = "nodes.view_browsercertificate"
    kind = "server"
    searched = ("name",)

    def rows(self) -> "QuerySet[BrowserCertificate]":
        ready = BrowserCertificate.objects.ready().filter(not_before__isnull=False, not_after__isnull=False)
        return ready.defer("certificates", "private_key", "csr")

    def by_hand(self, now: datetime) -> Q:
        chosen = Node.objects.present().exclude(browser_thumbprint="").values("browser_thumbprint")
        return Q(thumbprint__in=chosen) | Q(sha256__in=chosen)

    def matching(self, text: str) -> Q:
        chosen = Node.objects.present().filter(name__icontains=text).exclude(browser_thumbprint="").values("browser_thumbprint")
        return super().matching(text) | Q(thumbprint__in=chosen) | Q(sha256__in=chosen)

    def things(self, rows: Sequence[BrowserCertificate], now: datetime) -> list[Expiring]:
        chosen = choosers(rows)
        return [_expiring_thing(certificate, chosen[str(certificate.pk)]) for certificate in rows]


def _few(nodes: list[Node]) -> str:
    names = [str(node) for node in nodes[:MOST_NAMES]]
    return ", ".join(names) + f" and {len(nodes) - MOST_NAMES} more" * (len(nodes) > MOST_NAMES)


def _expiring_thing(certificate: BrowserCertificate, nodes: list[Node]) -> Expiring:
    assert certificate.not_before is not None
    assert certificate.not_after is not None
    names, here = _few(nodes), ["this console"] if any(node.is_central for node in nodes) else []
    text = "Another authority made it, so nothing renews it. Upload its successor, and choose that where this one is chosen."
    return Expiring(
        id=str(certificate.pk), kind="server", subject=str(certificate), holder=names, owner=", ".join(filter(None, [names, *here])) or "chosen for no node",
        not_before=certificate.not_before, not_after=certificate.not_after,
        wording=by_hand(text) if nodes else by_itself("It is chosen for no node, so nothing stops when it expires."),
        url=reverse("browser_certificates:detail", args=[certificate.pk]),
    )  # fmt: skip
