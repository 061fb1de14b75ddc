"""SQLite store of channels, tags and undelivered messages, in memory or in a file."""

from __future__ import annotations

import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

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
"""Key in meta: the latest lifecycle time of any write, also to channels that are deleted now."""

ALIAS_OF = "account_alias "
"""Beginning of a key in meta: an account's alias."""

AFTER_EVERY_NAME = "\x7f"
"""Sorts after every character of a channel name."""


class Channel(NamedTuple):
    """One channel of the store; times are epoch milliseconds of the lifecycle clock."""

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

CACHE_SIZE = 1_000
"""Look-ups of channels that are cached until the next write."""


class Store:
    """Channels keyed by account, region and name, their tags, and the sandbox's own settings.

    For one thread at a time. Each method that writes has committed when it returns, so that a killed process loses nothing.

    Attributes
    ----------
    db
        The database, which the message queue shares.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._fresh: dict[tuple[str, str, str], int] = {}  # creation times of names that were taken just now
        self._fresh_until = 0
        self._cache: dict[tuple[str, str, str], Channel | None] = {}  # each message looks its channel up
        self._cached_at = 0  # value of total_changes that the cache is valid for

    @classmethod
    def open(cls, path: str | Path | None = None) -> Self:
        """Open a SQLite file, and create it if it does not exist; None keeps everything in memory.

        Raises
        ------
        sqlite3.Error
            If the file cannot be opened or is not a database.
        """
        if path is not None:
            Path(path).touch(mode=0o600)  # SQLite gives its other files the same mode
        # Opened by the thread that starts the sandbox, used by the one that serves it.
        db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.executescript(SCHEMA)
        except sqlite3.Error:
            db.close()
            raise
        return cls(db)

    def close(self) -> None:
        """Close the database; a file keeps its content."""
        self.db.close()

    # --- settings

    def get_setting(self, key: str) -> str | None:
        """Return a setting; None if it was never set."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put_setting(self, key: str, value: str) -> None:
        """Set a setting."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def account_alias(self, account_id: str) -> str | None:
        """Return the alias of an account; None if it has none."""
        return self.get_setting(f"{ALIAS_OF}{account_id}")

    def put_account_alias(self, account_id: str, alias: str) -> None:
        """Set the alias of an account, which has at most one."""
        self.put_setting(f"{ALIAS_OF}{account_id}", alias)

    @property
    def root_secret(self) -> bytes:
        """The secret of this sandbox, from which its other secrets are derived: 32 random bytes, created on first use."""
        known = self.get_setting("root_secret")
        if known is None:
            known = secrets.token_hex(32)
            self.put_setting("root_secret", known)
        return bytes.fromhex(known)

    @property
    def latest_ms(self) -> int:
        """The latest lifecycle time of a write; a clock must not start before it."""
        return int(self.get_setting(LATEST) or 0)

    def record_time(self, at_ms: int) -> None:
        """Store a lifecycle time if it is later than the stored one."""
        if at_ms > self.latest_ms:
            self.put_setting(LATEST, str(at_ms))

    def reset(self) -> None:
        """Delete every channel, tag, message and alias; settings stay."""
        with self._transaction():
            self.db.execute("DELETE FROM tags")
            self.db.execute("DELETE FROM channels")
            self.db.execute("DELETE FROM meta WHERE key = ? OR key GLOB ?", (LATEST, f"{ALIAS_OF}*"))
        self._fresh.clear()

    # --- channels

    def find(self, account_id: str, region: str, name: str) -> Channel | None:
        """Return the channel of a name; None if there is none."""
        key = account_id, region, name
        if self._cached_at != self.db.total_changes or len(self._cache) >= CACHE_SIZE:
            self._cache.clear()
            self._cached_at = self.db.total_changes
        if key not in self._cache:
            row = self.db.execute(FIND, key).fetchone()
            self._cache[key] = None if row is None else Channel._make(row)
        return self._cache[key]

    def count(self, account_id: str, region: str) -> int:
        """Count the channels of one account in one region."""
        query = "SELECT COUNT(*) FROM channels WHERE account_id = ? AND region = ?"
        return int(self.db.execute(query, (account_id, region)).fetchone()[0])

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
        """Return the next channels after a name, in list order.

        Parameters
        ----------
        account_id, region
            Select the channels.
        limit
            Maximum number of channels.
        prefix
            The beginning of their names.
        ignore_case
            Whether the prefix matches names in another case.
        shuffled
            Whether to return them in a stable shuffled order instead of sorted by name.
        after
            The last name of the previous page, which may have been deleted since.
        at_ms
            Exclude channels that were created later.
        gone_ms
            Exclude channels that were deleted at or before this time.
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
            if (
                shuffled or after is None or after < prefix
            ):  # else SQLite may use the index for it instead of for `after`
                only("name >= ?", prefix)
        if after is not None and shuffled:
            only("(scatter, name) > (?, ?)", _shuffle_key(after), after)
        elif after is not None:
            only("name > ?", after)
        order = "scatter, name" if shuffled else "name"
        query = f"SELECT {COLUMNS} FROM channels WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?"  # noqa: S608 - constants
        return [Channel._make(row) for row in self.db.execute(query, (*values, limit))]

    def creation_ms(self, account_id: str, region: str, name: str, now_ms: int) -> int:
        """Return a creation time later than that of any earlier channel of the name, so that ARNs are unique."""
        if now_ms > self._fresh_until:
            self._fresh.clear()
        earlier = self._fresh.get((account_id, region, name), 0)
        return max(now_ms, earlier + 1)

    def add(self, channel: Channel, tags: Mapping[str, str]) -> None:
        """Add a channel whose name is not taken."""
        self._fresh[channel.account_id, channel.region, channel.name] = channel.created_ms
        self._fresh_until = max(self._fresh_until, channel.created_ms)
        self.add_many([(channel, tags)])

    def add_many(self, channels: Iterable[tuple[Channel, Mapping[str, str]]]) -> int:
        """Add channels with their tags in one transaction, except those whose name is taken; return the number added."""
        with self._transaction():
            first = 1 + int(self.db.execute("SELECT COALESCE(MAX(id), 0) FROM channels").fetchone()[0])
            before = self.db.total_changes
            latest = 0
            rows, tag_rows = [], []
            for number, (channel, tags) in enumerate(channels, first):
                rows.append((*channel._replace(id=number), _shuffle_key(channel.name)))
                tag_rows += [(key, value, number) for key, value in tags.items()]
                latest = max(latest, channel.created_ms)
            self.db.executemany(INSERT, rows)
            added = self.db.total_changes - before
            self.db.executemany(
                "INSERT INTO tags (key, value, channel_id) SELECT ?1, ?2, id FROM channels WHERE id = ?3", tag_rows
            )
            self.record_time(latest)
        return added

    def update(self, channel: Channel, *, ttl: int, version: str, at_ms: int) -> None:
        """Set a channel's TTL and version, and keep the previous ones for stale reads."""
        with self._transaction():
            self.db.execute(
                "UPDATE channels SET ttl = ?, version = ?, updated_ms = ?, ttl_before = ttl, version_before = version "
                "WHERE id = ?",
                (ttl, version, at_ms, channel.id),
            )
            self.record_time(at_ms)

    def set_version(self, channel: Channel, version: str) -> None:
        """Set a channel's version only."""
        self.db.execute("UPDATE channels SET version = ? WHERE id = ?", (version, channel.id))

    def delete(self, channel: Channel, *, at_ms: int) -> None:
        """Mark a channel as deleted at a time."""
        with self._transaction():
            self.db.execute("UPDATE channels SET deleted_ms = ? WHERE id = ?", (at_ms, channel.id))
            self.record_time(at_ms)

    def remove(self, channel: Channel) -> None:
        """Remove a channel and its tags."""
        self.db.execute("DELETE FROM channels WHERE id = ?", (channel.id,))

    def purge(self, gone_ms: int) -> None:
        """Remove every channel whose deletion began at or before a time."""
        if self.db.execute("SELECT 1 FROM channels WHERE deleted_ms <= ? LIMIT 1", (gone_ms,)).fetchone():
            self.db.execute("DELETE FROM channels WHERE deleted_ms <= ?", (gone_ms,))

    # --- tags

    def tags(self, channel: Channel) -> dict[str, str]:
        """Return a channel's tags, sorted by key."""
        return dict(self.db.execute("SELECT key, value FROM tags WHERE channel_id = ? ORDER BY key", (channel.id,)))

    def tagged_page(self, account_id: str, region: str, *, limit: int, after: str, gone_ms: int) -> list[Channel]:
        """Return the next channels after a name that have or had a tag, except those deleted at or before ``gone_ms``."""
        query = (
            f"SELECT {COLUMNS} FROM channels WHERE account_id = ? AND region = ? AND name > ? "  # noqa: S608 - constants
            "AND (deleted_ms IS NULL OR deleted_ms > ?) AND id IN (SELECT channel_id FROM ever_tagged) "
            "ORDER BY name LIMIT ?"
        )
        return [Channel._make(row) for row in self.db.execute(query, (account_id, region, after, gone_ms, limit))]

    def put_tags(self, channel: Channel, tags: Mapping[str, str]) -> None:
        """Set tags on a channel, all of them or none."""
        with self._transaction():
            self.db.executemany(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)",
                [(channel.id, key, value) for key, value in tags.items()],
            )

    def remove_tags(self, channel: Channel, keys: Sequence[str]) -> None:
        """Remove tags from a channel; keys that it does not have are ignored."""
        with self._transaction():
            self.db.executemany(
                "DELETE FROM tags WHERE channel_id = ? AND key = ?", [(channel.id, key) for key in keys]
            )

    # --- transactions

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # on a full disk SQLite may have rolled it back itself
                self.db.execute("ROLLBACK")
            raise


def _shuffle_key(name: str) -> int:
    return zlib.crc32(name.encode())
