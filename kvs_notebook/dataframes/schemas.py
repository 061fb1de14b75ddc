"""API replies as pandas DataFrames: every column and dtype of the package in this one place.

Frames are exact also when they are empty: the same columns in the same order with the same dtypes, on a RangeIndex, rows in
the order of account, region and name. ``account_id`` and ``region`` are read from the ARN. No dtype is ``category`` (a value it
does not know would become missing) and none is narrower than 64 bits (Int16 wraps in arithmetic).
"""

from __future__ import annotations

from collections.abc import Mapping

Schema = Mapping[str, str]

TEXT = "str"
WHOLE = "Int64"
TIME = "datetime64[ms, UTC]"
DATE = "datetime64[ms]"
"""Of days, at midnight, in no time zone."""

SECRET = "object"  # noqa: S105 - a dtype
"""Of Secret values: shown, saved and pickled without what they hold."""

CHANNELS: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "channel_type": TEXT,
    "channel_status": TEXT,
    "creation_time": TIME,
    "message_ttl_seconds": WHOLE,
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
ICE_SERVERS: Schema = {"channel_arn": TEXT, "uri": TEXT, "username": SECRET, "password": SECRET, "ttl_seconds": WHOLE}
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
    "channels": WHOLE,
    "calls": WHOLE,
    "throttles": WHOLE,
    "retries": WHOLE,
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

COUNTS: Schema = {"account_id": TEXT, "region": TEXT, "channels": WHOLE}
AGES: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channel_name": TEXT,
    "channel_arn": TEXT,
    "creation_time": TIME,
    "age_days": WHOLE,
}
GROWTH: Schema = {"date": DATE, "account_id": TEXT, "region": TEXT, "channels": WHOLE, "diff": WHOLE}
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
    "channels": WHOLE,
    "met": WHOLE,
    "near_miss": WHOLE,
    "not_allowed": WHOLE,
    "missing": WHOLE,
    "unknown": WHOLE,
    "share": "float64",
}
NEAR_QUOTA = 0.8
"""The share of a quota from which on it is a problem: time enough to ask for a higher one."""

UNKNOWN = "unknown"
"""What a report says of a value that was not read."""

HEADROOM: Schema = {
    "account_id": TEXT,
    "region": TEXT,
    "channels": WHOLE,
    "quota": WHOLE,
    "free": WHOLE,
    "share": "float64",
    "problem": TEXT,
}
SECRET_FINDINGS: Schema = {
    "path": TEXT,
    "cell": WHOLE,
    "location": TEXT,
    "kind": TEXT,
    "excerpt": TEXT,
    "occurrences": WHOLE,
    "problem": TEXT,
}
SHARED_NAMES: Schema = {"channel_name": TEXT, "regions": WHOLE, "accounts": WHOLE, "places": TEXT}
REPORTS = (COUNTS, AGES, GROWTH, TAG_PROBLEMS, TAG_COVERAGE, HEADROOM, SHARED_NAMES)


ROW_ORDER = ["account_id", "region", "channel_name", "channel_arn"]

TAG_PREFIX = "tag:"
"""What a wide frame's tag columns begin with, so that no tag key can be taken for a column of ours (or run as a formula)."""


def dtype_of(column: str) -> str | None:
    """Give the dtype that a column of this name has in every frame of the package, None for a name that is not ours."""
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
        SECRET_FINDINGS,
        *REPORTS,
    ):
        if column in schema:
            return schema[column]
    return None
