"""Reports on a fleet as DataFrames, which ``kvs.charts`` draws.

They are about counts, ages, growth, quotas, tags and shared names.

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> _ = sandbox.seed()
>>> fleet = kvs.inventory(regions=["us-east-1", "eu-west-1"])
>>> kvs.reports.tag_coverage(fleet, {"Owner": None, "Env": ["prod", "dev"]})[["key", "met", "not_allowed", "missing"]]
     key  met  not_allowed  missing
0  Owner   19            0        1
1    Env   16            3        1

Each takes an Inventory, whose coverage distinguishes what was not read from
what does not exist. Most also take a frame, without coverage: a tag is unknown
there if the frame lacks its column, or if the column ``tags_source`` says that
it was not read.

Other questions are answered by pandas on ``fleet.table()``: the new channels
of each owner, other message TTLs than most channels have, names that differ in
case alone, and the channels of a file of devices.

>>> import pandas as pd
>>> table = fleet.table()
>>> now = kvs.current_connection().now()  # of the sandbox's clock, on a real account of this computer's
>>> recent = table[table["creation_time"] > now - pd.Timedelta(days=30)]
>>> recent.groupby("tag:Owner", dropna=False)["channel_name"].count().to_dict()
{'@night-shift': 1}
>>> usual = table["message_ttl_seconds"].mode()
>>> table.loc[~table["message_ttl_seconds"].isin(usual), ["channel_name", "message_ttl_seconds"]].head(2)
           channel_name  message_ttl_seconds
0  elderly-care_room.12                   20
1  elderly-care_room.14                   20
>>> names = kvs.reports.shared_names(fleet)
>>> names[names["channel_name"].str.contains(",")].empty  # the spellings have commas between
True
>>> _ = pd.DataFrame({"device": ["7", "8"], "channel_name": ["reception-zurich", "gone"]}).to_csv("devices.csv")
>>> devices = pd.read_csv("devices.csv", dtype="str")  # account ids stay text
>>> devices.merge(table, how="left", on="channel_name")[["device", "channel_name", "region", "channel_status"]]
  device      channel_name     region channel_status
0      7  reception-zurich  eu-west-1         ACTIVE
1      8              gone        NaN            NaN

``fleet.to_excel("fleet.xlsx")`` writes a workbook, write_report() a nightly
report; ``compare_snapshots("history", before="yesterday", after="today")``
compares two days; ``inventory(profiles=["one", "two"], regions="all")`` reads
two profiles.

AWS charges for signaling channels that are active in a month, for signaling
messages and for TURN minutes
(https://aws.amazon.com/kinesis/video-streams/pricing/). An upper bound of a
month's charge for channels is ``len(fleet) * price``, with the price of an
active channel there; the service's API does not count messages and minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from kvs_notebook.aws.quotas import channel_quota
from kvs_notebook.dataframes.builders import concat, empty, rows_frame, sort_rows
from kvs_notebook.dataframes.frame import DataFrame
from kvs_notebook.dataframes.frame_check import check_columns
from kvs_notebook.dataframes.schemas import (
    AGES,
    COUNTS,
    GROWTH,
    HEADROOM,
    MONTHS,
    NEAR_QUOTA,
    ROW_ORDER,
    SHARED_NAMES,
    TAG_COVERAGE,
    TAG_PROBLEMS,
    TAGS_READ,
    UNKNOWN,
    Schema,
)
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet.coverage import account_region_keys
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.fleet.report_inputs import InventoryOrFrame, channels_of, known_counts
from kvs_notebook.fleet.required_tags import (
    EMPTY,
    MISSING,
    NEAR_KEY,
    NEAR_VALUE,
    NOT_ALLOWED,
    RequiredTags,
    TagFinding,
    parse_required_tags,
    tag_columns,
)
from kvs_notebook.formatting import format_value

__all__ = [
    "channel_ages",
    "channel_counts",
    "creation_by_month",
    "growth",
    "headroom",
    "shared_names",
    "tag_coverage",
    "tag_problems",
]


def __dir__() -> list[str]:
    """Return the public names, without those that this module imports."""
    return [*__all__]


ACCOUNT_REGION = ["account_id", "region"]
NEAR, FULL = "near_quota", "at_quota"

AN_ACCOUNT_REGION = "an account id and a region, such as ('111122223333', 'us-east-1')"


def channel_counts(fleet: InventoryOrFrame) -> pd.DataFrame:
    """Count the channels of each account and region.

    Parameters
    ----------
    fleet
        An Inventory or a channels frame.

    Returns
    -------
    pandas.DataFrame
        account_id, region, channels (Int64), in this order. Of an Inventory
        each account-region has a row: 0 if it has no channel, missing if it
        was not read. A channels frame has no row for either.

    Raises
    ------
    InvalidInput
        If ``fleet`` is not an Inventory and does not have the columns of a
        channels frame.

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
        return _with_schema(known_counts(fleet.coverage), COUNTS)
    channels = channels_of(fleet)
    return _with_schema(channels.groupby(ACCOUNT_REGION).size().rename("channels").reset_index(), COUNTS)


def channel_ages(fleet: InventoryOrFrame, *, now: datetime | None = None) -> pd.DataFrame:
    """Return the age of each channel, the oldest first.

    Parameters
    ----------
    fleet
        An Inventory or a channels frame.
    now
        The time, with a time zone, that ages are measured at; None takes the
        present. If a sandbox has a stepped clock, pass its
        ``current_connection().now()``.

    Returns
    -------
    pandas.DataFrame
        channel_name, region, age_days (Int64, whole days), creation_time,
        account_id, version, channel_arn.

    Raises
    ------
    InvalidInput
        If ``fleet`` is not an Inventory and does not have the columns of a
        channels frame, or ``now`` has no time zone.

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
    if now is not None and not isinstance(now, datetime):
        raise InvalidInput(
            f"now={format_value(now)} is not a datetime. Pass an aware datetime, such as datetime.now(UTC)."
        )
    moment = pd.Timestamp.now("UTC") if now is None else pd.Timestamp(now)
    if moment.tzinfo is None:
        raise InvalidInput(f"now={now} has no time zone. Pass an aware datetime, such as datetime.now(UTC).")
    days = (moment - channels["creation_time"]).dt.days
    ages = channels[[*ROW_ORDER, "version", "creation_time"]].assign(age_days=days)
    return _with_schema(ages.sort_values("creation_time", kind="stable"), AGES)


def creation_by_month(fleet: InventoryOrFrame) -> pd.DataFrame:
    """Count the channels that were created in each month and still exist.

    Parameters
    ----------
    fleet
        An Inventory or a channels frame.

    Returns
    -------
    pandas.DataFrame
        month (str, YYYY-MM in UTC), account_id, region, channels (Int64), in
        this order; a month without a channel has no row.

    Raises
    ------
    InvalidInput
        If ``fleet`` is not an Inventory and does not have the columns of a
        channels frame.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.reports.creation_by_month(kvs.list_channels())[["month", "channels"]].tail(2)
         month  channels
    5  2025-11         1
    6  2025-12         1
    """
    channels = channels_of(fleet)
    months = channels.assign(month=channels["creation_time"].dt.strftime("%Y-%m"))
    counted = months.groupby(["month", "account_id", "region"]).size().reset_index(name="channels")
    return _with_schema(counted, MONTHS)


def growth(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return the number of channels per account and region over time.

    There is a row for the day of each snapshot.

    Parameters
    ----------
    coverage
        The frame that read_coverage() returned.

    Returns
    -------
    pandas.DataFrame
        date, account_id, region, channels (Int64), diff (Int64), in this
        order. ``channels`` is missing, not 0, on a day when the account-region
        was not read; ``diff`` is the difference from the last day before when
        it was.

    Raises
    ------
    InvalidInput
        If ``coverage`` does not have the columns that read_coverage() returns.

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
    checked = check_columns(coverage, ["date", *ACCOUNT_REGION, "status", "channels"], "read_coverage()")
    days = known_counts(checked.sort_values(["date", *ACCOUNT_REGION], kind="stable"))
    last_known = days.groupby(ACCOUNT_REGION)["channels"].ffill()
    before = last_known.groupby([days[column] for column in ACCOUNT_REGION]).shift()
    return _with_schema(days.assign(diff=days["channels"] - before), GROWTH)


def headroom(fleet: InventoryOrFrame, *, quotas: Mapping[tuple[str, str], int] | None = None) -> pd.DataFrame:
    """Return how much of the quota of channels each account and region has left.

    Parameters
    ----------
    fleet
        An Inventory or its coverage.
    quotas
        Quotas that AWS has raised, by account id and region. The others are
        the published ones: 10,000 in us-east-1 and us-west-2, 5,000 elsewhere
        (the service's quota page).

    Returns
    -------
    pandas.DataFrame
        account_id, region, channels, quota, free (Int64), share (float64, of
        the quota), problem (str): ``near_quota`` from 80 %, ``at_quota`` if no
        channel can be created, ``unknown`` if the account-region was not read,
        else missing.

    Raises
    ------
    InvalidInput
        If ``fleet`` is neither an Inventory nor its coverage, the inventory
        has a prefix, or a key of quotas is not an account id and a region.

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
            f"This inventory has only channels that begin with {fleet.prefix!r}, but the quota counts all. "
            "Read one without prefix=."
        )
    coverage = fleet.coverage if isinstance(fleet, Inventory) else fleet
    counts = known_counts(check_columns(coverage, [*ACCOUNT_REGION, "status", "channels"], "inventory().coverage"))
    raised = _check_quotas(quotas)
    counts["quota"] = pd.array([_quota_of(key, raised) for key in account_region_keys(counts)], dtype="Int64")
    counts["free"] = (counts["quota"] - counts["channels"]).clip(lower=0)
    counts["share"] = (counts["channels"] / counts["quota"]).astype("Float64").to_numpy("float64", na_value=np.nan)
    counts["problem"] = [_quota_problem(share) for share in counts["share"]]
    return _with_schema(counts, HEADROOM)


def _check_quotas(quotas: Any) -> Mapping[tuple[str, str], int]:
    if quotas is None:
        return {}
    if not isinstance(quotas, Mapping):
        raise InvalidInput(f"quotas={format_value(quotas)} is not a mapping. Map {AN_ACCOUNT_REGION}, to a number.")
    for key, quota in quotas.items():
        match key:
            case (str(), str()):
                pass
            case _:
                raise InvalidInput(f"quotas has the key {format_value(key)}. Expected {AN_ACCOUNT_REGION}.")
        if not isinstance(quota, int | np.integer) or quota < 1:
            raise InvalidInput(
                f"quotas has the value {format_value(quota)}. Expected a number of channels, at least 1."
            )
    return quotas


def _quota_of(key: tuple[str, object], raised: Mapping[tuple[str, str], int]) -> int | None:
    account_id, region = key  # the region is missing if the account could not be connected to
    return raised.get((account_id, region), channel_quota(region)) if isinstance(region, str) else None


def _quota_problem(share: float) -> str | None:
    if np.isnan(share):
        return UNKNOWN
    return None if share < NEAR_QUOTA else NEAR if share < 1 else FULL


def tag_problems(fleet: InventoryOrFrame, required: RequiredTags) -> pd.DataFrame:
    """List the channels that lack a required tag or have a wrong value.

    Parameters
    ----------
    fleet
        An Inventory, or a channels frame with ``tag:`` columns.
    required
        The allowed values by key, None for any value: ``{"Owner": None, "Env":
        ["prod", "dev"]}``.

    Returns
    -------
    pandas.DataFrame
        A row for each channel and key with a problem: channel_name, region,
        key, problem, found_key, found_value, allowed_value, account_id,
        version, channel_arn (all str). ``problem`` is

        - ``missing``: the channel does not have the tag;
        - ``near_key``: it has ``found_key`` with ``found_value`` instead,
          which differs from the key by case or spaces only;
        - ``empty``: the tag has no value, and the empty value is not allowed;
        - ``near_value``: ``found_value`` differs from ``allowed_value`` by
          case or spaces only;
        - ``not_allowed``: any other value;
        - ``unknown``: the channel's tags were not read, or a frame does not
          have the column of the key.

    Raises
    ------
    InvalidInput
        If a key or a value is not valid for a tag, or a frame has no ``tag:``
        column.

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
    table, findings_by_key = _check_required_tags(fleet, required)
    parts = []
    for key, findings in findings_by_key.items():
        rows = [row for row, finding in enumerate(findings) if finding.problem is not None]
        columns = zip(*(findings[row] for row in rows), strict=True)
        part = (
            table[[*ROW_ORDER, "version"]]
            .iloc[rows]
            .assign(key=key, **dict(zip(TagFinding._fields, columns, strict=False)))
        )
        parts.append(_with_schema(part, TAG_PROBLEMS) if rows else empty(TAG_PROBLEMS))
    return concat(parts, TAG_PROBLEMS)


def tag_coverage(fleet: InventoryOrFrame, required: RequiredTags) -> pd.DataFrame:
    """Count the channels that have each required tag.

    Parameters
    ----------
    fleet, required
        As for tag_problems(), which lists the channels.

    Returns
    -------
    pandas.DataFrame
        A row for each key in the order of ``required``: key, channels, met,
        near_miss (of key or value), not_allowed (or empty), missing, unknown
        (Int64), share (float64, of the channels whose tags were read; missing
        if there are none).

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
    _, findings_by_key = _check_required_tags(fleet, required)
    rows = []
    for key, findings in findings_by_key.items():
        count = Counter(finding.problem for finding in findings)
        known = len(findings) - count[UNKNOWN]
        share = count[None] / known if known else np.nan
        near, wrong = count[NEAR_KEY] + count[NEAR_VALUE], count[NOT_ALLOWED] + count[EMPTY]
        rows.append((key, len(findings), count[None], near, wrong, count[MISSING], count[UNKNOWN], share))
    return rows_frame(rows, TAG_COVERAGE)


def shared_names(fleet: InventoryOrFrame) -> pd.DataFrame:
    """List the channel names that several channels have.

    Names that differ in case alone count as the same.

    Parameters
    ----------
    fleet
        An Inventory or a channels frame.

    Returns
    -------
    pandas.DataFrame
        channel_name (its spellings, with commas between), regions (Int64),
        accounts (Int64), places (str): the account and region of each channel;
        in the order of the name without case.

    Raises
    ------
    InvalidInput
        If ``fleet`` is not an Inventory and does not have the columns of a
        channels frame.

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
    places = [f"{account_id} {region}" for account_id, region in account_region_keys(channels)]
    channels = channels.assign(places=places, folded=channels["channel_name"].astype("str").str.casefold())
    by_name = channels[channels.duplicated("folded", keep=False)].groupby("folded")
    found = by_name.agg(
        channel_name=("channel_name", lambda names: ", ".join(sorted(set(names)))),
        regions=("region", "nunique"),
        accounts=("account_id", "nunique"),
        places=("places", ", ".join),
    )
    return _with_schema(found, SHARED_NAMES)


# --- tags


def _check_required_tags(
    fleet: InventoryOrFrame, required: RequiredTags
) -> tuple[pd.DataFrame, dict[str, list[TagFinding]]]:
    """Return the wide frame, and for each required key what was found on each of its channels."""
    required_tags = parse_required_tags(required)
    table = fleet.table() if isinstance(fleet, Inventory) else channels_of(fleet)
    if not isinstance(fleet, Inventory) and len(table) and not any(tag_columns(table)):
        raise InvalidInput(
            "The frame has no tag: column, so its tags were not read or do not exist. Pass an Inventory, "
            f"or list_channels(tags={[each.key for each in required_tags]})."
        )
    unknown = _tags_unknown(fleet, table)
    # An inventory has all keys. A frame may have only some: list_channels(tags=["Site"]).
    all_keys = isinstance(fleet, Inventory)
    return table, {each.key: each.check(table, unknown, all_keys=all_keys) for each in required_tags}


def _tags_unknown(fleet: InventoryOrFrame, table: pd.DataFrame) -> pd.Series:
    """Return for each channel whether its tags were not read."""
    if isinstance(fleet, Inventory):
        return ~fleet.tags_sources().isin(TAGS_READ).set_axis(table.index)
    return ~table["tags_source"].isin(TAGS_READ) if "tags_source" in table else pd.Series(False, table.index)


def _with_schema(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return the columns of a schema with their dtypes, on a new RangeIndex."""
    return DataFrame(frame[[*schema]].astype(dict(schema)).reset_index(drop=True))
