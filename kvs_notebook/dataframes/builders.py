"""Build DataFrames with exact columns and dtypes from replies of the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import repeat
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kvs_notebook.dataframes.frame import DataFrame
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
    order_columns,
)
from kvs_notebook.secret import Secret

CHANNEL_MEMBERS = ("ChannelARN", "ChannelName", "ChannelType", "ChannelStatus", "CreationTime", "Version")


def empty(schema: Schema) -> pd.DataFrame:
    """Return a frame without rows, with the schema's columns and dtypes."""
    return _empty(tuple(schema.items())).copy()


@cache
def _empty(schema: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    return columns_frame({column: [] for column, _ in schema}, dict(schema))


def columns_frame(columns: Mapping[str, Sequence[Any]], schema: Schema) -> pd.DataFrame:
    """Return a frame of columns, which are lists of the same length."""
    return DataFrame({name: _column(columns[name], dtype) for name, dtype in schema.items()})


def _column(values: Sequence[Any], dtype: str) -> Any:
    if dtype == TIME:
        return pd.DatetimeIndex(np.array(values, dtype="datetime64[ms]")).tz_localize("UTC")
    if dtype == DATE:
        return pd.DatetimeIndex(np.array(values, dtype="datetime64[ms]"))
    if dtype == TEXT and not isinstance(values, pa.Array):
        values = pa.array(values, pa.large_string())  # pandas' own storage, without a second conversion
    return pd.array(values, dtype=dtype)  # type: ignore[call-overload]


def concat(frames: Iterable[pd.DataFrame], schema: Schema) -> pd.DataFrame:
    """Concatenate frames of one schema, in the package's row order; without frames, return an empty one.

    Columns beyond the schema (``tag:`` columns) are kept, sorted, before LAST_COLUMNS; rows of a frame that lacks one have
    missing values.
    """
    given = list(frames)
    if not given:
        return empty(schema)
    joined = given[0] if len(given) == 1 else pd.concat(given, ignore_index=True)
    extra = sorted(set(joined.columns) - set(schema))
    joined = DataFrame(joined)[order_columns([*schema, *extra])]
    return sort_rows(joined.astype(dict.fromkeys(extra, TEXT)) if extra else joined)


def sort_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort a frame by account, region, name and, if it has one, key; return it with a new RangeIndex."""
    by = [column for column in [*ROW_ORDER, "key"] if column in frame.columns]
    if any(frame[column].dtype != TEXT for column in by):  # a frame that the user made
        return frame.sort_values(by, kind="stable", ignore_index=True)
    keys = pa.table({column: pa.array(frame[column]) for column in by})
    order = pc.sort_indices(keys, [(column, "ascending") for column in by]).to_numpy()  # in a quarter of pandas' time
    return frame.take(order).reset_index(drop=True)


def milliseconds(time: datetime | float | None) -> int | None:
    """Return epoch milliseconds for a CreationTime, which is a datetime from botocore and seconds in JSON."""
    if time is None:
        return None
    if isinstance(time, datetime):
        since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return since.days * 86_400_000 + since.seconds * 1_000 + round(since.microseconds / 1_000)
    return round(time * 1_000)


def _times(times: Sequence[datetime | float | None]) -> Any:
    """Return epoch milliseconds for CreationTimes, in one step if all are numbers."""
    try:
        seconds = np.array(times, dtype="float64")
    except TypeError:
        return [milliseconds(time) for time in times]
    whole = np.rint(seconds * 1_000).astype("datetime64[ms]")
    whole[np.isnan(seconds)] = np.datetime64("NaT")
    return whole


def channels_frame(infos: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the channels frame of ChannelInfo structures, in any order; any member may be absent."""
    return _channels_frame(_members([infos]))


def channels_frame_of_pages(pages: Iterable[Sequence[Mapping[str, Any]]]) -> pd.DataFrame:
    """Return the channels frame of pages of ChannelInfo structures; if a channel is on two pages, the later one is kept.

    No page is kept: Python's garbage collector would scan 100,000 structures again and again.
    """
    members = _members(pages)
    arns = members["ChannelARN"]
    if len(set(arns)) < len(arns):
        last = sorted({arn: at for at, arn in enumerate(arns)}.values())
        members = {member: [values[at] for at in last] for member, values in members.items()}
    return _channels_frame(members)


def _members(pages: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, list[Any]]:
    """Return a list of values for each member of the structures."""
    members: dict[str, list[Any]] = {member: [] for member in (*CHANNEL_MEMBERS, "MessageTtlSeconds")}
    for page in pages:
        for member in CHANNEL_MEMBERS:
            members[member] += _values(page, member)
        settings = [each or {} for each in _values(page, "SingleMasterConfiguration")]
        members["MessageTtlSeconds"] += _values(settings, "MessageTtlSeconds")
    return members


def _values(structures: Sequence[Mapping[str, Any]], member: str) -> list[Any]:
    """Return a member of each structure, None if one lacks it: as a rule none does, and itemgetter takes a third of the time."""
    try:
        return list(map(itemgetter(member), structures))
    except KeyError:
        return [each.get(member) for each in structures]


def _channels_frame(members: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    arns, names = members["ChannelARN"], list(members["ChannelName"])
    place = _common_place(arns)
    regions, account_ids = _places(arns) if place is None else (_repeated(part, len(arns)) for part in place)
    frame = columns_frame(
        {
            "channel_name": names,
            "region": regions,
            "channel_status": members["ChannelStatus"],
            "message_ttl_seconds": members["MessageTtlSeconds"],
            "creation_time": _times(members["CreationTime"]),
            "account_id": account_ids,
            "channel_type": members["ChannelType"],
            "version": members["Version"],
            "channel_arn": arns,
        },
        CHANNELS,
    )
    if place is not None and None not in names and names == sorted(names):
        return frame
    return sort_rows(frame)


_RESOURCE = ":channel/"


def _common_place(arns: Sequence[str | None]) -> tuple[str, str] | None:
    """Return the region and the account of ARNs, None if they have several, or none: those of a listing are checked at once."""
    if not arns or None in arns:
        return None
    [prefix, *_] = str(arns[0]).split(_RESOURCE)
    if not all(map(str.startswith, arns, repeat(prefix + _RESOURCE))):  # type: ignore[arg-type] # none is None
        return None
    match prefix.split(":"):
        case ["arn", _, _, region, account_id] if region and account_id:
            return region, account_id
    return None


def _places(arns: Sequence[str | None]) -> list[list[str | None]]:
    """Return the region and the account of each ARN."""
    prefixes = [arn.partition(_RESOURCE)[0] if arn else ":::::" for arn in arns]
    parts = {prefix: prefix.split(":") for prefix in set(prefixes)}  # few, whereas ARNs are many
    return [[parts[prefix][at] or None for prefix in prefixes] for at in (3, 4)]


def _repeated(value: str, times: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.large_string()), times)


def tags_frame(tags_by_arn: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return the long tags frame of channels by ARN; a channel without tags has no row."""
    rows = [
        (parts[4], parts[3], parts[5].split("/")[1], arn, key, value)
        for arn, tags in tags_by_arn.items()
        for parts in [arn.split(":", 5)]
        for key, value in tags.items()
    ]
    rows.sort()
    return rows_frame(rows, TAGS, columns=[*ROW_ORDER, "key", "value"])


def endpoints_frame(channel_arn: str, role: str, endpoints: Mapping[str, str]) -> pd.DataFrame:
    """Return the endpoints frame of one channel and role, from its endpoints by protocol, in their order."""
    rows = [(role, protocol, endpoint) for protocol, endpoint in endpoints.items()]
    return _frame_of_channel(channel_arn, rows, ["role", "protocol", "endpoint"], ENDPOINTS)


def ice_frame(channel_arn: str, servers: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the ICE servers frame of one IceServerList: one row per URI, in the order of the reply."""
    rows = [
        (uri, _secret(server.get("Username")), _secret(server.get("Password")), server.get("Ttl"))
        for server in servers
        for uri in server.get("Uris") or []
    ]
    return _frame_of_channel(channel_arn, rows, ["uri", "username", "password", "ttl_seconds"], ICE_SERVERS)


def _frame_of_channel(arn: str, rows: Sequence[Sequence[Any]], columns: Sequence[str], schema: Schema) -> pd.DataFrame:
    """Return a frame of rows about one channel, with the columns that its ARN has too."""
    _, _, _, region, account_id, resource = arn.split(":", 5)
    of_channel = {
        "account_id": account_id,
        "region": region,
        "channel_name": resource.split("/")[1],
        "channel_arn": arn,
    }
    return rows_frame([(*of_channel.values(), *row) for row in rows], schema, columns=[*of_channel, *columns])


def _secret(value: str | Secret | None) -> Secret:
    return value if isinstance(value, Secret) else Secret(value or "")


def rows_frame(rows: Sequence[Sequence[Any]], schema: Schema, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a frame of rows whose values are in the order of ``columns``; None takes that of the schema."""
    names = columns or [*schema]
    return columns_frame({name: [row[position] for row in rows] for position, name in enumerate(names)}, schema)
