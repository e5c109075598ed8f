"""View models of the lifetime setting: the current lifetime, and the effects of another one."""

from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from certs.lifetime.services import Lifetime, Preview, clamped, lifetime_get, lifetime_preview
from web.words import counted


@dataclass(frozen=True)
class LifetimePage:
    """`requested` is the lifetime of the preview. `saved` is the lifetime that was just set. A value that is not a number has no preview."""

    current: Lifetime
    requested: Lifetime
    saved: Lifetime | None
    preview: Preview | None

    @property
    def saved_title(self) -> str:
        if self.saved is None:
            return ""
        if self.saved.requested == self.saved.months:
            return f"Saved: {self.saved.months} months."
        return f"{self.saved.requested} months are not possible. The lifetime is now {self.saved.months} months."

    @property
    def saved_limits(self) -> str:
        """The possible lifetimes, if the saved one is not the requested one."""
        return f"The lifetime can be {self._limits} months." if self.saved and self.saved.requested != self.saved.months else ""

    @property
    def preview_title(self) -> str:
        if self.preview is None or self.requested.months == self.current.months:
            return "New certificates"
        return f"New certificates with {self.requested.months} months"

    @property
    def preview_limits(self) -> str:
        """Why the preview is not of the requested lifetime."""
        asked = self.requested
        return (
            ""
            if asked.requested == asked.months
            else f"{asked.requested} would become {asked.months}, because the lifetime can be {self._limits} months."
        )

    @property
    def renewals(self) -> str:
        """The number of nodes that get the lifetime automatically. Their list follows."""
        if self.preview is None or not self.preview.renewals:
            return ""
        nodes = f"{counted(self.preview.renewals, 'node gets', 'nodes get')} the new lifetime automatically with the next renewal"
        return f"{nodes}. These are the first:" if self.preview.renewals > len(self.preview.first) else f"{nodes}:"

    @property
    def exports(self) -> str:
        return counted(self.preview.exports, "export") if self.preview and self.preview.exports else ""

    @property
    def exports_kept(self) -> str:
        one = self.preview is not None and self.preview.exports == 1
        return "keeps its expiry date until you renew it." if one else "keep their expiry date until you renew them."

    @property
    def _limits(self) -> str:
        return f"{self.current.minimum} to {self.current.maximum}"


def lifetime_page(*, months: int | None, saved: Lifetime | None, actor: Actor, now: datetime) -> LifetimePage:
    """The page with the preview of `months`; None: without a preview. Raises: PermissionRefused, ZoneMissing."""
    current = lifetime_get()
    preview = None if months is None else lifetime_preview(actor=actor, months=months, now=now)
    return LifetimePage(current, clamped(current.months if months is None else months), saved, preview)
