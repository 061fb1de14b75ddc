"""Read every page of an operation, and stop if a service or a proxy repeats pages forever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.operation_names import Operation
from kvs_notebook.errors import ServiceFault

MAX_EMPTY_PAGES = 100
"""Pages in a row without an item: the contract allows an empty page with a token, and sets no bound."""


def read_pages(
    connection: Connection,
    operation: Operation,
    params: Mapping[str, Any],
    *,
    items: str,
    token: str = "NextToken",  # noqa: S107 - a member's name
    channel: str | None = None,
    client: Any = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[dict[str, Any]]:
    """Yield the replies of an operation, page by page, until one has no token.

    botocore has paginators for ListSignalingChannels and GetResources only, and they notice only a token that is repeated at
    once. Here, each page goes through the connection's rate limit and retries.

    Parameters
    ----------
    connection
        The connection that each page is read with: one API call each.
    operation, params
        The operation, and its parameters without a token.
    items
        The member of the reply that holds the items.
    token
        The member of request and reply that holds the token.
    channel
        The channel that the operation is about, for quotas and messages.
    client
        The client to call; None takes the connection's shared one.
    clock
        Seconds, for the bound on the total time.

    Raises
    ------
    ServiceFault
        If a token comes twice, if 100 pages in a row are empty, or if the pages take longer than
        the connection allows (15 minutes).
    """
    seconds = connection.config.paging_seconds
    deadline = clock() + seconds
    seen: set[str] = set()
    empty_pages = 0
    position: dict[str, str] = {}
    while True:
        page = connection.call(operation, {**params, **position}, channel=channel, client=client)
        yield page
        following = page.get(token)
        if not following:
            return
        empty_pages = 0 if page.get(items) else empty_pages + 1
        if following in seen:
            raise _endless(operation, f"returned the same {token} twice")
        if empty_pages >= MAX_EMPTY_PAGES:
            raise _endless(operation, f"returned {empty_pages} empty pages in a row")
        if clock() > deadline:
            raise _endless(operation, f"was not at its last page after {seconds:g} s")
        seen.add(following)
        position = {token: following}


def _endless(operation: Operation, what: str) -> ServiceFault:
    return ServiceFault(
        f"{operation} {what}, so reading stopped. Call again; if it happens again, report it to AWS with the region.",
        operation=operation,
    )
