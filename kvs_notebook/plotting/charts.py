"""Charts: the frames of reports as pictures.

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> _ = sandbox.seed()
>>> kvs.charts.channel_counts(kvs.reports.channel_counts(kvs.inventory()))
<Chart: 11 channels in 1 region of 1 account>

They are matplotlib's (the extra ``lab``): ``chart.figure`` is its Figure, to be changed as you like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd

from kvs_notebook.dataframes.schemas import AGES, COUNTS, GROWTH, HEADROOM, NEAR_QUOTA, TAG_COVERAGE, UNKNOWN, Schema
from kvs_notebook.errors import InvalidInput
from kvs_notebook.plotting.figure import COLORS, GREY, RED, WIDTH, Chart, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Chart", "channel_ages", "channel_counts", "growth", "headroom", "tag_coverage"]


def __dir__() -> list[str]:
    """Name what is public, and not what this room itself imports."""
    return [*__all__]


LINE, FRAME = 0.28, 1.1
"""Inches: of a bar, and of what stands around the bars."""

MOST_BARS = 30
AGES_UP_TO = {"a week": 7, "a month": 30, "3 months": 91, "a year": 365, "2 years": 730}
VERDICTS = {
    "met": COLORS[0],
    "near_miss": COLORS[1],
    "not_allowed": RED,
    "missing": "#7F2A00",
    "unknown": GREY,
}


def channel_counts(counts: pd.DataFrame) -> Chart:
    """Draw the channels by region, each account in its colour.

    The 30 fullest regions, the 6 greatest accounts by name; the picture says how many there are beside them.

    Parameters
    ----------
    counts
        What reports.channel_counts() gave. Units without a channel are left out; those that were not read are named below.

    Returns
    -------
    Chart
        Shows itself; ``.save(path)`` writes it.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> fleet = kvs.inventory(regions=["us-east-1", "eu-west-1"])
    >>> kvs.charts.channel_counts(kvs.reports.channel_counts(fleet))
    <Chart: 20 channels in 2 regions of 1 account>
    """
    _check(counts, COUNTS, "channel_counts")
    found = counts[counts["channels"].fillna(0) > 0]
    wide = found.pivot_table(index="region", columns="account_id", values="channels", aggfunc="sum", fill_value=0)
    wide = wide[wide.sum().sort_values(ascending=False, kind="stable").index]  # of many accounts the greatest are named
    where = f"{_counted(len(wide), 'region')} of {_counted(len(wide.columns), 'account')}"
    wide, cut = _most(wide.loc[wide.sum(axis="columns").sort_values(kind="stable").index])
    parts = {account: wide[account].tolist() for account in wide.columns[: len(COLORS) - 1]}
    others = wide.columns[len(parts) :]
    if len(others):
        parts[f"{_counted(len(others), 'other account')}"] = wide[others].sum(axis="columns").tolist()
    title = f"{_counted(int(found['channels'].sum()), 'channel')} in {where}"
    with _drawn(title, len(wide)) as (figure, axes):
        _stacked_bars(axes, list(wide.index), parts, COLORS)
        if len(parts) > 1:
            figure.legend(title="account", frameon=False, loc="outside right upper")
        fewer = f"{_counted(cut, 'region')} with fewer channels" if cut else ""
        _say_what_is_missing(axes, fewer, int(counts["channels"].isna().sum()))
    return Chart(figure, title)


def channel_ages(ages: pd.DataFrame) -> Chart:
    """Draw how many channels are how old.

    Parameters
    ----------
    ages
        What reports.channel_ages() gave.

    Returns
    -------
    Chart
        Shows itself; ``.save(path)`` writes it.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.charts.channel_ages(kvs.reports.channel_ages(kvs.list_channels()))
    <Chart: 11 channels by age>
    """
    _check(ages, AGES, "channel_ages")
    bounds = [-float("inf"), *AGES_UP_TO.values(), float("inf")]
    labels = [*(f"up to {name}" for name in AGES_UP_TO), "older"]
    days = pd.cut(ages["age_days"].astype("Float64").astype("float64"), bounds, labels=labels)
    counts = days.value_counts().reindex(labels, fill_value=0)
    title = f"{_counted(len(ages), 'channel')} by age"
    with _drawn(title, len(labels)) as (figure, axes):
        _stacked_bars(axes, labels[::-1], {"channels": counts.tolist()[::-1]}, COLORS)
    return Chart(figure, title)


def growth(days: pd.DataFrame) -> Chart:
    """Draw the number of channels over the snapshots.

    A unit that was not read on a day counts as it did when it last was, or when it first was, and the point of that day is
    hollow: the line neither falls nor rises by it, nor hides the gap.

    Parameters
    ----------
    days
        What reports.growth() gave.

    Returns
    -------
    Chart
        Shows itself; ``.save(path)`` writes it.

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
    _check(days, GROWTH, "growth")
    if days.empty:
        raise InvalidInput("There is no day to draw: save_snapshot() keeps one.")
    shut = days["region"].isna()  # an account that let nobody in: which regions it has was not seen
    wide = days[~shut].pivot(index="date", columns=["account_id", "region"], values="channels")
    wide = wide.reindex(sorted(days["date"].unique()))
    totals = wide.ffill().bfill().sum(axis="columns").astype("int64")
    whole = wide.notna().all(axis="columns") & ~wide.index.isin(days.loc[shut, "date"])
    first, last = totals.index[0], totals.index[-1]
    title = (
        f"{totals.iloc[0]:,} to {_counted(int(totals.iloc[-1]), 'channel')} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    )
    with _drawn(title, 7) as (figure, axes):
        axes.plot(totals.index, totals, color=COLORS[0])
        axes.plot(totals.index[whole], totals[whole], "o", color=COLORS[0], label="all units read")
        if not whole.all():
            hollow = totals.index[~whole], totals[~whole]
            axes.plot(*hollow, "o", color=COLORS[0], markerfacecolor="white", label="some as read on another day")
            axes.legend(frameon=False)
        axes.set_ylim(0, max(int(totals.max()) * 1.1, 1))
        axes.set_xticks(totals.index if len(totals) <= 7 else totals.index[:: len(totals) // 6])  # noqa: PLR2004 - as fit
        axes.xaxis.set_major_formatter(lambda day, _place: f"{pd.Timestamp(day, unit='D'):%Y-%m-%d}")
        axes.locator_params(axis="y", integer=True)
    return Chart(figure, title)


def tag_coverage(coverage: pd.DataFrame) -> Chart:
    """Draw how many channels meet each required tag, and what is wrong with the others.

    Parameters
    ----------
    coverage
        What reports.tag_coverage() gave.

    Returns
    -------
    Chart
        Shows itself; ``.save(path)`` writes it.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.charts.tag_coverage(kvs.reports.tag_coverage(kvs.inventory(), {"Owner": None, "Env": ["prod", "dev"]}))
    <Chart: 2 required tags on 11 channels>
    """
    _check(coverage, TAG_COVERAGE, "tag_coverage")
    shown = coverage.iloc[::-1]
    parts = {name: shown[name].tolist() for name in VERDICTS if name == "met" or shown[name].sum()}
    most = int(coverage["channels"].max()) if len(coverage) else 0
    title = f"{_counted(len(coverage), 'required tag')} on {_counted(most, 'channel')}"
    with _drawn(title, len(coverage) + 1) as (figure, axes):
        _stacked_bars(axes, shown["key"].tolist(), parts, [VERDICTS[name] for name in parts])
        axes.legend(
            [name.replace("_", " ") for name in parts],
            frameon=False,
            ncols=len(parts),
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
        )
        axes.xaxis.set_visible(False)
    return Chart(figure, title)


def headroom(units: pd.DataFrame) -> Chart:
    """Draw how much of its quota each account and region has taken, the fullest first, with a line at 80 %.

    Parameters
    ----------
    units
        What reports.headroom() gave. The 30 fullest are drawn; how many others there are, and how many were not read, is said
        below.

    Returns
    -------
    Chart
        Shows itself; ``.save(path)`` writes it.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.charts.headroom(kvs.reports.headroom(kvs.inventory()))
    <Chart: 1 unit, none near its quota>
    """
    _check(units, HEADROOM, "headroom")
    read = units[units["problem"].fillna("") != UNKNOWN]
    near = read["problem"].notna()
    title = f"{_counted(len(units), 'unit')}, {near.sum() or 'none'} near {'their' if near.sum() > 1 else 'its'} quota"
    shown, cut = _most(read.sort_values("share", kind="stable"))
    percent = shown["share"] * 100
    parts = {"below": percent.mask(near, 0).tolist(), "near": percent.where(near, 0).tolist()}
    ends = [f"{taken:,} of {quota:,}" for taken, quota in zip(shown["channels"], shown["quota"], strict=True)]
    with _drawn(title, len(shown)) as (figure, axes):
        _stacked_bars(axes, (shown["account_id"] + " " + shown["region"]).tolist(), parts, (COLORS[0], RED), ends)
        axes.axvline(NEAR_QUOTA * 100, color=RED, linestyle="--", linewidth=1)
        axes.set_xlim(0, max([100, *percent]) * 1.25)
        axes.set_xticks(range(0, 101, 20), [f"{each} %" for each in range(0, 101, 20)])
        smaller = f"{_counted(cut, 'unit')} with a smaller share" if cut else ""
        _say_what_is_missing(axes, smaller, len(units) - len(read))
    return Chart(figure, title)


# --- drawing


@contextmanager
def _drawn(title: str, lines: int) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure as high as its lines need."""
    with figure_of(WIDTH, FRAME + LINE * max(lines, 2)) as figure:
        axes = figure.add_subplot()
        axes.set_title(title, loc="left")
        yield figure, axes


def _stacked_bars(
    axes: Axes,
    labels: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    colors: Sequence[str],
    ends: Sequence[str] | None = None,
) -> None:
    """Draw horizontal bars, the first label at the bottom, with what each ends with behind it: its sum, where nothing is said."""
    so_far: list[float] = [0] * len(labels)
    for (name, values), color in zip(parts.items(), colors, strict=False):
        bars = axes.barh(range(len(labels)), list(values), left=so_far, color=color, label=name)
        so_far = [before + value for before, value in zip(so_far, values, strict=True)]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlim(0, max([1, *so_far]) * 1.1)
    axes.locator_params(axis="x", integer=True)
    if parts:
        axes.bar_label(bars, ends or [f"{total:,}" for total in so_far], padding=3)


def _say_what_is_missing(axes: Axes, cut: str, units: int) -> None:
    missing = [each for each in (cut, f"{_counted(units, 'unit')} not read" if units else "") if each]
    if missing:
        axes.set_xlabel(f"{', '.join(missing)}: not in this picture")


def _most(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Give the last rows, the greatest, as many as a picture has room for, and how many others there are."""
    return frame.iloc[-MOST_BARS:], max(len(frame) - MOST_BARS, 0)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _check(frame: pd.DataFrame, schema: Schema, report: str) -> None:
    if not set(schema) <= set(getattr(frame, "columns", ())):
        raise InvalidInput(f"A chart of {report} draws what kvs.reports.{report}() gave; this has other columns.")
