"""The request that this thread answers. `web.middleware` sets it, and events have its id."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
