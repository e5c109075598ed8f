"""The progress bar with steps on pages of long work."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step. `place` is done, now, failed or ahead."""

    label: str
    place: str

    @property
    def place_word(self) -> str:
        return {"done": "done", "now": "here now", "failed": "failed", "ahead": "still ahead"}[self.place]


def steps_at(labels: Iterable[str], *, done: int, here: str = "now") -> list[Step]:
    """The steps. The first `done` are finished, the next one is `here`: now, or failed."""
    return [Step(label, "done" if number < done else here if number == done else "ahead") for number, label in enumerate(labels)]
