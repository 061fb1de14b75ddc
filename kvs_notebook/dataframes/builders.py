"""Build DataFrames with exact columns and dtypes from replies of the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kvs_notebook.dataframes.schemas import (
    CHANNELS,
    DATE,
    ENDPOINTS,
    ICE_SERVERS,
    ROW_ORDER,
    TAGS,
    TEXT,
    TIME,
    Schema,
)
from kvs_notebook.secret import Secret

CHANNEL_MEMBERS = ("ChannelARN", "ChannelName", "ChannelType", "ChannelStatus", "CreationTime", "Version")


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
