"""Charts of the frames that reports return.

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> _ = sandbox.seed()
>>> kvs.charts.channel_counts(kvs.reports.channel_counts(kvs.inventory()))
<Chart: 11 channels in 1 region of 1 account>

They are drawn with matplotlib (the extra ``lab``); ``chart.figure`` is the
Figure, which can be changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd

from kvs_notebook.dataframes.frame_check import check_columns
from kvs_notebook.dataframes.schemas import AGES, COUNTS, GROWTH, HEADROOM, MONTHS, NEAR_QUOTA, TAG_COVERAGE, UNKNOWN
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count
from kvs_notebook.plotting.figure import COLORS, GREY, INK, RED, WIDTH, Chart, drawn_text, open_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Chart", "channel_ages", "channel_counts", "creation_by_month", "growth", "headroom", "tag_coverage"]


def __dir__() -> list[str]:
    """Return the public names, without those that this module imports."""
    return [*__all__]


BAR_HEIGHT, MARGIN_HEIGHT = 0.28, 1.1
"""Inches: of one bar, and of title and axis around the bars."""

CHARACTER_WIDTH = 0.017
"""The share of the axes that a digit in a segment takes."""

BLACK_ABOVE = 0.45
"""The brightness of a segment from which its number is black."""

MAX_BARS = 30
MAX_TICKS = 7
AGES_UP_TO = {"a week": 7, "a month": 30, "3 months": 91, "a year": 365, "2 years": 730}
FINDING_COLORS = {
    "met": COLORS[0],
    "near_miss": COLORS[1],
    "not_allowed": RED,
    "missing": "#A0522D",
    "unknown": GREY,
}


def channel_counts(counts: pd.DataFrame) -> Chart:
    """Draw the number of channels by region, each account in its own colour.

    The 30 regions and the 6 accounts with the most channels are drawn by name;
    a note says how many others there are.

    Parameters
    ----------
    counts
        The frame that reports.channel_counts() returned. Account-regions
        without a channel are left out; a note says how many were not read.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it.

    Raises
    ------
    InvalidInput
        If the frame does not have the columns of reports.channel_counts().
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> fleet = kvs.inventory(regions=["us-east-1", "eu-west-1"])
    >>> kvs.charts.channel_counts(kvs.reports.channel_counts(fleet))
    <Chart: 20 channels in 2 regions of 1 account>
    """
    check_columns(counts, COUNTS, "kvs.reports.channel_counts()")
    found = counts[counts["channels"].fillna(0) > 0]
    wide = found.pivot_table(index="region", columns="account_id", values="channels", aggfunc="sum", fill_value=0)
    wide = wide[wide.sum().sort_values(ascending=False, kind="stable").index]
    where = f"{format_count(len(wide), 'region')} of {format_count(len(wide.columns), 'account')}"
    wide, cut = _last_rows(wide.loc[wide.sum(axis="columns").sort_values(kind="stable").index])
    parts = {account: wide[account].tolist() for account in wide.columns[: len(COLORS) - 1]}
    others = wide.columns[len(parts) :]
    if len(others):
        parts[f"{format_count(len(others), 'other account')}"] = wide[others].sum(axis="columns").tolist()
    title = f"{format_count(int(found['channels'].sum()), 'channel')} in {where}"
    with _open_axes(title, len(wide)) as (figure, axes):
        _stacked_bars(axes, list(wide.index), parts, COLORS)
        if len(parts) > 1:
            figure.legend(title="account", frameon=False, loc="outside right upper")
        fewer = f"{format_count(cut, 'region')} with fewer channels" if cut else ""
        _note_not_shown(axes, fewer, int(counts["channels"].isna().sum()))
    return Chart(figure, title, follows_theme=True)


def channel_ages(ages: pd.DataFrame) -> Chart:
    """Draw the number of channels by age.

    Parameters
    ----------
    ages
        The frame that reports.channel_ages() returned.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it.

    Raises
    ------
    InvalidInput
        If the frame does not have the columns of reports.channel_ages().
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.charts.channel_ages(kvs.reports.channel_ages(kvs.list_channels()))
    <Chart: 11 channels by age>
    """
    check_columns(ages, AGES, "kvs.reports.channel_ages()")
    bounds = [-float("inf"), *AGES_UP_TO.values(), float("inf")]
    labels = [*(f"up to {name}" for name in AGES_UP_TO), "older"]
    days = pd.cut(ages["age_days"].astype("Float64").astype("float64"), bounds, labels=labels)
    counts = days.value_counts().reindex(labels, fill_value=0)
    title = f"{format_count(len(ages), 'channel')} by age"
    with _open_axes(title, len(labels)) as (figure, axes):
        _stacked_bars(axes, labels[::-1], {"channels": counts.tolist()[::-1]}, COLORS)
    return Chart(figure, title, follows_theme=True)


def creation_by_month(months: pd.DataFrame) -> Chart:
    """Draw the number of channels by the month of their creation.

    The last 30 months are drawn, also those without a channel; a note says how
    many channels are older.

    Parameters
    ----------
    months
        The frame that reports.creation_by_month() returned.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it.

    Raises
    ------
    InvalidInput
        If the frame does not have the columns of reports.creation_by_month().
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.charts.creation_by_month(kvs.reports.creation_by_month(kvs.list_channels()))
    <Chart: 11 channels created from 2024-01 to 2025-12>
    """
    check_columns(months, MONTHS, "kvs.reports.creation_by_month()")
    created = months.groupby("month")["channels"].sum()
    every: list[str] = []
    if len(created):
        every = pd.period_range(created.index.min(), created.index.max(), freq="M").strftime("%Y-%m").tolist()
    counts, cut = _last_rows(created.reindex(every, fill_value=0).to_frame())
    between = f" from {every[0]} to {every[-1]}" if every else ""
    title = f"{format_count(int(created.sum()), 'channel')} created{between}"
    with _open_axes(title, len(counts)) as (figure, axes):
        _stacked_bars(axes, list(counts.index)[::-1], {"channels": counts["channels"].tolist()[::-1]}, COLORS)
        earlier = format_count(int(created.sum() - counts["channels"].sum()), "channel")
        _note_not_shown(axes, f"{earlier} of {format_count(cut, 'earlier month')}" if cut else "", 0)
    return Chart(figure, title, follows_theme=True)


def growth(days: pd.DataFrame) -> Chart:
    """Draw the number of channels over the snapshots.

    An account-region that was not read on a day counts as on the last day when
    it was, or else the first, so that the line does not fall or rise by it;
    the marker of that day is hollow.

    Parameters
    ----------
    days
        The frame that reports.growth() returned.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it.

    Raises
    ------
    InvalidInput
        If the frame does not have the columns of reports.growth().
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> for day in ("2026-01-05", "2026-01-06"):
    ...     _ = kvs.create_channel(f"front-door-{day}")
    ...     _ = kvs.save_snapshot(kvs.inventory(), "history", date=day)
    >>> kvs.charts.growth(kvs.reports.growth(kvs.read_coverage("history")))
    <Chart: 1 to 2 channels from 2026-01-05 to 2026-01-06>
    """
    check_columns(days, GROWTH, "kvs.reports.growth()")
    if days.empty:
        raise InvalidInput("There is no day to draw. Save a snapshot with save_snapshot().")
    failed_accounts = days["region"].isna()  # could not be connected to, so their regions are unknown
    wide = days[~failed_accounts].pivot(index="date", columns=["account_id", "region"], values="channels")
    wide = wide.reindex(sorted(days["date"].unique()))
    totals = wide.ffill().bfill().sum(axis="columns").astype("int64")
    complete = wide.notna().all(axis="columns") & ~wide.index.isin(days.loc[failed_accounts, "date"])
    first, last = totals.index[0], totals.index[-1]
    title = f"{totals.iloc[0]:,} to {format_count(int(totals.iloc[-1]), 'channel')} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    with _open_axes(title, MAX_TICKS) as (figure, axes):
        axes.plot(totals.index, totals, color=COLORS[0])
        axes.plot(totals.index[complete], totals[complete], "o", color=COLORS[0], label="all account-regions read")
        if not complete.all():
            incomplete = totals.index[~complete], totals[~complete]
            axes.plot(*incomplete, "o", color=COLORS[0], markerfacecolor="none", label="some counted as on another day")
            axes.legend(frameon=False)
        axes.set_ylim(0, max(int(totals.max()) * 1.1, 1))
        axes.set_xticks(totals.index if len(totals) <= MAX_TICKS else totals.index[:: len(totals) // (MAX_TICKS - 1)])
        axes.xaxis.set_major_formatter(lambda day, _position: f"{pd.Timestamp(day, unit='D'):%Y-%m-%d}")
        axes.locator_params(axis="y", integer=True)
    return Chart(figure, title, follows_theme=True)


def tag_coverage(coverage: pd.DataFrame) -> Chart:
    """Draw how many channels have each required tag, and what others lack.

    Parameters
    ----------
    coverage
        The frame that reports.tag_coverage() returned.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it.

    Raises
    ------
    InvalidInput
        If the frame does not have the columns of reports.tag_coverage().
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.charts.tag_coverage(kvs.reports.tag_coverage(kvs.inventory(), {"Owner": None, "Env": ["prod", "dev"]}))
    <Chart: 2 required tags on 11 channels>
    """
    check_columns(coverage, TAG_COVERAGE, "kvs.reports.tag_coverage()")
    shown = coverage.iloc[::-1]
    parts = {name: shown[name].tolist() for name in FINDING_COLORS if name == "met" or shown[name].sum()}
    most = int(coverage["channels"].max()) if len(coverage) else 0
    title = f"{format_count(len(coverage), 'required tag')} on {format_count(most, 'channel')}"
    with _open_axes(title, len(coverage) + 1) as (figure, axes):
        _stacked_bars(axes, shown["key"].fillna("unknown").tolist(), parts, [FINDING_COLORS[name] for name in parts])
        axes.legend(
            [name.replace("_", " ") for name in parts],
            frameon=False,
            ncols=len(parts),
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
        )
        axes.xaxis.set_visible(False)
    return Chart(figure, title, follows_theme=True)


def headroom(shares: pd.DataFrame) -> Chart:
    """Draw the share of the quota that each account and region uses.

    The largest comes first, and a line is at 80 %.

    Parameters
    ----------
    shares
        The frame that reports.headroom() returned. The 30 largest shares are
        drawn; a note says how many others there are, and how many
        account-regions were not read.

    Returns
    -------
    Chart
        A notebook displays it; ``.save(path)`` writes it.

    Raises
    ------
    InvalidInput
        If the frame does not have the columns of reports.headroom().
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.charts.headroom(kvs.reports.headroom(kvs.inventory()))
    <Chart: 1 account-region, none near its quota>
    """
    check_columns(shares, HEADROOM, "kvs.reports.headroom()")
    read = shares[shares["problem"].fillna("") != UNKNOWN]
    near = read["problem"].notna()
    their = "their" if near.sum() > 1 else "its"
    title = f"{format_count(len(shares), 'account-region')}, {near.sum() or 'none'} near {their} quota"
    shown, cut = _last_rows(read.sort_values("share", kind="stable"))
    percent = shown["share"] * 100
    parts = {"below": percent.mask(near, 0).tolist(), "near": percent.where(near, 0).tolist()}
    ends = [f"{taken:,} of {quota:,}" for taken, quota in zip(shown["channels"], shown["quota"], strict=True)]
    labels = [
        f"{account_id} {region}"
        for account_id, region in shown[["account_id", "region"]].fillna("unknown").itertuples(index=False)
    ]
    with _open_axes(title, len(shown)) as (figure, axes):
        _stacked_bars(axes, labels, parts, (COLORS[0], RED), ends)
        axes.axvline(NEAR_QUOTA * 100, color=RED, linestyle="--", linewidth=1)
        axes.set_xlim(0, max([100, *percent]) * 1.25)
        axes.set_xticks(range(0, 101, 20), [f"{each} %" for each in range(0, 101, 20)])
        smaller = f"{format_count(cut, 'account-region')} with a smaller share" if cut else ""
        _note_not_shown(axes, smaller, len(shares) - len(read))
    return Chart(figure, title, follows_theme=True)


# --- drawing


@contextmanager
def _open_axes(title: str, bars: int) -> Iterator[tuple[Figure, Axes]]:
    """Yield a new figure with axes as high as its bars need."""
    with open_figure(WIDTH, MARGIN_HEIGHT + BAR_HEIGHT * max(bars, 2), INK) as figure:
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        axes.set_title(title, loc="left", fontweight="bold")
        yield figure, axes


def _stacked_bars(
    axes: Axes,
    labels: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    colors: Sequence[str],
    ends: Sequence[str] | None = None,
) -> None:
    """Draw horizontal stacked bars, the first label at the bottom, with the number in each segment that has space for it.

    ``ends`` are texts behind the bars; by default these are the sums, and if they are given, segments have no numbers.
    """
    totals: list[float] = [0] * len(labels)
    segments = []
    for (name, values), color in zip(parts.items(), colors, strict=False):
        label = drawn_text(f" {name}" if name.startswith("_") else name)  # a legend leaves out what begins with _
        segments.append(
            (axes.barh(range(len(labels)), list(values), left=totals, color=color, label=label), values, color)
        )
        totals = [before + value for before, value in zip(totals, values, strict=True)]
    axes.set_yticks(range(len(labels)), list(map(drawn_text, labels)))
    longest = max([1, *totals]) * 1.1
    axes.set_xlim(0, longest)
    axes.locator_params(axis="x", integer=True)
    for bars, values, color in segments if len(segments) > 1 and ends is None else ():
        texts = [f"{value:,}" if value else "" for value in values]
        fitting = [
            text if value / longest > len(text) * CHARACTER_WIDTH else ""
            for text, value in zip(texts, values, strict=True)
        ]
        axes.bar_label(bars, fitting, label_type="center", color=_contrasting(color))
    if segments:
        axes.bar_label(segments[-1][0], ends or [f"{total:,}" for total in totals], padding=3)


def _contrasting(color: str) -> str:
    """Return black or white, whichever is easier to read on a colour, by the brightness of its parts (ITU-R BT.601)."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > BLACK_ABOVE else "white"


def _note_not_shown(axes: Axes, cut: str, unread: int) -> None:
    notes = [note for note in (cut, f"{format_count(unread, 'account-region')} not read" if unread else "") if note]
    if notes:
        axes.set_xlabel(f"Not shown: {', '.join(notes)}")


def _last_rows(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the last rows, as many as a chart has space for, and the number of the others."""
    return frame.iloc[-MAX_BARS:], max(len(frame) - MAX_BARS, 0)
