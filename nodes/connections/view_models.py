"""View models of the page of a connection."""

from dataclasses import dataclass

from nodes.models import Connection


@dataclass(frozen=True)
class ConnectionPage:
    """A connection to change; None for a new one. The password that was typed is not kept if the form is refused."""

    connection: Connection | None
    saved: bool = False
    password_typed: bool = False

    @property
    def title(self) -> str:
        return self.connection.name if self.connection else "New connection"

    @property
    def hint(self) -> str:
        again = ", and enter the password again, because it is not kept" if self.password_typed else ""
        return f"Correct the marked fields below{again}."
