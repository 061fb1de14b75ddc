"""API replies as pandas DataFrames: every column and dtype of the package in this one place.

Frames are exact also when they are empty: the same columns in the same order with the same dtypes, on a RangeIndex, rows in
the order of account, region and name. ``account_id`` and ``region`` are read from the ARN. No dtype is ``category`` (a value it
does not know would become missing) and none is narrower than 64 bits (Int16 wraps in arithmetic).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kvs_notebook.aws.validation import shown
from kvs_notebook.errors import InvalidInput
from kvs_notebook.secret import Secret

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
SHARED_NAMES: Schema = {"channel_name": TEXT, "regions": WHOLE, "accounts": WHOLE, "places": TEXT}
REPORTS = (COUNTS, AGES, GROWTH, TAG_PROBLEMS, TAG_COVERAGE, HEADROOM, SHARED_NAMES)

CHANNEL_MEMBERS = ("ChannelARN", "ChannelName", "ChannelType", "ChannelStatus", "CreationTime", "Version")

ROW_ORDER = ["account_id", "region", "channel_name", "channel_arn"]

TAG_PREFIX = "tag:"
"""What a wide frame's tag columns begin with, so that no tag key can be taken for a column of ours (or run as a formula)."""


def dtype_of(column: str) -> str | None:
    """Give the dtype that a column of this name has in every frame of the package, None for a name that is not ours."""
    if column.startswith(TAG_PREFIX):
        return TEXT
    for schema in (CHANNELS, TAGS, ENDPOINTS, ICE_SERVERS, MESSAGES, COVERAGE, SNAPSHOTS, CHANGES, *REPORTS):
        if column in schema:
            return schema[column]
    return None


def empty(schema: Schema) -> pd.DataFrame:
    """Give a frame of no rows with the schema's columns and dtypes."""
    return _empty(tuple(schema.items())).copy()


@cache
def _empty(schema: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    return _frame({column: [] for column, _ in schema}, dict(schema))


def _frame(columns: Mapping[str, Sequence[Any]], schema: Schema) -> pd.DataFrame:
    return pd.DataFrame({name: _column(columns[name], dtype) for name, dtype in schema.items()})


def _column(values: Sequence[Any], dtype: str) -> Any:
    if dtype == TIME:
        return pd.DatetimeIndex(np.array(values, dtype="datetime64[ms]")).tz_localize("UTC")
    if dtype == DATE:
        return pd.DatetimeIndex(np.array(values, dtype="datetime64[ms]"))
    if dtype == TEXT:
        values = pa.array(values, pa.large_string())  # as pandas keeps it, at once
    return pd.array(values, dtype=dtype)  # type: ignore[call-overload]


def concat(frames: Iterable[pd.DataFrame], schema: Schema) -> pd.DataFrame:
    """Join frames of one schema below each other, in the package's row order; of no frames make the empty one.

    Columns beyond the schema (``tag:`` columns) are kept, sorted, and missing where a frame did not have them.
    """
    given = list(frames)
    if not given:
        return empty(schema)
    joined = given[0] if len(given) == 1 else pd.concat(given, ignore_index=True)
    extra = sorted(set(joined.columns) - set(schema))
    joined = joined[[*schema, *extra]].astype(dict.fromkeys(extra, TEXT))
    return ordered(joined)


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort a frame by account, region and name (and key, where it has one), on a fresh RangeIndex."""
    by = [column for column in [*ROW_ORDER, "key"] if column in frame.columns]
    return frame.sort_values(by, kind="stable", ignore_index=True)


def milliseconds(time: datetime | float | None) -> int | None:
    """Give epoch milliseconds for a CreationTime, which botocore hands over as a datetime and the wire as seconds."""
    if time is None:
        return None
    if isinstance(time, datetime):
        since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return since.days * 86_400_000 + since.seconds * 1_000 + round(since.microseconds / 1_000)
    return round(time * 1_000)


def _times(times: Sequence[datetime | float | None]) -> Any:
    """Give epoch milliseconds for CreationTimes, at once where all are as they come over the wire."""
    try:
        seconds = np.array(times, dtype="float64")
    except TypeError:
        return [milliseconds(time) for time in times]
    whole = np.rint(seconds * 1_000).astype("datetime64[ms]")
    whole[np.isnan(seconds)] = np.datetime64("NaT")
    return whole


def channels_frame(infos: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make the channels frame of ChannelInfo structures, in any order, each member of which may be absent."""
    return _channels_frame(_members([infos]))


def channels_frame_of_pages(pages: Iterable[Sequence[Mapping[str, Any]]]) -> pd.DataFrame:
    """Make the channels frame of pages of ChannelInfo structures; a channel on two of them has one row, as last seen.

    No page is kept: 100,000 structures would make Python's garbage collector look at each again and again.
    """
    members = _members(pages)
    arns = members["ChannelARN"]
    if len(set(arns)) < len(arns):
        last = sorted({arn: at for at, arn in enumerate(arns)}.values())
        members = {member: [values[at] for at in last] for member, values in members.items()}
    return _channels_frame(members)


def _members(pages: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, list[Any]]:
    """Take structures apart: a list for each member."""
    members: dict[str, list[Any]] = {member: [] for member in (*CHANNEL_MEMBERS, "MessageTtlSeconds")}
    for page in pages:
        for member in CHANNEL_MEMBERS:
            members[member] += [info.get(member) for info in page]
        members["MessageTtlSeconds"] += [
            (info.get("SingleMasterConfiguration") or {}).get("MessageTtlSeconds") for info in page
        ]
    return members


def _channels_frame(members: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    arns, names = members["ChannelARN"], list(members["ChannelName"])
    prefixes = [arn.partition(":channel/")[0] if arn else None for arn in arns]
    places = {prefix: (prefix or ":::::").split(":") for prefix in set(prefixes)}  # few, whereas ARNs are many
    frame = _frame(
        {
            "account_id": [places[prefix][4] or None for prefix in prefixes],
            "region": [places[prefix][3] or None for prefix in prefixes],
            "channel_name": names,
            "channel_arn": arns,
            "channel_type": members["ChannelType"],
            "channel_status": members["ChannelStatus"],
            "creation_time": _times(members["CreationTime"]),
            "message_ttl_seconds": members["MessageTtlSeconds"],
            "version": members["Version"],
        },
        CHANNELS,
    )
    if len(places) <= 1 and None not in names and names == sorted(names):
        return frame
    return ordered(frame)


def tags_frame(tags_by_arn: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Make the long tags frame of each channel's tags; a channel without tags has no row."""
    rows = [
        (place[4], place[3], place[5].split("/")[1], arn, key, value)
        for arn, tags in tags_by_arn.items()
        for place in [arn.split(":", 5)]
        for key, value in tags.items()
    ]
    rows.sort()
    return rows_frame(rows, TAGS)


def endpoints_frame(
    channel_arn: str, role: str, endpoints: Sequence[Mapping[str, str]], protocols: Sequence[str]
) -> pd.DataFrame:
    """Make the endpoints frame of one ResourceEndpointList, in the order in which the protocols were asked for."""
    by_protocol = {item.get("Protocol", ""): item.get("ResourceEndpoint") for item in endpoints}
    given = [protocol for protocol in protocols if protocol in by_protocol]
    return _frame(
        {
            "channel_arn": [channel_arn] * len(given),
            "role": [role] * len(given),
            "protocol": given,
            "endpoint": [by_protocol[protocol] for protocol in given],
        },
        ENDPOINTS,
    )


def ice_frame(channel_arn: str, servers: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make the ICE frame of one IceServerList: one row per URI, in the order of the reply."""
    rows = [
        (channel_arn, uri, Secret(server.get("Username", "")), Secret(server.get("Password", "")), server.get("Ttl"))
        for server in servers
        for uri in server.get("Uris") or []
    ]
    return rows_frame(rows, ICE_SERVERS)


def rows_frame(rows: Sequence[Sequence[Any]], schema: Schema) -> pd.DataFrame:
    """Make a frame of rows whose values stand in the order of the schema's columns."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema)
    return _frame(dict(zip(schema, columns, strict=True)), schema)


def wide_tags(tags: pd.DataFrame) -> pd.DataFrame:
    """Turn a long tags frame into one row per channel and one ``tag:<key>`` column per key, sorted by key.

    A tag that a channel does not have is missing (``NaN``); a tag without a value is the empty string.
    """
    places = [column for column in TAGS if column not in {"key", "value"}]
    if tags.empty:
        return empty({column: TAGS[column] for column in places})
    keys = sorted(tags["key"].unique())
    try:
        wide = tags.pivot(index=places, columns="key", values="value")[keys]
    except ValueError:  # one is there twice
        wide = _each_once(tags, [*places, "key"]).pivot(index=places, columns="key", values="value")[keys]
    wide.columns = pd.Index([TAG_PREFIX + key for key in keys])  # before the rest: a tag may be called "region"
    wide = wide.reset_index()
    return ordered(wide.astype({TAG_PREFIX + key: TEXT for key in keys}))


def _each_once(tags: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Take a tag that is there twice once; where its values differ nobody knows which one holds."""
    tags = tags.drop_duplicates([*by, "value"])
    twice = tags[tags.duplicated(by, keep=False)]
    if twice.empty:
        return tags
    first = twice.iloc[0]
    values = [shown(value) for value in twice[(twice[by] == first[by]).all(axis="columns")]["value"]]
    raise InvalidInput(
        f"Tag {shown(first['key'])} of channel {first['channel_name']} has {len(values)} values, {' and '.join(values)}: keep "
        "the rows of one moment, such as those of one date."
    )


def with_tags(channels: pd.DataFrame, tags: pd.DataFrame, keys: Sequence[str] | None = None) -> pd.DataFrame:
    """Join tags onto a channels frame as ``tag:<key>`` columns: those of ``keys`` in that order, or all, sorted."""
    if keys is not None:
        tags = tags[tags["key"].isin(list(keys))]
    wide = wide_tags(tags).drop(columns=["account_id", "region", "channel_name"])
    joined = channels.merge(wide, how="left", on="channel_arn", sort=False)
    for key in keys or []:
        if TAG_PREFIX + key not in joined:
            joined[TAG_PREFIX + key] = pd.array([None] * len(joined), dtype=TEXT)  # type: ignore[call-overload]
    columns = [column for column in joined.columns if not column.startswith(TAG_PREFIX)]
    tag_columns = (
        [TAG_PREFIX + key for key in keys]
        if keys is not None
        else sorted(column for column in joined.columns if column.startswith(TAG_PREFIX))
    )
    return joined[[*columns, *tag_columns]]
