"""A call to a camera: the page makes the offer, the kernel sends it and returns the answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from kvs_notebook.errors import KVSError
from kvs_notebook.live.candidate_queue import CandidateQueue, candidate_init
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.page_messages import Description, PageCandidate, PageMessage, PageReport
from kvs_notebook.live.session import Session
from kvs_notebook.live.stages import VIEWER_SENTENCES, Stage, no_video
from kvs_notebook.signaling.messages import Answer, Candidate, Message, ReconnectIceServer

CAMERA = ""
"""The camera among the peers whose candidates wait."""

_logger = logging.getLogger(__name__)


class ViewerSession(Session):
    """A viewer's call; its parameters are those of a Session."""

    sentences = VIEWER_SENTENCES
    closed_sentence = VIEWER_SENTENCES["taken_over"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._candidates = CandidateQueue()
        self._answered = False
        self._arn = ""

    async def _open(self, arn: str) -> None:
        self._arn = arn
        opening = self._start(self.client.open(retry_throttled=False))
        self._send("ready", servers=await self._target.ice_servers(arn))  # the page makes its offer meanwhile
        await opening
        self.enter("waiting")

    def _limit(self, stage: Stage) -> float | None:
        return self._timeouts.of(stage)

    def _take_media_message(self, message: PageMessage) -> None:
        match message:
            case Description(sdp=sdp):
                self._answered = False
                self._candidates.hold(CAMERA)
                self._queue(partial(self.client.send_offer, sdp))
            case PageCandidate(candidate=candidate):
                self._queue(partial(self.client.send_candidate, candidate))

    def _take_report(self, report: PageReport) -> None:
        match report.state:
            case "connected" if self._timeline.stage in {"waiting", "negotiating"}:
                self.enter("connected")
            case "playing" | "stalled":
                self.enter(report.state)
            case "lost":
                stage = self._timeline.stage
                self.end("failed", str(no_video(stage, self._name, self._timeline.seconds_in_stage())))

    def _receive_refusal(self, error: KVSError) -> None:
        super()._receive_refusal(error)
        if error.operation == "SendSDPOffer":
            raise error

    async def _receive(self, message: Message) -> None:
        match message:
            case Answer(sdp=sdp):
                self._receive_answer(sdp)
            case Candidate():
                self._receive_candidate(candidate_init(message))
            case ReconnectIceServer():
                await self._call_again()
            case _:
                _logger.info("%s: ignored a message (%s)", self._name, type(message).__name__)

    def _receive_answer(self, sdp: str) -> None:
        if self._answered:
            _logger.warning("%s: ignored a second answer", self._name)
            return
        self._answered = True
        self.enter("negotiating")
        self._send("answer", sdp=sdp)
        for candidate in self._candidates.release(CAMERA):
            self._send("candidate", candidate=candidate)

    def _receive_candidate(self, candidate: Mapping[str, Any]) -> None:
        if not self._candidates.add(CAMERA, candidate):
            self._send("candidate", candidate=candidate)

    async def _call_again(self) -> None:
        """Call with new ICE servers, as the service asks; video that plays goes on if there are none."""
        try:
            servers = await self._target.ice_servers(self._arn, refresh=True)
        except KVSError as error:
            if self._timeline.stage != "playing":
                raise
            _logger.warning("%s: no new call was made: %s", self._name, safe_line(error))
            return
        self.enter("waiting")
        self._send("ready", servers=servers)
