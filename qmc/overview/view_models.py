"""The content of the overview: whether the site is safe, and what must be done next. Also the page of a jump of the clock."""

from dataclasses import dataclass
from datetime import datetime

from attention.needs import CODES, Need, attention
from attention.work import periodic_work
from audit.actors import Actor
from audit.reasons import may_read_reasons
from backups.backup import VERIFIED
from certs.models import Certificate, TrustZone
from certs.zone.services import zone_founded
from jobs.health import Health
from jobs.models import Job
from nodes.inventory.counts import NodeCounts, node_counts
from qmc.expiry.board import BoardRow
from qmc.expiry.everything import Everything, next_that_matters
from qmc.jobs.services import jobs_visible
from qmc.overview.attention import jump_words, running
from web.words import counted


@dataclass(frozen=True)
class NextExpiry:
    """The next thing to expire that matters, and the root that expires first, as on the expiry board."""

    next: BoardRow | None
    root: BoardRow | None


@dataclass(frozen=True)
class OverviewPage:
    """`explained` are needs that another need causes. `expiry` is None for people without the permission, and before `init`."""

    zone: TrustZone | None
    expiry: NextExpiry | None
    needs: list[Need]
    explained: list[Need]
    running: list[Health]
    last_backup: datetime | None
    under_way: list[Job]
    nodes: NodeCounts
    certificates: int
    may_register: bool

    @property
    def title(self) -> str:
        if self.needs:
            return f"{counted(len(self.needs), 'thing needs', 'things need')} your attention"
        return "Register your first node" if self.may_register and not self.nodes.others else "All is well"

    @property
    def subtitle(self) -> str:
        zone = [f"Trust zone {self.zone.name}"] if self.zone else []
        return " · ".join([*zone, counted(self.nodes.total, "node"), counted(self.certificates, "certificate")])

    @property
    def explained_title(self) -> str:
        return f"{counted(len(self.explained), 'more has', 'more have')} the same cause"

    @property
    def shows_expiry(self) -> bool:
        """Whether there are cards about expiry dates; one of them says that there is no site yet."""
        return self.expiry is not None or self.zone is None


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


def _next_expiry(actor: Actor, now: datetime) -> NextExpiry:
    every = Everything(actor, now, now)
    following = next_that_matters(every)
    return NextExpiry(every.built([following])[0] if following else None, every.root)


def nameless(needs: list[Need]) -> list[Need]:
    """What a person sees who may not read reasons: each kind of need once, with its meaning."""
    kinds = {(need.code, need.severity): CODES[need.code] for need in needs}
    return [Need(code, severity, "", f"{about[:1].upper()}{about[1:]}", "", "", "", "") for (code, severity), about in kinds.items()]


def overview_page(*, actor: Actor, now: datetime) -> OverviewPage:
    """All that the overview shows to `actor`. The next expiry is the one of the expiry board."""
    zone, found = zone_founded(), attention(now)
    shown = (lambda needs: needs) if may_read_reasons(actor) else nameless
    backup = periodic_work().get(VERIFIED)
    return OverviewPage(
        zone=zone,
        expiry=_next_expiry(actor, now) if zone and actor.has_perm("certs.view_certificate") else None,
        needs=shown([ranked.need for ranked in found if not ranked.explained_by]),
        explained=shown([ranked.need for ranked in found if ranked.explained_by]),
        running=running(now),
        last_backup=backup.last_success if backup else None,
        under_way=list(jobs_visible(actor).unfinished().order_by("-created_at")[:5]),
        nodes=node_counts(),
        certificates=Certificate.objects.issued().count(),
        may_register=actor.has_perm("nodes.add_node"),
    )
