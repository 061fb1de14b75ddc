"""Columns and dtypes of every DataFrame that this package returns.

A frame always has the same columns and dtypes, also if it is empty, a RangeIndex, and rows sorted by account, region and name.
``account_id`` and ``region`` are read from the ARN. No dtype is ``category`` (an unknown value would become missing) or narrower
than 64 bits (Int16 overflows in arithmetic).
"""

from __future__ import annotations

from collections.abc import Mapping

Schema = Mapping[str, str]

TEXT = "str"
INTEGER = "Int64"
TIME = "datetime64[ms, UTC]"
DATE = "datetime64[ms]"
"""Of columns of dates: midnight, without a time zone."""

SECRET = "object"  # noqa: S105 - a dtype
"""Of columns of Secret values, which are displayed, saved and pickled as a placeholder."""

CHANNELS: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "channel_type": TEXT,
    "channel_status": TEXT,
    "creation_time": TIME,
    "message_ttl_seconds": INTEGER,
    "version": TEXT,
}
TAGS: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "key": TEXT,
    "value": TEXT,
}
ENDPOINTS: Schema = {"channel_arn": TEXT, "role": TEXT, "protocol": TEXT, "endpoint": TEXT}
ICE_SERVERS: Schema = {"channel_arn": TEXT, "uri": TEXT, "username": SECRET, "password": SECRET, "ttl_seconds": INTEGER}
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

COVERAGE: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "status": TEXT,
    "error_code": TEXT,
    "message": TEXT,
    "tags_source": TEXT,
    "channels": INTEGER,
    "calls": INTEGER,
    "throttles": INTEGER,
    "retries": INTEGER,
    "seconds": "float64",
}

SNAPSHOTS: Schema = {"date": DATE, "account_name": TEXT, **CHANNELS}
CHANGES: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "change": TEXT,
    "column": TEXT,
    "before": TEXT,
    "after": TEXT,
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
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "creation_time": TIME,
    "age_days": INTEGER,
}
GROWTH: Schema = {"date": DATE, "account_id": TEXT, "region": TEXT, "channels": INTEGER, "diff": INTEGER}
TAG_PROBLEMS: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "key": TEXT,
    "problem": TEXT,
    "found_key": TEXT,
    "found_value": TEXT,
    "allowed_value": TEXT,
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

TAG_PREFIX = "tag:"
"""Prefix of the tag columns of a wide frame: no tag key equals another column's name or starts a spreadsheet formula."""


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
