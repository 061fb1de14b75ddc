"""Match refusals of the service to the messages that they refuse."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from kvs_notebook.aws.error_translation import from_code
from kvs_notebook.errors import ChannelNotFound, InvalidInput, KVSError, Throttled
from kvs_notebook.formatting import one_line
from kvs_notebook.signaling.frames import Refusal

CAPACITY = 10_000
"""Sent messages whose refusal is still matched."""

OPERATIONS = {"SDP_OFFER": "SendSDPOffer", "SDP_ANSWER": "SendSDPAnswer", "ICE_CANDIDATE": "SendICECandidate"}
"""The quota page's name for sending each type of message."""

MASTER = "the MASTER"
"""The recipient of a viewer's messages, as messages name it."""

NEXT_STEPS: Mapping[type[KVSError], str] = {
    ChannelNotFound: "No viewer with that client id is connected, or the channel was deleted.",
    InvalidInput: "Correct the message and send it again; the connection stays open.",
    Throttled: "A connection may send 5 offers, 5 answers and 20 candidates a second: send again later.",
}

NEXT_STEPS_OF_VIEWER: Mapping[type[KVSError], str] = {
    **NEXT_STEPS,
    ChannelNotFound: "No MASTER is connected, or the channel was deleted.",
}


_logger = logging.getLogger(__name__)


def new_correlation_id() -> str:
    """Return an id that no other message has."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message whose refusal may still come, and the future of the caller that waits for it."""

    operation: str
    recipient: str
    refused: asyncio.Future[None] | None = None


UNKNOWN_MESSAGE = SentMessage("Sending", "an unknown recipient")
"""In place of a message that is no longer remembered."""


class RefusalCorrelator:
    """Remember sent messages by correlation id, and raise a refusal in the send that waits for it.

    The service confirms no message: an entry is removed by its refusal, or by ``capacity`` newer messages.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._sent: OrderedDict[str, SentMessage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent)

    def register(
        self, correlation_id: str, message_type: str, recipient: str, refused: asyncio.Future[None] | None = None
    ) -> None:
        """Remember a message that is about to be sent; its refusal is set as the exception of ``refused``."""
        self._sent[correlation_id] = SentMessage(OPERATIONS[message_type], recipient, refused)
        if len(self._sent) > self._capacity:
            self._sent.popitem(last=False)

    def resolve(self, refusal: Refusal) -> KVSError | None:
        """Return the error of a refusal, or None if the caller that sent the message waits for it and raises it."""
        sent = self._sent.pop(refusal.correlation_id, UNKNOWN_MESSAGE)
        next_steps = NEXT_STEPS_OF_VIEWER if sent.recipient == MASTER else NEXT_STEPS
        error = from_code(
            refusal.code, refusal.description, operation=sent.operation, subject=sent.recipient, next_steps=next_steps
        )
        _logger.warning("%s to %s was refused: %s", sent.operation, one_line(sent.recipient), error.code)
        return None if _set_exception(sent.refused, error) else error

    def fail_all(self, error: Exception) -> None:
        """Raise an error at every caller that waits for a refusal."""
        for sent in self._sent.values():
            _set_exception(sent.refused, error)


def _set_exception(future: asyncio.Future[None] | None, error: Exception) -> bool:
    if future is None or future.done():
        return False
    future.set_exception(error)
    return True
