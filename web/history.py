"""The page with the whole history of a thing."""

from dataclasses import dataclass

from audit.event_lines import History


@dataclass(frozen=True)
class HistoryPage:
    """One part of the history of `subject`. `back` is the address of the page of the subject. `is_newest`: it begins with the newest event."""

    subject: str
    back: str
    history: History
    is_newest: bool

    @property
    def title(self) -> str:
        return f"History of {self.subject}"

    @property
    def subtitle(self) -> str:
        return "The newest events first" if self.is_newest else "Older events, the newest first"
