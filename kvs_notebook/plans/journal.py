"""The journal of a run: one line of JSON per event, from which an interrupted run is resumed.

A line that the process did not finish writing is normal, and is cut off when the run is resumed.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kvs_notebook.atomic_file import LINK_ERRORS, open_regular
from kvs_notebook.errors import ExportFailed
from kvs_notebook.plans.step_records import (
    ENDED,
    MAX_LINE_BYTES,
    NO_RECORD,
    RUN,
    SETTLED,
    STARTED,
    VERIFIED,
    StepRecord,
    apply_event,
    read_journal,
)


class Journal:
    """Append the events of a run to a file, and know the state of each step.

    Threads share it. After a write has failed, each further one raises the same error, so that nothing more is sent.

    Parameters
    ----------
    path
        The file. Its content is read first; begin() creates it if it does not exist.

    Attributes
    ----------
    plan_digest
        The digest of the plan that it belongs to; None if it names none.

    Raises
    ------
    DamagedFile
        If the file has a line that was not written by a journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: ExportFailed | None = None
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._written = self._synced = 0
        self._file: io.FileIO | None = None
        self.plan_digest, self._records = read_journal(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file: no further call may start, and the outcome of those in flight is not recorded."""
        with self._sync_lock, self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def record(self, number: int) -> StepRecord:
        """Return what is known of a step."""
        return self._records.get(number, NO_RECORD)

    def is_settled(self, number: int) -> bool:
        """Return whether a step needs no further call."""
        return self.record(number).outcome in SETTLED

    # --- events

    def begin(self, plan_digest: str, **about: Any) -> None:
        """Record that a run begins or is resumed.

        Raises
        ------
        ExportFailed
            If the file cannot be written.
        """
        self.plan_digest = plan_digest
        try:
            opener = partial(open_regular, follow_links=False, only_name=True)
            self._file = io.FileIO(self.path, "ab", opener=opener)
            self._file.truncate(_end_of_last_line(self.path))
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self._failure(error) from error
        self._write({"event": RUN, "plan": plan_digest, **about}, durable=True)

    def start(
        self, steps: Sequence[int], operation: str, *, durable: bool, seen: Mapping[str, Any] | None = None
    ) -> None:
        """Record that the call of some steps is about to be sent; if ``durable``, wait until the disk has it."""
        event = {"event": STARTED, "steps": [*steps], "operation": operation, "seen": seen}
        self._write(event, durable=durable)

    def end(
        self,
        steps: Sequence[int],
        outcome: str,
        *,
        error_code: str | None = None,
        message: str | None = None,
        channel_arn: str | None = None,
    ) -> None:
        """Record the outcome of some steps."""
        self._write(
            {
                "event": ENDED,
                "steps": [*steps],
                "outcome": outcome,
                "error_code": error_code,
                "message": message,
                "channel_arn": channel_arn,
            }
        )

    def verify(self, steps: Sequence[int]) -> None:
        """Record that a read has shown the changes of some steps."""
        if steps:
            self._write({"event": VERIFIED, "steps": [*steps]})

    def sync(self) -> None:
        """Wait until the disk has all events."""
        self._sync(self._written)

    def _write(self, event: dict[str, Any], *, durable: bool = False) -> None:
        event = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **_without_none(event)}
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        with self._lock:
            if self._file is None:
                if event["event"] == STARTED:
                    raise ExportFailed(f"The run of {self.path.parent} has ended; no further change is sent.")
                return
            if event["event"] != STARTED:  # it has happened, whether or not it can be written
                apply_event(self._records, event)
            self._append(self._file, line)
            if event["event"] == STARTED:
                apply_event(self._records, event)
            end = self._written
        if durable:
            self._sync(end)

    def _append(self, file: io.FileIO, line: bytes) -> None:
        if self.error is not None:
            raise self.error
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            self.error = self._failure(error)
            raise self.error from error
        self._written += len(line)

    def _sync(self, end: int) -> None:
        """Wait until the disk has the first ``end`` bytes of this run; threads that wait at the same time share one wait."""
        with self._sync_lock:
            with self._lock:
                file, written = self._file, self._written
            if file is None or self._synced >= end:
                return
            try:
                os.fsync(file.fileno())
            except OSError as error:
                self.error = self._failure(error)
                raise self.error from error
            self._synced = written

    def _failure(self, error: OSError) -> ExportFailed:
        folder = str(self.path.parent)
        advice = (
            f"Replace it by a copy, then call kvs.resume_plan({folder!r})."
            if error.errno in LINK_ERRORS
            else f"Free space on its disk, then call kvs.resume_plan({folder!r})."
        )
        return ExportFailed(f"Can't write {self.path}: {error.strerror or error}; no further change is sent. {advice}")


def _end_of_last_line(path: Path) -> int:
    with path.open("rb") as file:
        start = file.seek(0, os.SEEK_END)
        while start > 0:
            start = max(0, start - MAX_LINE_BYTES)
            file.seek(start)
            found = file.read(MAX_LINE_BYTES).rfind(b"\n")
            if found >= 0:
                return start + found + 1
    return 0


def _without_none(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value is not None}


def _sync_folder(folder: Path) -> None:
    """Wait until the disk has the name of a new file; Windows opens no folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
