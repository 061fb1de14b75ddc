"""The tags of a console's channels: read in bulk, kept between listings, and read again when they may have changed."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.channels.tag_reader import CHEAPEST, EACH, read_tags_of
from kvs_notebook.dataframes.builders import tags_frame
from kvs_notebook.dataframes.schemas import FAILED, NOT_REQUESTED
from kvs_notebook.dataframes.tag_pivot import join_tags
from kvs_notebook.errors import KVSError

SECONDS_BETWEEN_READINGS = 20.0
"""Less than the time between two refreshes of a console: each of them reads the tags, also if its listing is fast."""

REST_FACTOR = 10
"""A slow reading is repeated only after ten times its duration: 50,000 channels take 500 calls."""


class TagCache:
    """Keep the tags of channels by their ARN.

    Attributes
    ----------
    error
        Why the latest reading failed, None if it succeeded.
    """

    def __init__(self) -> None:
        self.error: KVSError | None = None
        self._tags: dict[str, dict[str, str]] = {}
        self._sources: dict[str, str] = {}
        self._is_requested = True
        self._next_reading = 0.0

    def request(self, *, if_old: bool = False) -> None:
        """Read all tags with the next listing; with ``if_old`` unless they were read a short time ago."""
        self._is_requested |= not if_old or time.monotonic() >= self._next_reading

    def forget(self, arns: Iterable[str]) -> None:
        """Read the tags of these channels with the next listing: they were changed."""
        for arn in arns:
            self._sources.pop(arn, None)

    def read(self, arns: list[str], connection: Connection) -> bool:
        """Read the tags that are due: all that were requested, else those of channels that are new or were changed.

        Return False if none are.
        """
        due = arns if self._is_requested else [arn for arn in arns if arn not in self._sources]
        if not due:
            return False
        mode = CHEAPEST if self._is_requested else EACH  # bulk may show a change late
        self._is_requested = False
        began = time.monotonic()
        found = read_tags_of(due, mode, connection)
        ended = time.monotonic()
        self._next_reading = max(began + SECONDS_BETWEEN_READINGS, ended + REST_FACTOR * (ended - began))
        self.error = found.error
        for arn, source in zip(due, found.sources(due), strict=True):
            if found.error is None and source != FAILED:
                self._tags[arn] = dict(found.tags.get(arn, {}))
                self._sources[arn] = source
            else:
                self._sources.setdefault(arn, FAILED)  # what was read before is still shown
        return True

    def join(self, channels: pd.DataFrame) -> pd.DataFrame:
        """Return a channels frame with the tags that are known."""
        arns = channels["channel_arn"].tolist()
        known = {arn: self._tags[arn] for arn in arns if arn in self._tags}
        sources = [self._sources.get(arn, FAILED if self._sources else NOT_REQUESTED) for arn in arns]
        return join_tags(channels, tags_frame(known), sources=sources)
