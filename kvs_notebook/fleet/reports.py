"""Reports: what a fleet's owner asks, answered as frames; charts draws them.

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> _ = sandbox.seed()
>>> fleet = kvs.inventory(regions=["us-east-1", "eu-west-1"])
>>> kvs.reports.tag_coverage(fleet, {"Owner": None, "Env": ["prod", "dev"]})[["key", "met", "not_allowed", "missing"]]
     key  met  not_allowed  missing
0  Owner   19            0        1
1    Env   16            3        1

Each takes what inventory() gave, and then tells what was not read from what is not there; most take a frame too, which cannot
tell: a tag that was not read counts as missing there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from kvs_notebook.aws.quotas import channel_quota
from kvs_notebook.dataframes.builders import concat, empty, rows_frame, sort_rows
from kvs_notebook.dataframes.schemas import (
    AGES,
    COUNTS,
    GROWTH,
    HEADROOM,
    NEAR_QUOTA,
    ROW_ORDER,
    SHARED_NAMES,
    TAG_COVERAGE,
    TAG_PROBLEMS,
    UNKNOWN,
    Schema,
)
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.fleet.report_inputs import Fleet, channels_of, counted, with_columns
from kvs_notebook.fleet.required_tags import (
    EMPTY,
    MISSING,
    NEAR_KEY,
    NEAR_VALUE,
    NOT_ALLOWED,
    Required,
    Verdict,
    requirements,
    tag_columns,
)
from kvs_notebook.formatting import format_value

__all__ = ["channel_ages", "channel_counts", "growth", "headroom", "shared_names", "tag_coverage", "tag_problems"]


def __dir__() -> list[str]:
    """Name what is public, and not what this room itself imports."""
    return [*__all__]


UNIT = ["account_id", "region"]
NEAR, FULL = "near_quota", "at_quota"


def channel_counts(fleet: Fleet) -> pd.DataFrame:
    """Count the channels of each account and region.

    Parameters
    ----------
    fleet
        What inventory() gave, or a channels frame.

    Returns
    -------
    pandas.DataFrame
        account_id, region, channels (Int64), in this order. Of an Inventory each unit has a row: 0 where it has no channel,
        missing where it was not read. A channels frame knows of no such units.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.reports.channel_counts(kvs.inventory(regions=["us-east-1", "eu-west-1", "eu-north-1"]))
         account_id      region  channels
    0  111122223333  eu-north-1         0
    1  111122223333   eu-west-1         9
    2  111122223333   us-east-1        11
    """
    if isinstance(fleet, Inventory):
        return _as(counted(fleet.coverage), COUNTS)
    channels = channels_of(fleet)
    return _as(channels.groupby(UNIT).size().rename("channels").reset_index(), COUNTS)


def channel_ages(fleet: Fleet, *, now: datetime | None = None) -> pd.DataFrame:
    """Say how old each channel is, the oldest first.

    Parameters
    ----------
    fleet
        What inventory() gave, or a channels frame.
    now
        The moment, with a time zone, that ages are counted to; the present where none is given.

    Returns
    -------
    pandas.DataFrame
        account_id, region, channel_name, channel_arn, creation_time, age_days (Int64): whole days.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> ages = kvs.reports.channel_ages(kvs.list_channels(), now=datetime(2026, 1, 5, 9, tzinfo=UTC))
    >>> ages[["channel_name", "age_days"]].head(2)
         channel_name  age_days
    0   front-door-hq       731
    1  front-door-lab       730
    """
    channels = channels_of(fleet)
    moment = pd.Timestamp.now("UTC") if now is None else pd.Timestamp(now)
    if moment.tzinfo is None:
        raise InvalidInput(f"now={now}: say in which time zone, as datetime.now(UTC) does.")
    days = (moment - channels["creation_time"]).dt.days
    ages = channels[[*ROW_ORDER, "creation_time"]].assign(age_days=days)
    return _as(ages.sort_values("creation_time", kind="stable"), AGES)


def growth(coverage: pd.DataFrame) -> pd.DataFrame:
    """Follow the number of channels of each account and region over the snapshots.

    Parameters
    ----------
    coverage
        What read_coverage() gave.

    Returns
    -------
    pandas.DataFrame
        date, account_id, region, channels (Int64), diff (Int64), in this order. ``channels`` is missing, not 0, on a day on which
        the unit was not read; ``diff`` is the difference from the last day before on which it was.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-05")
    >>> _ = kvs.create_channel("front-door")
    >>> _ = kvs.save_snapshot(kvs.inventory(), "history", date="2026-01-06")
    >>> kvs.reports.growth(kvs.read_coverage("history"))[["date", "channels", "diff"]]
            date  channels  diff
    0 2026-01-05         0  <NA>
    1 2026-01-06         1     1
    """
    given = with_columns(coverage, ["date", *UNIT, "status", "channels"], "read_coverage()")
    days = counted(given.sort_values(["date", *UNIT], kind="stable"))
    last_known = days.groupby(UNIT)["channels"].ffill()
    before = last_known.groupby([days[column] for column in UNIT]).shift()
    return _as(days.assign(diff=days["channels"] - before), GROWTH)


def headroom(fleet: Fleet, *, quotas: Mapping[tuple[str, str], int] | None = None) -> pd.DataFrame:
    """Say how far each account and region is from the quota of channels.

    Parameters
    ----------
    fleet
        What inventory() gave, or its coverage.
    quotas
        Those that AWS has raised for you, by account_id and region; else the published ones, 10,000 in us-east-1 and us-west-2,
        5,000 elsewhere (the service's quota page).

    Returns
    -------
    pandas.DataFrame
        account_id, region, channels, quota, free (Int64), share (float64, of the quota), problem (str): ``near_quota`` from
        80 % on, ``at_quota`` where no channel can be created any more, ``unknown`` where the unit was not read, else missing.

    Raises
    ------
    InvalidInput
        For an inventory of a prefix, which has not counted all.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.reports.headroom(kvs.inventory())[["region", "channels", "quota", "free"]]
          region  channels  quota  free
    0  us-east-1        11  10000  9989
    """
    if isinstance(fleet, Inventory) and fleet.prefix is not None:
        raise InvalidInput(
            f"This inventory has counted only channels that begin with {fleet.prefix!r}; the quota counts all. "
            "Read one without prefix=."
        )
    coverage = fleet.coverage if isinstance(fleet, Inventory) else fleet
    units = counted(with_columns(coverage, [*UNIT, "status", "channels"], "inventory().coverage"))
    for place in quotas or {}:
        if not isinstance(place, tuple):
            raise InvalidInput(
                f"quotas of {format_value(place)}: give account and region, as in ('111122223333', 'us-east-1')."
            )
    places = zip(units["account_id"], units["region"], strict=True)
    units["quota"] = pd.array([_quota_of(place, quotas or {}) for place in places], dtype="Int64")
    units["free"] = (units["quota"] - units["channels"]).clip(lower=0)
    units["share"] = (units["channels"] / units["quota"]).astype("Float64").to_numpy("float64", na_value=np.nan)
    units["problem"] = [_quota_problem(share) for share in units["share"]]
    return _as(units, HEADROOM)


def _quota_of(place: tuple[str, object], raised: Mapping[tuple[str, str], int]) -> int | None:
    region = place[1]  # none, of an account that let nobody in
    return raised.get((place[0], region), channel_quota(region)) if isinstance(region, str) else None


def _quota_problem(share: float) -> str | None:
    if np.isnan(share):
        return UNKNOWN
    return None if share < NEAR_QUOTA else NEAR if share < 1 else FULL


def tag_problems(fleet: Fleet, required: Required) -> pd.DataFrame:
    """Name each channel that lacks a required tag, or has another value than those allowed.

    Parameters
    ----------
    fleet
        What inventory() gave, or a channels frame with its ``tag:`` columns.
    required
        The values that are allowed by key, None for any: ``{"Owner": None, "Env": ["prod", "dev"]}``.

    Returns
    -------
    pandas.DataFrame
        A row for each channel and key with a problem: account_id, region, channel_name, channel_arn, key, problem, found_key,
        found_value, allowed_value (all str). ``problem`` is

        - ``missing``: no such tag;
        - ``near_key``: no such tag, but ``found_key``, which differs by case or space only, with ``found_value``;
        - ``empty``: a tag without a value, where that is not among those allowed;
        - ``near_value``: ``found_value``, which differs from ``allowed_value`` by case or space only;
        - ``not_allowed``: any other value;
        - ``unknown``: the tags of the channel's unit were not read.

    Raises
    ------
    InvalidInput
        For a key or value that no tag could have, and for a frame without a ``tag:`` column.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"owner": "ops", "Env": "prod"})
    >>> _ = kvs.create_channel("loading-dock", tags={"Owner": "ops", "Env": "Dev"})
    >>> problems = kvs.reports.tag_problems(kvs.inventory(), {"Owner": None, "Env": ["prod", "dev"]})
    >>> problems[["channel_name", "key", "problem", "found_key", "found_value", "allowed_value"]]
       channel_name    key     problem found_key found_value allowed_value
    0    front-door  Owner    near_key     owner         ops           NaN
    1  loading-dock    Env  near_value       Env         Dev           dev
    """
    table, verdicts = _judged(fleet, required)
    parts = []
    for key, found in verdicts.items():
        rows = [row for row, verdict in enumerate(found) if verdict.problem is not None]
        columns = zip(*(found[row] for row in rows), strict=True)
        part = table[ROW_ORDER].iloc[rows].assign(key=key, **dict(zip(Verdict._fields, columns, strict=False)))
        parts.append(_as(part, TAG_PROBLEMS) if rows else empty(TAG_PROBLEMS))
    return concat(parts, TAG_PROBLEMS)


def tag_coverage(fleet: Fleet, required: Required) -> pd.DataFrame:
    """Say for each required tag how many channels have it.

    Parameters
    ----------
    fleet, required
        As for tag_problems(), which names the channels.

    Returns
    -------
    pandas.DataFrame
        A row for each key in the order given: key, channels, met, near_miss (of key or value), not_allowed (or empty), missing,
        unknown (Int64), share (float64): of those whose tags were read, how many meet it; missing where there are none.

    Raises
    ------
    InvalidInput
        As for tag_problems().

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.reports.tag_coverage(kvs.inventory(), {"Site": None})[["key", "channels", "met", "missing"]]
        key  channels  met  missing
    0  Site        11    9        2
    """
    _, verdicts = _judged(fleet, required)
    rows = []
    for key, found in verdicts.items():
        count = Counter(verdict.problem for verdict in found)
        known = len(found) - count[UNKNOWN]
        share = count[None] / known if known else np.nan
        near, wrong = count[NEAR_KEY] + count[NEAR_VALUE], count[NOT_ALLOWED] + count[EMPTY]
        rows.append((key, len(found), count[None], near, wrong, count[MISSING], count[UNKNOWN], share))
    return rows_frame(rows, TAG_COVERAGE)


def shared_names(fleet: Fleet) -> pd.DataFrame:
    """Name the channels that live in several regions, or in several accounts, under one name.

    Parameters
    ----------
    fleet
        What inventory() gave, or a channels frame.

    Returns
    -------
    pandas.DataFrame
        channel_name, regions (Int64), accounts (Int64), places (str): each account and region; in the order of the name.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.reports.shared_names(kvs.inventory(regions=["us-east-1", "eu-west-1"]))[["channel_name", "regions"]]
         channel_name  regions
    0   front-door-hq        2
    1  loading-dock-1        2
    """
    channels = sort_rows(channels_of(fleet)[ROW_ORDER])
    shared = channels[channels.duplicated("channel_name", keep=False)]
    by_name = shared.assign(places=shared["account_id"] + " " + shared["region"]).groupby("channel_name")
    found = by_name.agg(regions=("region", "nunique"), accounts=("account_id", "nunique"), places=("places", ", ".join))
    return _as(found.reset_index(), SHARED_NAMES)


# --- tags


def _judged(fleet: Fleet, required: Required) -> tuple[pd.DataFrame, dict[str, list[Verdict]]]:
    rules = requirements(required)
    table = fleet.table() if isinstance(fleet, Inventory) else channels_of(fleet)
    if not isinstance(fleet, Inventory) and len(table) and not any(tag_columns(table)):
        raise InvalidInput(
            "This frame has no tag: column, so its tags were not read, or there are none. Give what inventory() gave, "
            f"or list_channels(tags={[rule.key for rule in rules]})."
        )
    unread = _tags_unread(fleet, table)
    return table, {rule.key: rule.verdicts(table, unread) for rule in rules}


def _tags_unread(fleet: Fleet, table: pd.DataFrame) -> pd.Series:
    """Tell for each channel whether its tags are not known."""
    if not isinstance(fleet, Inventory):
        return pd.Series(False, table.index)
    coverage = fleet.coverage
    read = coverage[coverage["tags_source"].isin(["bulk", "each"])]
    places = pd.MultiIndex.from_frame(read[UNIT])
    return pd.Series(~pd.MultiIndex.from_frame(table[UNIT]).isin(places), table.index)


def _as(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Give the columns of a schema with their dtypes, on a fresh RangeIndex."""
    return frame[[*schema]].astype(dict(schema)).reset_index(drop=True)
