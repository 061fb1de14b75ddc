"""Keep the ICE servers of a connection until shortly before their lifetime ends."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from kvs_notebook.aws.connection import Connection

RENEWED_BEFORE_END = timedelta(seconds=30)
"""Enough for a peer to connect with servers that it has just got."""

MOST_KEPT = 1_000
"""Replies of one connection; the oldest one is dropped for another."""

IceServers = Sequence[Mapping[str, Any]]
"""An IceServerList whose passwords and user names are Secrets."""


class IceServersKey(NamedTuple):
    """The channel that ICE servers are for, and the viewer, if they are for one only."""

    channel_arn: str
    client_id: str | None


class _Reply(NamedTuple):
    servers: IceServers
    requested_at: datetime

    def is_usable(self, now: datetime) -> bool:
        """Return whether every server lives long enough; a clock that went back does not tell."""
        lifetimes = [seconds for server in self.servers if isinstance(seconds := server.get("Ttl"), int)]
        if not lifetimes or len(lifetimes) < len(self.servers):
            return False
        last: datetime = self.requested_at + timedelta(seconds=min(lifetimes)) - RENEWED_BEFORE_END
        return self.requested_at <= now < last

    def at(self, now: datetime) -> IceServers:
        """Return the servers with the lifetime that is left."""
        elapsed = -int((self.requested_at - now).total_seconds() // 1)  # rounded up: never longer than they live
        return [{**server, "Ttl": server["Ttl"] - elapsed} for server in self.servers]


class IceServerCache:
    """The ICE servers that connections have got; they are forgotten with their connection, and never pickled."""

    def __init__(self) -> None:
        self._replies: WeakKeyDictionary[Connection, dict[IceServersKey, _Reply]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, connection: Connection, key: IceServersKey) -> IceServers | None:
        """Return the servers of an earlier reply with the lifetime that is left, None if none is usable."""
        with self._lock:
            reply = self._replies.get(connection, {}).get(key)
        if reply is None:
            return None
        now = connection.now()
        return reply.at(now) if reply.is_usable(now) else None

    def put(self, connection: Connection, key: IceServersKey, servers: IceServers, requested_at: datetime) -> None:
        """Keep the servers of a reply, by the time of its request."""
        with self._lock:
            replies = self._replies.setdefault(connection, {})
            replies.pop(key, None)
            replies[key] = _Reply(servers, requested_at)
            if len(replies) > MOST_KEPT:
                del replies[next(iter(replies))]
