"""WebRTC connections of aiortc, with the ICE servers of a channel, or over loopback if a sandbox serves the channel."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import aioice
from aiortc import (
    RTCConfiguration,
    RTCIceCandidate,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from kvs_notebook.aws.loopback import is_loopback
from kvs_notebook.formatting import format_value
from kvs_notebook.live import media_logs
from kvs_notebook.live.call_target import LARGEST_PORT, CallTarget
from kvs_notebook.signaling.messages import Candidate

LOOPBACK = "127.0.0.1"

MAX_CANDIDATES = 100
"""Candidates of one peer that are used: it has a few for each of its addresses, and may send 20 a second for hours."""

IceServers: TypeAlias = "Sequence[Mapping[str, Any]] | None"
"""ICE servers as ``{"urls", "username", "credential"}``; None if the peers are on this machine."""


class _IceConnection(aioice.Connection):
    """A connection that also ends its consent task if it is closed while it connects."""

    async def connect(self) -> None:
        await super().connect()
        if self._closing and self._query_consent_task is not None:
            self._query_consent_task.cancel()


class _LoopbackConnection(_IceConnection):
    """A connection that also has a candidate on loopback, which aioice leaves out.

    The machine's other addresses are kept: a browser on it uses them, not loopback.
    """

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - the signature of aioice
    ) -> list[aioice.Candidate]:
        return await super().get_component_candidates(component, [LOOPBACK, *addresses], timeout)


class PeerConnection(RTCPeerConnection):
    """A connection of aiortc whose ICE connections are of a class of this module; others of the process do not change."""

    def __init__(self, configuration: RTCConfiguration, ice_class: type[_IceConnection]) -> None:
        super().__init__(configuration)
        self._ice_class = ice_class
        self._received_candidates = 0

    async def add_candidate(self, message: Candidate) -> None:
        """Use a received candidate.

        Raises
        ------
        ValueError
            If it is malformed, or is the first one of too many; further ones are ignored.
        """
        self._received_candidates += 1
        if self._received_candidates > MAX_CANDIDATES + 1:
            return
        if self._received_candidates > MAX_CANDIDATES:
            raise ValueError(f"over {MAX_CANDIDATES} candidates")
        await self.addIceCandidate(parse_candidate(message))

    async def setLocalDescription(  # noqa: N802 - the name that aiortc and browsers use
        self,
        sessionDescription: RTCSessionDescription | None = None,  # noqa: N803
    ) -> None:
        """Set the local description, which gathers candidates."""
        for transceiver in self.getTransceivers():
            gatherer = transceiver.receiver.transport.transport.iceGatherer
            gatherer._connection.__class__ = self._ice_class  # noqa: SLF001 - aiortc has no parameter for it
        await super().setLocalDescription(sessionDescription)


async def find_ice_servers(target: CallTarget, arn: str) -> IceServers:
    """Return the ICE servers of a channel; None if its service is on loopback, also for a connection as a role."""
    is_local = is_loopback(await asyncio.to_thread(target.connection.endpoint))
    return None if is_local else await target.ice_servers(arn)


def new_peer_connection(servers: IceServers) -> PeerConnection:
    """Return a connection that uses ICE servers, or addresses of this machine only, loopback among them."""
    media_logs.install()
    # Without a list of servers, aiortc would ask a public STUN server.
    configuration = RTCConfiguration(iceServers=[RTCIceServer(**server) for server in servers or ()])
    return PeerConnection(configuration, _LoopbackConnection if servers is None else _IceConnection)


def parse_candidate(message: Candidate) -> RTCIceCandidate | None:
    """Return a received candidate as aiortc takes it, None for the end of candidates.

    Raises
    ------
    ValueError
        If it is malformed, or names no media.
    """
    line = message.candidate.removeprefix("a=").removeprefix("candidate:").strip()
    if not line:
        return None
    try:
        candidate = candidate_from_sdp(line)
    except (AssertionError, LookupError, ValueError) as error:
        raise ValueError(f"not a candidate ({type(error).__name__})") from error
    if not 1 <= candidate.port <= LARGEST_PORT:  # a socket would raise it in a task of aioice
        raise ValueError(f"not a candidate (port {format_value(candidate.port)})")
    candidate.sdpMid, candidate.sdpMLineIndex = message.sdp_mid, message.sdp_m_line_index
    if candidate.sdpMid is None and candidate.sdpMLineIndex is None:
        candidate.sdpMLineIndex = 0
    return candidate
