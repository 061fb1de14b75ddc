"""What a journal knows of each step of a plan, read from its lines of JSON.

A line that the process did not finish writing is normal, and is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from kvs_notebook.atomic_file import LINK_ERRORS, open_regular
from kvs_notebook.dataframes.input_limits import MEBIBYTE, check_size
from kvs_notebook.errors import DamagedFile

DONE, ALREADY_DONE, CONFLICT, FAILED, UNKNOWN, NOT_STARTED = OUTCOMES = (
    "done",
    "already_done",
    "conflict",
    "failed",
    "unknown",
    "not_started",
)
SETTLED = frozenset({DONE, ALREADY_DONE, CONFLICT})
"""Outcomes of steps that are not sent again when the run is resumed."""

MAX_JOURNAL_BYTES = 1024 * MEBIBYTE
MAX_LINE_BYTES = MEBIBYTE
"""For a journal, and for one event, whose largest part is the 50 tags of a channel that is deleted."""

RUN, STARTED, ENDED, VERIFIED = "run", "started", "ended", "verified"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What the journal knows of one step.

    Attributes
    ----------
    started
        When its call was first about to be sent; None if it was not.
    finished, outcome, error_code, message
        Its outcome; None if that was not recorded.
    channel_arn
        The ARN of the channel that it created.
    seen
        What a delete has removed: ``message_ttl_seconds`` and ``tags``.
    verified
        Whether a later read has shown that the change is there.
    """

    started: datetime | None = None
    finished: datetime | None = None
    outcome: str | None = None
    error_code: str | None = None
    message: str | None = None
    channel_arn: str | None = None
    seen: Mapping[str, Any] | None = None
    verified: bool = False


NO_RECORD = StepRecord()


def read_journal(path: Path) -> tuple[str | None, dict[int, StepRecord]]:
    """Return the digest of a journal's plan, None if it names none, and what it knows of each step.

    Raises
    ------
    DamagedFile
        If it has a line that was not written by a journal.
    """
    digest: str | None = None
    records: dict[int, StepRecord] = {}
    for number, line in enumerate(_complete_lines(path), 1):
        try:
            event = json.loads(line)
            digest = event["plan"] if event["event"] == RUN else digest
            apply_event(records, event)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedFile(
                f"{path} was changed by another program: line {number} is not one of a journal. Check with an inventory which "
                "changes took effect, and make a new plan of the rest."
            ) from error
    return digest, records


def _complete_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a journal; after the last newline is what a killed process began to write."""
    try:
        with open(path, "rb", opener=partial(open_regular, follow_links=False)) as file:
            check_size(str(path), os.fstat(file.fileno()).st_size, MAX_JOURNAL_BYTES)
            while (line := file.readline(MAX_LINE_BYTES)).endswith(b"\n"):
                yield line[:-1]
            if len(line) == MAX_LINE_BYTES:
                yield line  # longer than any event, so that it is reported as damage
    except FileNotFoundError:
        return
    except OSError as error:
        how = "Replace it by a copy" if error.errno in LINK_ERRORS else "Check its permissions"
        raise DamagedFile(f"Can't read {path}: {error.strerror or error}. {how}.") from error


def apply_event(records: dict[int, StepRecord], event: Mapping[str, Any]) -> None:
    """Change what is known of the steps of an event."""
    if event["event"] == RUN:
        return
    at = datetime.fromisoformat(event["at"])
    for number in _numbers(event["steps"]):
        record = records.get(number, NO_RECORD)
        if event["event"] == STARTED:
            record = replace(record, started=record.started or at, outcome=None, seen=_seen(event) or record.seen)
        elif event["event"] == ENDED:
            record = replace(
                record,
                finished=at,
                outcome=OUTCOMES[OUTCOMES.index(event["outcome"])],
                error_code=_text(event, "error_code"),
                message=_text(event, "message"),
                channel_arn=_text(event, "channel_arn") or record.channel_arn,
            )
        elif event["event"] == VERIFIED:
            record = replace(record, verified=True)
        else:
            raise ValueError(event["event"])
        records[number] = record


def _text(event: Mapping[str, Any], name: str) -> str | None:
    """Return a text of an event, None if it is absent; ``?`` replaces half of a surrogate pair, which no file can have."""
    value = event.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(name)
    return value if value is None else value.encode(errors="replace").decode()


def _seen(event: Mapping[str, Any]) -> Mapping[str, Any]:
    seen: Mapping[str, Any] = event.get("seen") or {}
    if type(seen.get("message_ttl_seconds") or 0) is not int:
        raise TypeError("message_ttl_seconds")
    tags = seen.get("tags") or {}
    if not isinstance(tags, dict):
        raise TypeError("tags")
    for key in tags:
        _text(tags, key)
    return seen


def _numbers(steps: Iterable[object]) -> list[int]:
    numbers = [step for step in steps if type(step) is int]
    if not numbers:
        raise ValueError(steps)
    return numbers
