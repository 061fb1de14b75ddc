"""Columns and dtypes of every DataFrame that this package returns.

A frame always has the same columns and dtypes, also if it is empty, a RangeIndex, and rows sorted by account, region and name.
The columns of a channel begin with its name, its region and what users look for, which a notebook or a terminal then shows
first; long columns (a message, the version, the ARN) come last, after those of tags. ``account_id`` and
``region`` are read from the ARN. No dtype is ``category`` (an unknown value would become missing) or narrower than 64 bits (Int16
overflows in arithmetic).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Schema = Mapping[str, str]

TEXT = "str"
INTEGER = "Int64"
TIME = "datetime64[ms, UTC]"
DATE = "datetime64[ms]"
"""The dtype of dates: midnight, without a time zone."""

SECRET = "object"  # noqa: S105 - a dtype
"""The dtype of Secret values, which are displayed, saved and pickled as a placeholder."""

CHANNELS: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "channel_status": TEXT,
    "message_ttl_seconds": INTEGER,
    "creation_time": TIME,
    "account_id": TEXT,
    "channel_type": TEXT,
    "version": TEXT,
    "channel_arn": TEXT,
}
TAGS: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "key": TEXT,
    "value": TEXT,
    "account_id": TEXT,
    "channel_arn": TEXT,
}
ENDPOINTS: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "role": TEXT,
    "protocol": TEXT,
    "endpoint": TEXT,
    "account_id": TEXT,
    "channel_arn": TEXT,
}
ICE_SERVERS: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "uri": TEXT,
    "username": SECRET,
    "password": SECRET,
    "ttl_seconds": INTEGER,
    "account_id": TEXT,
    "channel_arn": TEXT,
}
MESSAGES: Schema = {
    "time": TIME,
    "direction": TEXT,
    "message_type": TEXT,
    "sender_client_id": TEXT,
    "recipient_client_id": TEXT,
    "correlation_id": TEXT,
    "message_payload": TEXT,
    "error_code": TEXT,
}
PHASES: Schema = {"phase": TEXT, "began": TIME, "seconds": "float64"}
LIVE_STATISTICS: Schema = {
    "client_id": TEXT,
    "codec": TEXT,
    "width": INTEGER,
    "height": INTEGER,
    "frames_per_second": "float64",
    "bits_per_second": INTEGER,
    "round_trip_seconds": "float64",
    "packets_lost": INTEGER,
    "local_candidate": TEXT,
    "remote_candidate": TEXT,
    "protocol": TEXT,
}

IMAGE = "object"
"""The dtype of PIL images."""

PICTURES: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "image": IMAGE,
    "seconds": "float64",
    "stage": TEXT,
    "error": TEXT,
    "account_id": TEXT,
    "channel_arn": TEXT,
}

COVERAGE: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "status": TEXT,
    "channels": INTEGER,
    "tags_source": TEXT,
    "error_code": TEXT,
    "calls": INTEGER,
    "throttles": INTEGER,
    "retries": INTEGER,
    "seconds": "float64",
    "message": TEXT,
}

SNAPSHOTS: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "date": DATE,
    "channel_status": TEXT,
    "message_ttl_seconds": INTEGER,
    "creation_time": TIME,
    "account_id": TEXT,
    "account_name": TEXT,
    "channel_type": TEXT,
    "version": TEXT,
    "channel_arn": TEXT,
}
CHANGES: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "change": TEXT,
    "column": TEXT,
    "before": TEXT,
    "after": TEXT,
    "account_id": TEXT,
    "version": TEXT,
    "channel_arn": TEXT,
}

PLAN_STEPS: Schema = {
    "step": INTEGER,
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "action": TEXT,
    "column": TEXT,
    "before": TEXT,
    "after": TEXT,
    "version": TEXT,
    "status": TEXT,
    "reason": TEXT,
    "source": TEXT,
}
MANAGED_CHANNELS: Schema = {"channel_name": TEXT, "channel_arn": TEXT, "managed_by": TEXT}
PLAN_RESULTS: Schema = {
    **PLAN_STEPS,
    "outcome": TEXT,
    "error_code": TEXT,
    "message": TEXT,
    "started": TIME,
    "finished": TIME,
}

COUNTS: Schema = {"account_id": TEXT, "region": TEXT, "channels": INTEGER}
AGES: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "age_days": INTEGER,
    "creation_time": TIME,
    "account_id": TEXT,
    "version": TEXT,
    "channel_arn": TEXT,
}
GROWTH: Schema = {"date": DATE, "account_id": TEXT, "region": TEXT, "channels": INTEGER, "diff": INTEGER}
TAG_PROBLEMS: Schema = {
    "channel_name": TEXT,
    "region": TEXT,
    "key": TEXT,
    "problem": TEXT,
    "found_key": TEXT,
    "found_value": TEXT,
    "allowed_value": TEXT,
    "account_id": TEXT,
    "version": TEXT,
    "channel_arn": TEXT,
}
TAG_COVERAGE: Schema = {
    "key": TEXT,
    "channels": INTEGER,
    "met": INTEGER,
    "near_miss": INTEGER,
    "not_allowed": INTEGER,
    "missing": INTEGER,
    "unknown": INTEGER,
    "share": "float64",
}
NEAR_QUOTA = 0.8
"""The share of a quota at which the headroom report flags it, early enough to request a higher one."""

TAGS_READ = frozenset({"bulk", "each"})
"""Values of ``tags_source`` when the tags of a channel are known."""

FAILED, NOT_REQUESTED = "failed", "none"
"""Values of ``tags_source`` if the tags could not be read, and if none were requested."""

UNKNOWN = "unknown"
"""The value of a report for tags that could not be read."""

HEADROOM: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channels": INTEGER,
    "quota": INTEGER,
    "free": INTEGER,
    "share": "float64",
    "problem": TEXT,
}
SECRET_FINDINGS: Schema = {
    "path": TEXT,
    "cell": INTEGER,
    "location": TEXT,
    "kind": TEXT,
    "excerpt": TEXT,
    "occurrences": INTEGER,
    "problem": TEXT,
}
SHARED_NAMES: Schema = {"channel_name": TEXT, "regions": INTEGER, "accounts": INTEGER, "places": TEXT}
MONTHS: Schema = {"month": TEXT, "account_id": TEXT, "region": TEXT, "channels": INTEGER}
REPORTS = (COUNTS, AGES, GROWTH, TAG_PROBLEMS, TAG_COVERAGE, HEADROOM, SHARED_NAMES, MONTHS)


ROW_ORDER = ["account_id", "region", "channel_name", "channel_arn"]
"""The columns that rows are sorted by."""

LAST_COLUMNS = ("channel_type", "version", "channel_arn")
"""The columns of a channel that come after its tags: one has the same value everywhere, the others are long."""

TAG_PREFIX = "tag:"
"""Prefix of the tag columns of a wide frame: no tag key equals another column's name or starts a spreadsheet formula."""


def order_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns of a wide frame in the order to show them: those of ``tag:`` after the others, LAST_COLUMNS last."""
    given = list(columns)
    tags = [column for column in given if str(column).startswith(TAG_PREFIX)]
    last = [column for column in LAST_COLUMNS if column in given]
    return [*(column for column in given if column not in {*tags, *last}), *tags, *last]


def dtype_of(column: str) -> str | None:
    """Return the dtype of a column by its name, which is the same in all frames; None if no schema has the column."""
    if column.startswith(TAG_PREFIX):
        return TEXT
    for schema in (
        CHANNELS,
        TAGS,
        ENDPOINTS,
        ICE_SERVERS,
        MESSAGES,
        PHASES,
        LIVE_STATISTICS,
        PICTURES,
        COVERAGE,
        SNAPSHOTS,
        CHANGES,
        PLAN_RESULTS,
        SECRET_FINDINGS,
        *REPORTS,
    ):
        if column in schema:
            return schema[column]
    return None
