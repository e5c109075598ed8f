"""The list of routes, and the page of one route."""

from dataclasses import dataclass

from alerts.models import Channel, Route
from alerts.routes.words import sentence_without


@dataclass(frozen=True)
class RoutesPage:
    """Beside the routes: the channels `without` one."""

    without: list[Channel]

    @property
    def defaults(self) -> list[tuple[Channel, str]]:
        return [(channel, sentence_without(channel)) for channel in self.without]


@dataclass(frozen=True)
class RoutePage:
    """A route to change; None for a new one. `is_last`: its channel has no other route."""

    route: Route | None
    saved: bool = False
    is_last: bool = False

    @property
    def title(self) -> str:
        return f"Route to {self.route.channel.name}" if self.route else "New route"

    @property
    def sentence(self) -> str:
        return self.route.sentence if self.route else ""

    @property
    def after_deletion(self) -> str:
        """What the channel of the route gets without it."""
        if self.route is None:
            return ""
        if self.is_last:
            return f"It is the only route to this channel. Without a route: {sentence_without(self.route.channel)}"
        return f"{self.route.channel.name} keeps its other routes."
