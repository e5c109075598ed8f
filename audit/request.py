"""The request that this thread answers. `web.middleware` begins it, and events have its id, its address and its credential. Work of a process has none."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

request_id: ContextVar[str] = ContextVar("request_id", default="")
address: ContextVar[str] = ContextVar("address", default="")
credential: ContextVar[str] = ContextVar("credential", default="")
node_id: ContextVar[str] = ContextVar("node_id", default="")


class CredentialKind(StrEnum):
    SESSION = "session"
    TOKEN = "token"  # noqa: S105  (the word, not a token)
    CERTIFICATE = "certificate"


@contextmanager
def request_began(*, id: str, address_of_client: str) -> Iterator[None]:
    """Events in this block have this id and address, and the credential that `credential_use` names. None of it stays after the block."""
    before = [
        (variable, variable.set(value))
        for variable, value in ((request_id, id), (address, address_of_client), (credential, ""), (node_id, ""))
    ]
    try:
        yield
    finally:
        for variable, token in before:
            variable.reset(token)


def credential_use(kind: CredentialKind, id: object) -> None:
    """The request is made with this session, token or certificate. `id` names it and is never the secret: a UUID, or the SHA-256 of a certificate.

    Work of a process has no request, so it keeps no credential.
    """
    if request_id.get():
        credential.set(f"{kind} {id}")


def node_use(id: object) -> None:
    """This node makes the request. Lines of the log have its id."""
    if request_id.get():
        node_id.set(str(id))
