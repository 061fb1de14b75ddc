"""Sign all requests of a call with the credentials whose account was checked.

botocore reads a client's credentials anew for each attempt of a call. Credentials that renew themselves may be others by then,
also of another account.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from kvs_notebook.aws.session import Credentials

_of_call: ContextVar[Credentials | None] = ContextVar("_of_call", default=None)


@contextmanager
def signed_with(credentials: Credentials) -> Iterator[None]:
    """Sign each request that this thread sends in the block with the same credentials, whatever the client's are by then."""
    token = _of_call.set(credentials)
    try:
        yield
    finally:
        _of_call.reset(token)


def watch(client: Any) -> None:
    """Configure a client so that signed_with() has an effect on it; other requests are signed with its own credentials."""
    client.meta.events.register("before-sign.*", _use_those_of_call)


def _use_those_of_call(request: Any, **_event: Any) -> None:
    credentials = _of_call.get()
    if credentials is not None:
        request.context.setdefault("signing", {})["request_credentials"] = credentials
