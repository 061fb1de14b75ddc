"""Mailbox: signaling messages that wait for a peer that is not connected, or does not read, until their time is up."""

from __future__ import annotations

from typing import NamedTuple

from kvs_notebook.sandbox.backend.store import Store

MASTER = ""
"""Stands for the MASTER as sender and recipient; no client id is empty."""


class QueuedMessage(NamedTuple):
    """One message on its way from a peer to another; ``sender`` and ``recipient`` are client ids or MASTER."""

    sender: str
    recipient: str
    message_type: str
    payload: str


class MessageQueue:
    """Keep messages per channel and recipient, oldest first, until they are removed.

    Parameters
    ----------
    store
        In whose database: it outlives the process where that does, and a channel's messages go with the channel.
    capacity
        Messages that one sender may have waiting for one recipient: nobody uses up the room of others.
    latest_only
        Types of which a sender has at most one waiting for a recipient: a newer one takes the place of an older one.
    """

    def __init__(self, store: Store, *, capacity: int, latest_only: frozenset[str]) -> None:
        self._db = store.db
        self._capacity = capacity
        self._latest_only = latest_only

    def put(self, channel_id: int, message: QueuedMessage, *, expires_ms: int, now_ms: int) -> bool:
        """Keep a message; False where its sender has no room left for its recipient."""
        self._db.execute("DELETE FROM messages WHERE channel_id = ? AND expires_ms <= ?", (channel_id, now_ms))
        if message.message_type in self._latest_only:
            self._db.execute(
                "DELETE FROM messages WHERE channel_id = ? AND sender = ? AND recipient = ? AND message_type = ?",
                (channel_id, message.sender, message.recipient, message.message_type),
            )
        (waiting,) = self._db.execute(
            "SELECT COUNT(*) FROM messages WHERE channel_id = ? AND recipient = ? AND sender = ?",
            (channel_id, message.recipient, message.sender),
        ).fetchone()
        if waiting >= self._capacity:
            return False
        self._db.execute(
            "INSERT INTO messages (channel_id, sender, recipient, message_type, payload, expires_ms) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (channel_id, *message, expires_ms),
        )
        return True

    def first(self, channel_id: int, recipient: str, *, now_ms: int) -> tuple[int, QueuedMessage] | None:
        """Give the oldest message for a recipient whose time is not up, with its number; None where there is none."""
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
        """Forget a message, by its number: it was delivered."""
        self._db.execute("DELETE FROM messages WHERE id = ?", (number,))
