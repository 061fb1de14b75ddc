"""Keep ICE candidates until the description that they belong to has been passed on: peers reject those that come before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from kvs_notebook.signaling.messages import Candidate

CandidateInit = Mapping[str, Any]
"""The members of a browser's RTCIceCandidateInit."""

MAX_PEERS = 100
"""Peers whose candidates are kept; of more, those of the oldest are dropped."""

MAX_CANDIDATES = 100
"""Candidates that are kept of one peer."""


class CandidateQueue:
    """The candidates of peers whose description has not been passed on."""

    def __init__(self) -> None:
        self._described: OrderedDict[str, None] = OrderedDict()
        self._waiting: OrderedDict[str, list[CandidateInit]] = OrderedDict()

    def add(self, peer: str, candidate: CandidateInit) -> bool:
        """Keep a candidate; return False if its peer's description was passed on, so that it can be passed on too."""
        if peer in self._described:
            return False
        kept = self._waiting.setdefault(peer, [])
        if len(kept) < MAX_CANDIDATES:
            kept.append(candidate)
        if len(self._waiting) > MAX_PEERS:
            self._waiting.popitem(last=False)
        return True

    def release(self, peer: str) -> list[CandidateInit]:
        """Return the candidates that were kept of a peer, whose description is passed on now."""
        self._described[peer] = None
        if len(self._described) > MAX_PEERS:
            self._described.popitem(last=False)
        return self._waiting.pop(peer, [])

    def hold(self, peer: str) -> None:
        """Keep the candidates of a peer from now on: it has a new description."""
        self._described.pop(peer, None)


def candidate_init(candidate: Candidate) -> CandidateInit:
    """Return a received candidate as the page adds it."""
    return {
        "candidate": candidate.candidate,
        "sdpMid": candidate.sdp_mid,
        "sdpMLineIndex": candidate.sdp_m_line_index,
    }
