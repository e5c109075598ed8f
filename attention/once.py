"""Facts of the site that a page reads from the database once, though many rooms ask for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connection

P = ParamSpec("P")
R = TypeVar("R")
_known: ContextVar[dict[Any, Any] | None] = ContextVar("known", default=None)


@contextmanager
def facts_once() -> Iterator[None]:
    """Inside, each function decorated with `once` reads its facts at most once. Only for work that changes nothing."""
    if _known.get() is not None:
        yield
        return
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


@contextmanager
def facts_refused() -> Iterator[None]:
    """Inside, no fact is known, and none can be read."""

    def refuse(execute: Any, sql: str, *_: Any) -> Any:
        raise AssertionError(f"A fact is read from the database: {sql}")

    token = _known.set(None)
    try:
        with connection.execute_wrapper(refuse):
            yield
    finally:
        _known.reset(token)


def once(function: Callable[P, R]) -> Callable[P, R]:
    """Remember the answer inside `facts_once`. Errors are not remembered."""

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        known, key = _known.get(), (function, args, tuple(sorted(kwargs.items())))
        if known is None:
            return function(*args, **kwargs)
        if key not in known:
            known[key] = function(*args, **kwargs)
        answer: R = known[key]
        return answer

    return inner
