"""Channels, tags and undelivered messages in SQLite: in memory, or in a file that outlives the process."""

from __future__ import annotations

import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kvs_notebook.aws.arns import ChannelArn

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channels (
    id INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
    channel_type TEXT NOT NULL, ttl INTEGER NOT NULL, version TEXT NOT NULL, created_ms INTEGER NOT NULL,
    updated_ms INTEGER, ttl_before INTEGER, version_before TEXT, deleted_ms INTEGER,
    scatter INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS channels_by_name ON channels (account_id, region, name);
CREATE INDEX IF NOT EXISTS channels_shuffled ON channels (account_id, region, scatter, name);
CREATE INDEX IF NOT EXISTS channels_going ON channels (deleted_ms) WHERE deleted_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS tags (
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (channel_id, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ever_tagged (channel_id INTEGER PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE);
CREATE TRIGGER IF NOT EXISTS note_tagged AFTER INSERT ON tags
    BEGIN INSERT OR IGNORE INTO ever_tagged VALUES (new.channel_id); END;
INSERT OR IGNORE INTO ever_tagged SELECT DISTINCT channel_id FROM tags;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    recipient TEXT NOT NULL, sender TEXT NOT NULL, message_type TEXT NOT NULL, payload TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_recipient ON messages (channel_id, recipient, id);
"""

LATEST = "latest_ms"
"""Key in meta: the latest lifecycle time that anything was written at, deleted channels included."""

AFTER_EVERY_NAME = "\x7f"
"""Sorts after every character that a name may have."""


class Channel(NamedTuple):
    """One channel as it stands in the store; times are epoch milliseconds of the lifecycle clock."""

    account_id: str
    region: str
    name: str
    channel_type: str
    ttl: int
    version: str
    created_ms: int
    updated_ms: int | None = None
    ttl_before: int | None = None
    version_before: str | None = None
    deleted_ms: int | None = None
    id: int | None = None

    @property
    def arn(self) -> str:
        """The ARN, which ends in the creation time."""
        return str(ChannelArn.build(self.region, self.account_id, self.name, self.created_ms))


COLUMNS = ", ".join(Channel._fields)
INSERT = f"""INSERT OR IGNORE INTO channels ({COLUMNS}, scatter) VALUES ({", ".join("?" * len(Channel._fields))}, ?)"""  # noqa: S608
FIND = f"SELECT {COLUMNS} FROM channels WHERE account_id = ? AND region = ? AND name = ?"  # noqa: S608

FOUND_KEPT = 1_000
"""Channels that are remembered from one look-up to the next."""


class Store:
    """Keep channels keyed by account, region and name, their tags, and the sandbox's own settings.

    For one thread at a time. Each method that writes has committed when it returns: what it wrote survives a killed process.

    Parameters
    ----------
    path
        The SQLite file, made where it is missing; None keeps everything in memory.

    Raises
    ------
    sqlite3.Error
        When the file cannot be opened or is no database.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        # Made by the thread that starts the sandbox, used by the one that serves it.
        if path is not None:
            Path(path).touch(mode=0o600)  # SQLite's own files beside it take this mode over
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.executescript(SCHEMA)
        except sqlite3.Error:
            self._db.close()
            raise
        self._fresh: dict[tuple[str, str, str], int] = {}  # creation times of names that were taken just now
        self._fresh_until = 0
        self._found: dict[tuple[str, str, str], Channel | None] = {}  # while nothing is written: messages ask each time
        self._found_at = 0  # rows written until then

    def close(self) -> None:
        """Close the database; what a file holds stays."""
        self._db.close()

    @property
    def db(self) -> sqlite3.Connection:
        """The database itself, for the room that keeps the messages."""
        return self._db

    # --- settings

    def get(self, key: str) -> str | None:
        """Give a setting, None where it was never set."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        """Set a setting."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @property
    def root_secret(self) -> bytes:
        """The secret of this sandbox, 32 random bytes made on first use, from which its other secrets are derived."""
        known = self.get("root_secret")
        if known is None:
            known = secrets.token_hex(32)
            self.put("root_secret", known)
        return bytes.fromhex(known)

    @property
    def latest_ms(self) -> int:
        """The latest lifecycle time that was written at: a clock that is behind it would go back in time."""
        return int(self.get(LATEST) or 0)

    def note(self, at_ms: int) -> None:
        """Remember that lifecycle time has come this far."""
        if at_ms > self.latest_ms:
            self.put(LATEST, str(at_ms))

    def reset(self) -> None:
        """Forget every channel, tag and message; settings stay."""
        with self._transaction():
            self._db.execute("DELETE FROM tags")
            self._db.execute("DELETE FROM channels")
            self._db.execute("DELETE FROM meta WHERE key = ?", (LATEST,))
        self._fresh.clear()

    # --- channels

    def find(self, account_id: str, region: str, name: str) -> Channel | None:
        """Give the channel that has a name."""
        key = account_id, region, name
        if self._found_at != self._db.total_changes or len(self._found) >= FOUND_KEPT:
            self._found.clear()
            self._found_at = self._db.total_changes
        if key not in self._found:
            row = self._db.execute(FIND, key).fetchone()
            self._found[key] = None if row is None else Channel._make(row)
        return self._found[key]

    def count(self, account_id: str, region: str) -> int:
        """Count the channels of one account in one region."""
        query = "SELECT COUNT(*) FROM channels WHERE account_id = ? AND region = ?"
        return int(self._db.execute(query, (account_id, region)).fetchone()[0])

    def page(
        self,
        account_id: str,
        region: str,
        *,
        limit: int,
        prefix: str = "",
        ignore_case: bool = False,
        shuffled: bool = False,
        after: str | None = None,
        at_ms: int | None = None,
        gone_ms: int = 0,
    ) -> list[Channel]:
        """Give the next channels after a name, in the order of the list.

        Parameters
        ----------
        account_id, region
            Which channels.
        limit
            How many at most.
        prefix
            With what their names begin.
        ignore_case
            Whether the prefix fits names of another case.
        shuffled
            Whether the order is a stable shuffle in place of the names' own.
        after
            The name that the page before ended with, whether or not it still is there.
        at_ms
            Leave out what was created later.
        gone_ms
            Leave out what was deleted at or before this time.
        """
        where = ["account_id = ?", "region = ?", "(deleted_ms IS NULL OR deleted_ms > ?)"]
        values: list[object] = [account_id, region, gone_ms]

        def only(condition: str, *more: object) -> None:
            where.append(condition)
            values.extend(more)

        if at_ms is not None:
            only("created_ms <= ?", at_ms)
        if ignore_case:
            only("lower(substr(name, 1, ?)) = ?", len(prefix), prefix.lower())
        elif prefix:
            only("name < ?", prefix + AFTER_EVERY_NAME)
            if shuffled or after is None or after < prefix:  # else it would compete with `after` for the index
                only("name >= ?", prefix)
        if after is not None and shuffled:
            only("(scatter, name) > (?, ?)", _scatter(after), after)
        elif after is not None:
            only("name > ?", after)
        order = "scatter, name" if shuffled else "name"
        query = f"SELECT {COLUMNS} FROM channels WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?"  # noqa: S608 - constants
        return [Channel._make(row) for row in self._db.execute(query, (*values, limit))]

    def creation_ms(self, account_id: str, region: str, name: str, now_ms: int) -> int:
        """Give the creation time for a new channel, later than that of any before it: no two share an ARN."""
        if now_ms > self._fresh_until:
            self._fresh.clear()
        earlier = self._fresh.get((account_id, region, name), 0)
        return max(now_ms, earlier + 1)

    def add(self, channel: Channel, tags: Mapping[str, str]) -> None:
        """Add a channel whose name is free."""
        self._fresh[channel.account_id, channel.region, channel.name] = channel.created_ms
        self._fresh_until = max(self._fresh_until, channel.created_ms)
        self.add_many([(channel, tags)])

    def add_many(self, channels: Iterable[tuple[Channel, Mapping[str, str]]]) -> int:
        """Add channels with their tags in one transaction, those whose name is taken left out; give how many were added."""
        with self._transaction():
            first = 1 + int(self._db.execute("SELECT COALESCE(MAX(id), 0) FROM channels").fetchone()[0])
            before = self._db.total_changes
            latest = 0
            rows, tag_rows = [], []
            for number, (channel, tags) in enumerate(channels, first):
                rows.append((*channel._replace(id=number), _scatter(channel.name)))
                tag_rows += [(key, value, number) for key, value in tags.items()]
                latest = max(latest, channel.created_ms)
            self._db.executemany(INSERT, rows)
            added = self._db.total_changes - before
            self._db.executemany(
                "INSERT INTO tags (key, value, channel_id) SELECT ?1, ?2, id FROM channels WHERE id = ?3", tag_rows
            )
            self.note(latest)
        return added

    def update(self, channel: Channel, *, ttl: int, version: str, at_ms: int) -> None:
        """Give a channel another TTL and version, and remember what they were."""
        with self._transaction():
            self._db.execute(
                "UPDATE channels SET ttl = ?, version = ?, updated_ms = ?, ttl_before = ttl, version_before = version "
                "WHERE id = ?",
                (ttl, version, at_ms, channel.id),
            )
            self.note(at_ms)

    def set_version(self, channel: Channel, version: str) -> None:
        """Give a channel another version and leave all else."""
        self._db.execute("UPDATE channels SET version = ? WHERE id = ?", (version, channel.id))

    def delete(self, channel: Channel, *, at_ms: int) -> None:
        """Note that a channel's deletion has begun."""
        with self._transaction():
            self._db.execute("UPDATE channels SET deleted_ms = ? WHERE id = ?", (at_ms, channel.id))
            self.note(at_ms)

    def remove(self, channel: Channel) -> None:
        """Take a channel and its tags out at once."""
        self._db.execute("DELETE FROM channels WHERE id = ?", (channel.id,))

    def purge(self, gone_ms: int) -> None:
        """Take out every channel whose deletion began at or before a time; costs nothing where there is none."""
        if self._db.execute("SELECT 1 FROM channels WHERE deleted_ms <= ? LIMIT 1", (gone_ms,)).fetchone():
            self._db.execute("DELETE FROM channels WHERE deleted_ms <= ?", (gone_ms,))

    # --- tags

    def tags(self, channel: Channel) -> dict[str, str]:
        """Give a channel's tags, sorted by key."""
        return dict(self._db.execute("SELECT key, value FROM tags WHERE channel_id = ? ORDER BY key", (channel.id,)))

    def tagged_page(self, account_id: str, region: str, *, limit: int, after: str, gone_ms: int) -> list[Channel]:
        """Give the next channels after a name that have or had a tag; those that were deleted by then are left out."""
        query = (
            f"SELECT {COLUMNS} FROM channels WHERE account_id = ? AND region = ? AND name > ? "  # noqa: S608 - constants
            "AND (deleted_ms IS NULL OR deleted_ms > ?) AND id IN (SELECT channel_id FROM ever_tagged) "
            "ORDER BY name LIMIT ?"
        )
        return [Channel._make(row) for row in self._db.execute(query, (account_id, region, after, gone_ms, limit))]

    def put_tags(self, channel: Channel, tags: Mapping[str, str]) -> None:
        """Set tags on a channel, all of them or none."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)",
                [(channel.id, key, value) for key, value in tags.items()],
            )

    def remove_tags(self, channel: Channel, keys: Sequence[str]) -> None:
        """Take tags off a channel; keys that it does not have are ignored."""
        with self._transaction():
            self._db.executemany(
                "DELETE FROM tags WHERE channel_id = ? AND key = ?", [(channel.id, key) for key in keys]
            )

    # --- inside

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _scatter(name: str) -> int:
    return zlib.crc32(name.encode())
