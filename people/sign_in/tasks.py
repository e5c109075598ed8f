"""The periodic work of signing in."""

from datetime import datetime, timedelta

from jobs.periodic import periodic_task
from people.sign_in.guessing import guesses_forget
from people.sign_in.sessions import sessions_forget


@periodic_task(
    name="guesses-old",
    label="Deletion of old counts of wrong passwords, and of expired sessions",
    period=timedelta(hours=1),
    lease=timedelta(minutes=10),
)
def forget(*, now: datetime) -> None:
    """Delete counts of wrong passwords that are over, and sessions that have expired. Anybody who begins a sign-in has one."""
    guesses_forget(now=now)
    sessions_forget(now=now)
