"""A camera on a channel: the page answers the offers of up to 10 viewers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from kvs_notebook.errors import KVSError
from kvs_notebook.formatting import format_count
from kvs_notebook.live.candidate_queue import CandidateQueue, candidate_init
from kvs_notebook.live.media_logs import safe_line
from kvs_notebook.live.page_messages import Description, PageCandidate, PageMessage, PageReport, PageState
from kvs_notebook.live.session import Session
from kvs_notebook.live.stages import CAMERA_CLOSED_SENTENCE, CAMERA_SENTENCES, Stage
from kvs_notebook.signaling.messages import Candidate, Message, Offer

_logger = logging.getLogger(__name__)

_masters: WeakValueDictionary[tuple[str, str], CameraSession] = WeakValueDictionary()
"""The newest camera of this process on each channel, by endpoint and ARN: the service does not notify the one it replaces."""

ONE_STAGE_FOR_ALL: tuple[tuple[PageState, Stage], ...] = (
    ("playing", "playing"),
    ("connected", "connected"),
    ("connecting", "negotiating"),
)
"""The camera's stage is that of its most advanced viewer."""


class CameraSession(Session):
    """A camera's call, with many viewers; its parameters are those of a Session."""

    sentences = CAMERA_SENTENCES
    closed_sentence = CAMERA_CLOSED_SENTENCE

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._viewers: dict[str, PageState] = {}
        self._from_viewers = CandidateQueue()
        self._to_viewers = CandidateQueue()
        self._arn = ""

    async def _open(self, arn: str) -> None:
        self._arn = arn
        await self.client.open()
        self._replace_master(arn)
        self.enter("waiting")
        self._send("ready", servers=[])

    def _replace_master(self, arn: str) -> None:
        """End the camera of this process that the service has just replaced with this one."""
        key = (self._target.connection.endpoint(), arn)
        replaced, _masters[key] = _masters.get(key), self
        if replaced is not None:
            replaced.end("taken_over")

    def _limit(self, stage: Stage) -> float | None:
        """Return None: a camera waits as long as it takes, and its page hangs up on a viewer that does not connect."""

    # --- the page

    def _take_media_message(self, message: PageMessage) -> None:
        match message:
            case Description(viewer=str(viewer), sdp=sdp):
                self._queue_for(viewer, partial(self.client.send_answer, sdp, recipient_client_id=viewer))
                for kept in self._to_viewers.release(viewer):
                    self._queue_for(viewer, partial(self.client.send_candidate, kept, recipient_client_id=viewer))
            case PageCandidate(viewer=str(viewer), candidate=candidate):
                if not self._to_viewers.add(viewer, candidate):
                    self._queue_for(viewer, partial(self.client.send_candidate, candidate, recipient_client_id=viewer))

    def _queue_for(self, viewer: str, send: Callable[[], Awaitable[object]]) -> None:
        """Send to one viewer; what cannot be sent to it ends its call, not that of the others."""

        async def send_or_hang_up() -> None:
            try:
                await send()
            except KVSError as error:
                if not self.client.connected:
                    raise
                _logger.warning(
                    "%s: a message to %s was not sent (%s)", self._name, safe_line(viewer), safe_line(error)
                )
                self._hang_up(viewer)

        self._queue(send_or_hang_up)

    def _hang_up(self, viewer: str) -> None:
        self._viewers.pop(viewer, None)
        self._send("leave", viewer=viewer)
        self._enter_stage_of_viewers()

    def _take_report(self, report: PageReport) -> None:
        if report.viewer is None:
            return
        if report.state in {"gone", "lost"}:
            self._viewers.pop(report.viewer, None)
        else:
            self._viewers[report.viewer] = report.state
        self._enter_stage_of_viewers()

    def _enter_stage_of_viewers(self) -> None:
        states = set(self._viewers.values())
        stage: Stage = next((stage for state, stage in ONE_STAGE_FOR_ALL if state in states), "waiting")
        playing = sum(state == "playing" for state in self._viewers.values())
        self.enter(stage, f"Sending to {format_count(playing, 'viewer')}." if playing else "")

    # --- the channel

    async def _receive(self, message: Message) -> None:
        match message:
            case Offer(sdp=sdp, sender_client_id=str(viewer)):
                self._from_viewers.hold(viewer)
                self._to_viewers.hold(viewer)
                self._start(self._pass_on_offer(viewer, sdp))
            case Candidate(sender_client_id=str(viewer)):
                candidate = candidate_init(message)
                if not self._from_viewers.add(viewer, candidate):
                    self._send("candidate", viewer=viewer, candidate=candidate)
            case _:
                _logger.info("%s: ignored a message (%s)", self._name, type(message).__name__)

    async def _pass_on_offer(self, viewer: str, sdp: str) -> None:
        """Send the page an offer with valid ICE servers, then the candidates that arrived before the offer was sent.

        If there are no servers, the camera fails, unless it has other viewers: their video goes on.
        """
        try:
            servers = await self._target.ice_servers(self._arn)
        except KVSError as error:
            if not self._viewers:
                raise
            _logger.warning("%s: %s was not answered (%s)", self._name, safe_line(viewer), safe_line(error))
            return
        self._send("offer", viewer=viewer, sdp=sdp, servers=servers)
        for candidate in self._from_viewers.release(viewer):
            self._send("candidate", viewer=viewer, candidate=candidate)
