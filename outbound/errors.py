"""Errors of outbound connections."""


class OutboundFailed(Exception):
    """A connection or a request failed. The text says what happened, and what to do. `may_have_arrived`: the other side may have the request all the same."""

    def __init__(self, text: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(text)
        self.may_have_arrived = may_have_arrived
