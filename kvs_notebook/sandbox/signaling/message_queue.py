"""Queue of signaling messages for peers that are not connected or do not read, until the messages expire."""

from __future__ import annotations

from typing import NamedTuple

from kvs_notebook.sandbox.backend.store import Store

MASTER = ""
"""The MASTER as sender and recipient; no client id is empty."""

MOST_OF_A_SENDER = 1_000
"""Messages that wait in a channel from one sender, to whatever recipients: a bound of the sandbox's memory, not the service's."""


class QueuedMessage(NamedTuple):
    """One message; ``sender`` and ``recipient`` are client ids or MASTER."""

    sender: str
    recipient: str
    message_type: str
    payload: str


class MessageQueue:
    """Keep messages per channel and recipient, oldest first, until they are removed.

    Parameters
    ----------
    store
        The database: a durable one keeps messages across processes, and a channel's messages are deleted with it.
    capacity
        Maximum number of messages from one sender to one recipient, so that no sender fills the queue of others.
    latest_only
        Types of which only the newest message from a sender to a recipient is kept.
    """

    def __init__(self, store: Store, *, capacity: int, latest_only: frozenset[str]) -> None:
        self._db = store.db
        self._capacity = capacity
        self._latest_only = latest_only

    def put(self, channel_id: int, message: QueuedMessage, *, expires_ms: int, now_ms: int) -> bool:
        """Add a message; return False if its sender has reached the capacity for its recipient, or that of the channel."""
        self._db.execute("DELETE FROM messages WHERE channel_id = ? AND expires_ms <= ?", (channel_id, now_ms))
        if message.message_type in self._latest_only:
            self._db.execute(
                "DELETE FROM messages WHERE channel_id = ? AND sender = ? AND recipient = ? AND message_type = ?",
                (channel_id, message.sender, message.recipient, message.message_type),
            )
        waiting, for_recipient = self._db.execute(
            "SELECT COUNT(*), COALESCE(SUM(recipient = ?), 0) FROM messages WHERE channel_id = ? AND sender = ?",
            (message.recipient, channel_id, message.sender),
        ).fetchone()
        if for_recipient >= self._capacity or waiting >= MOST_OF_A_SENDER:
            return False
        self._db.execute(
            "INSERT INTO messages (channel_id, sender, recipient, message_type, payload, expires_ms) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (channel_id, *message, expires_ms),
        )
        return True

    def first(self, channel_id: int, recipient: str, *, now_ms: int) -> tuple[int, QueuedMessage] | None:
        """Return the oldest message for a recipient that has not expired, with its number; None if there is none."""
        row = self._db.execute(
            "SELECT id, sender, recipient, message_type, payload FROM messages "
            "WHERE channel_id = ? AND recipient = ? AND expires_ms > ? ORDER BY id LIMIT 1",
            (channel_id, recipient, now_ms),
        ).fetchone()
        if row is None:
            return None
        number, *parts = row
        return number, QueuedMessage._make(parts)

    def remove(self, number: int) -> None:
        """Remove a message by its number: it was delivered."""
        self._db.execute("DELETE FROM messages WHERE id = ?", (number,))
