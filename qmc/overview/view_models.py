"""The content of the overview: whether the site is safe, and what must be done next. Also the page of a jump of the clock."""

from dataclasses import dataclass
from datetime import datetime

from attention.needs import CODES, Need, attention
from attention.work import periodic_work
from audit.actors import Actor
from audit.reasons import may_read_reasons
from backups.backup import VERIFIED
from certs.certificates.issuer import roots_in_force
from certs.models import TrustZone
from certs.zone.services import zone_founded
from jobs.health import Health
from nodes.inventory.counts import NodeCounts, node_counts
from pki.core import clocks
from qmc.overview.attention import jump_words, running
from web.words import counted


@dataclass(frozen=True)
class RootCard:
    """A root, and in words when it expires or that it has expired."""

    subject: str
    not_after: datetime
    left: str
    expiry_status: str


@dataclass(frozen=True)
class OverviewPage:
    """`explained` are needs that another need causes. `root` is the root that expires first; None for people without the permission, and before `init`."""

    zone: TrustZone | None
    root: RootCard | None
    reads_certificates: bool
    needs: list[Need]
    explained: list[Need]
    running: list[Health]
    last_backup: datetime | None
    nodes: NodeCounts
    may_register: bool

    @property
    def title(self) -> str:
        if self.needs:
            return f"{counted(len(self.needs), 'thing needs', 'things need')} your attention"
        return "Register your first node" if self.may_register and not self.nodes.others else "All is well"

    @property
    def subtitle(self) -> str:
        zone = [f"Trust zone {self.zone.name}"] if self.zone else []
        return " · ".join([*zone, counted(self.nodes.total, "node")])

    @property
    def explained_title(self) -> str:
        return f"{counted(len(self.explained), 'more has', 'more have')} the same cause"

    @property
    def shows_root(self) -> bool:
        """Whether there is a card about the root; it says if there is no site yet."""
        return self.reads_certificates or self.zone is None


@dataclass(frozen=True)
class ClockPage:
    """The clock of the central node jumped by `seconds`, noticed at `noticed_at`."""

    noticed_at: datetime
    seconds: float

    @property
    def title(self) -> str:
        return jump_words(self.seconds)

    @property
    def effect(self) -> str:
        if self.seconds < 0:
            return "Certificates that were made before the jump are refused here as not yet valid. New certificates begin too early."
        return "Certificates and passwords may have expired too early. Nodes may refuse new certificates as not yet valid."


def _root(now: datetime) -> RootCard | None:
    root = min(roots_in_force(), key=lambda root: root.not_after, default=None)
    if root is None:
        return None
    left = f"expired {clocks.relative(root.not_after, now)}" if root.not_after < now else clocks.length(root.not_after - now)
    return RootCard(root.subject, root.not_after, left, root.expiry_status(now).value)


def nameless(needs: list[Need]) -> list[Need]:
    """What a person sees who may not read reasons: each kind of need once, with its meaning."""
    kinds = {(need.code, need.severity): CODES[need.code] for need in needs}
    return [Need(code, severity, "", f"{about[:1].upper()}{about[1:]}", "", "", "", "") for (code, severity), about in kinds.items()]


def overview_page(*, actor: Actor, now: datetime) -> OverviewPage:
    """All that the overview shows to `actor` in its first answer. It loads the parts of the dashboard afterwards."""
    zone, found, reads = zone_founded(), attention(now), actor.has_perm("certs.view_certificate")
    shown = (lambda needs: needs) if may_read_reasons(actor) else nameless
    backup = periodic_work().get(VERIFIED)
    return OverviewPage(
        zone=zone,
        root=_root(now) if zone and reads else None,
        reads_certificates=reads,
        needs=shown([ranked.need for ranked in found if not ranked.explained_by]),
        explained=shown([ranked.need for ranked in found if ranked.explained_by]),
        running=running(now),
        last_backup=backup.last_success if backup else None,
        nodes=node_counts(),
        may_register=actor.has_perm("nodes.add_node"),
    )
