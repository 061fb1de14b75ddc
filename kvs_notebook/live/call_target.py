"""The target of a call: a channel, a role and client id on it, and what the service returns about them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.aws.regions import partition_of
from kvs_notebook.channels.reference import ChannelRef, resolve_arn
from kvs_notebook.formatting import MAX_LENGTH
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.signaling.client import SignalingClient, open_signaling
from kvs_notebook.signaling.endpoints import get_ice_servers

DNS_SUFFIXES = {"aws-cn": "amazonaws.com.cn"}
"""The domain of STUN servers in partitions that do not use amazonaws.com."""

LARGEST_PORT = 65_535

_ICE_URL = re.compile(
    r"(?:stuns?(?!.*\?)|turns?):[A-Za-z0-9.-]+(?::(?P<port>[0-9]{1,5}))?(?:\?transport=(?:udp|tcp))?"  # RFC 7064, 7065
)

_logger = logging.getLogger(__name__)

PageServers = list[Mapping[str, Any]]
"""ICE servers in the form that RTCPeerConnection takes, with their passwords as text.

They go to the page that calls as a custom message, never into a synced trait, which would be saved with the notebook.
"""


@dataclass(frozen=True)
class CallTarget:
    """A role on a channel; each method makes its API calls on a thread."""

    channel: ChannelRef
    role: str
    client_id: str | None
    take_over: bool
    connection: Connection

    @property
    def channel_name(self) -> str:
        """The channel's name, for messages."""
        return self.channel.label

    def check(self) -> None:
        """Raise InvalidInput or ReadOnly, as open_signaling() does, before anything is sent."""
        self.idle_client()

    def idle_client(self) -> SignalingClient:
        """Return a signaling client that is not connected, made without an API call; raise as check() does."""
        return self.new_client(self.channel.channel_arn or self.channel_name)

    async def arn(self) -> str:
        """Return the current ARN of the channel: another channel may have got its name."""
        return await asyncio.to_thread(resolve_arn, self.channel, self.connection)

    def new_client(self, arn: str) -> SignalingClient:
        """Return a signaling client that is not connected yet."""
        return open_signaling(
            arn, role=self.role, client_id=self.client_id, take_over=self.take_over, connection=self.connection
        )

    async def ice_servers(self, arn: str, *, refresh: bool = False) -> PageServers:
        """Return the STUN server, if there is one, and the TURN servers; with ``refresh``, not those of an earlier call."""

        def read() -> PageServers:
            frame = get_ice_servers(arn, client_id=self.client_id, refresh=refresh, connection=self.connection)
            turn = zip(frame["uri"], frame["username"], frame["password"], strict=True)
            return [
                *_stun_servers(self.connection),
                *(
                    {"urls": url, "username": user.reveal(), "credential": key.reveal()}
                    for uri, user, key in turn
                    for url in usable_urls([uri], self.channel_name)
                ),
            ]

        return await asyncio.to_thread(read)


def usable_urls(urls: Iterable[str], channel_name: str) -> list[str]:
    """Return the URLs of ICE servers that peers can use; one that they would reject, with their whole call, is logged."""
    usable = []
    for url in urls:
        found = _ICE_URL.fullmatch(url)
        if found is not None and 1 <= int(found["port"] or 1) <= LARGEST_PORT:
            usable.append(url)
        else:
            shown = safe_line(url, MAX_LENGTH)
            _logger.warning("%s: an ICE server was ignored: %s", channel_name, shown)
    return usable


def _stun_servers(connection: Connection) -> PageServers:
    if is_loopback(connection.endpoint()):
        return []  # peers on one machine need none, and only loopback may be contacted
    suffix = DNS_SUFFIXES.get(partition_of(connection.region), "amazonaws.com")
    return [{"urls": f"stun:stun.kinesisvideo.{connection.region}.{suffix}:443"}]
