"""The page with the whole history of a thing."""

from dataclasses import dataclass

from audit.event_lines import Line, Page
from web.words import counted


@dataclass(frozen=True)
class HistoryPage:
    """One page of the history of `subject`. `back` is the address of the page of the subject."""

    subject: str
    back: str
    history: Page[Line]

    @property
    def title(self) -> str:
        return f"History of {self.subject}"

    @property
    def subtitle(self) -> str:
        place = f" · page {self.history.number} of {self.history.pages}" if self.history.pages > 1 else ""
        return f"{counted(self.history.total, 'event')}, the newest first{place}"

    @property
    def newer(self) -> int:
        """The number of the page before this one; 0 if there is none."""
        return self.history.number - 1

    @property
    def older(self) -> int:
        """The number of the page after this one; 0 if there is none."""
        return self.history.number + 1 if self.history.number < self.history.pages else 0
