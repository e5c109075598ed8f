"""The state of periodic work, which a page reads once."""

from attention.once import once
from jobs.models import PeriodicWork


@once
def periodic_work() -> dict[str, PeriodicWork]:
    """What was recorded of each periodic work, and of other things that happen now and then, by its name."""
    return {row.name: row for row in PeriodicWork.objects.all()}
