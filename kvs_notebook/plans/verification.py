"""Verify that changes are there: a few channels one by one, or all of an account and region in one read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from kvs_notebook.aws.concurrency import map_concurrent
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.validation import own_tags
from kvs_notebook.channels.listing import channel_infos
from kvs_notebook.channels.reference import ChannelRef
from kvs_notebook.channels.tag_reader import BULK, read_tags_of
from kvs_notebook.dataframes.schemas import NOT_REQUESTED
from kvs_notebook.plans.channel_change import ChannelChange
from kvs_notebook.plans.channel_state import ChannelState, is_as_wanted, read_state
from kvs_notebook.plans.journal import Journal
from kvs_notebook.plans.step_records import CONFLICT, DONE

LOOKS = 5
SECONDS_BETWEEN_LOOKS = 1.0
"""The service is eventually consistent: a new channel may not be found for a few seconds."""

CHANGED_AFTERWARDS = "The change was accepted, and is not there now: another writer has changed it since."


class Verifier:
    """Verify changes of one account and region that were recorded as done.

    Parameters
    ----------
    connection
        The account and region.
    journal
        Records what was done, and what was verified.
    is_stopped
        Returns whether no further call may be sent.
    """

    def __init__(self, connection: Connection, journal: Journal, is_stopped: Callable[[], bool]) -> None:
        self._connection = connection
        self._journal = journal
        self._is_stopped = is_stopped

    def verify_each(self, changes: Sequence[ChannelChange]) -> bool:
        """Read channels one by one; return whether each change is there. One that is not becomes a conflict.

        Raises
        ------
        KVSError
            If a channel cannot be read.
        """
        return all(map_concurrent(self._verify, self._done(changes), description="Verifying", quiet=True))

    def verify_all(self, changes: Sequence[ChannelChange]) -> None:
        """List the channels and read their tags in bulk, then read the channels that do not show their change one by one.

        Raises
        ------
        KVSError
            If the channels or their tags cannot be read.
        """
        done = self._done(changes)
        if not done:
            return
        infos = {str(info["ChannelARN"]): info for info in channel_infos(None, self._connection)}
        tagged = [self._arn(change) for change in done if change.needs_tags and not change.deletes]
        reading = read_tags_of(tagged, BULK if tagged else NOT_REQUESTED, self._connection)
        if reading.error is not None:
            raise reading.error
        doubtful = []
        for change in done:
            arn = self._arn(change)
            state = ChannelState(infos.get(arn), own_tags(reading.tags.get(arn, {})))
            if all(is_as_wanted(change, step, state) for step in change.steps):
                self._journal.verify(change.numbers)
            else:
                doubtful.append(change)
        self.verify_each(doubtful)

    def _done(self, changes: Sequence[ChannelChange]) -> list[ChannelChange]:
        """Return the changes with their steps that are done and not verified."""

        def to_verify(number: int) -> bool:
            record = self._journal.record(number)
            return record.outcome == DONE and not record.verified

        found = (replace(each, steps=tuple(s for s in each.steps if to_verify(s.number))) for each in changes)
        return [change for change in found if change.steps]

    def _arn(self, change: ChannelChange) -> str:
        return change.channel_arn or self._journal.record(change.numbers[0]).channel_arn or ""

    def _verify(self, change: ChannelChange) -> bool:
        """Read a channel until it shows its change, a few times."""
        ref = ChannelRef(change.channel_name, self._arn(change) or None)
        for look in range(LOOKS):
            if look:
                time.sleep(SECONDS_BETWEEN_LOOKS)
            if self._is_stopped():
                return True  # nothing was found wrong; the steps stay done and not verified
            state = read_state(ref, self._connection, tags=change.needs_tags)
            missing = [step.number for step in change.steps if not is_as_wanted(change, step, state)]
            if not missing:
                self._journal.verify(change.numbers)
                return True
        self._journal.verify([number for number in change.numbers if number not in missing])
        self._journal.end(missing, CONFLICT, message=CHANGED_AFTERWARDS)
        return False
