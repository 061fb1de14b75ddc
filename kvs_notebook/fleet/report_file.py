"""Write a report on an inventory to a file: what was read, what was not, changes, required tags, quotas and growth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial

import pandas as pd

from kvs_notebook.arguments import check_path
from kvs_notebook.dataframes.files import File, open_output
from kvs_notebook.dataframes.frame_check import check_columns
from kvs_notebook.dataframes.schemas import CHANGES, NEAR_QUOTA, UNKNOWN
from kvs_notebook.errors import InvalidInput
from kvs_notebook.fleet import reports
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.fleet.report_document import (
    Part,
    Picture,
    Section,
    Table,
    Text,
    document_html,
    document_markdown,
)
from kvs_notebook.fleet.required_tags import RequiredTags
from kvs_notebook.fleet.snapshots import read_coverage
from kvs_notebook.fleet.summary import summary_line
from kvs_notebook.formatting import format_count, format_value
from kvs_notebook.plotting import charts

FORMATS: Mapping[str, Callable[[str, Iterator[Section]], str]] = {
    ".html": document_html,
    ".htm": document_html,
    ".md": document_markdown,
    ".markdown": document_markdown,
}
"""What writes a document, by the ending of its file."""

PLACE = {"account_id": "Account", "region": "Region"}
CHANNEL = {**PLACE, "channel_name": "Channel"}


def write_report(
    inventory: Inventory,
    path: File,
    *,
    changes: pd.DataFrame | None = None,
    since: str | None = None,
    required: RequiredTags | None = None,
    history: File | None = None,
) -> None:
    """Write a report on an inventory as one HTML page or as Markdown.

    It has a summary, what was not read, and, if they are asked for, changes,
    required tags and growth. A table has at most 200 rows and names how many
    there are. An HTML page needs no other file: its charts are inside, it runs
    no script, and it follows the reader's light or dark theme. In Markdown,
    tables take the place of the charts.

    Parameters
    ----------
    inventory
        The inventory.
    path
        A file whose name ends with ``.html`` or ``.md``; it is replaced when
        the new one is complete.
    changes
        The frame that compare_snapshots() returned.
    since
        The day of the snapshot that it was compared with, as text.
    required
        The allowed values of required tags by key, as for
        reports.tag_problems().
    history
        The folder that save_snapshot() writes to, whose growth is shown.

    Raises
    ------
    InvalidInput
        If the name has another ending, inventory is not an Inventory, changes
        is another frame, required is not valid, or the folder has no snapshot.
    ExportFailed
        If the file cannot be written; an older one is unchanged.

    Notes
    -----
    Charts require matplotlib (the extra ``lab``); without it, the page says so
    and has the tables.

    Examples
    --------
    >>> from pathlib import Path
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = sandbox.seed()
    >>> kvs.write_report(kvs.inventory(), "fleet.md", required={"Owner": None})
    >>> print(Path("fleet.md").read_text().splitlines()[4])
    11 channels in 1 region of account 111122223333: 11 ACTIVE
    """
    write_document = check_report_name(path)
    if not isinstance(inventory, Inventory):
        raise InvalidInput(
            f"write_report() was given a {type(inventory).__name__}, which does not say what was not read. "
            "Pass the Inventory that inventory() returns."
        )
    if changes is not None:
        check_columns(changes, CHANGES, "compare_snapshots()")
    title = f"Signaling channels on {datetime.now(UTC):%Y-%m-%d at %H:%M} UTC"
    document = write_document(title, _sections(inventory, changes, since, required, history))
    with open_output(path, "w") as stream:
        stream.write(document)


def check_report_name(path: File) -> Callable[[str, Iterator[Section]], str]:
    """Return what writes a document, by the ending of its file; raise InvalidInput if it is not known."""
    ending = check_path("path", path).suffix.lower()
    if ending not in FORMATS:
        raise InvalidInput(f"Report {format_value(str(path))} does not end with a known format. Expected .html or .md.")
    return FORMATS[ending]


def _sections(
    inventory: Inventory,
    changes: pd.DataFrame | None,
    since: str | None,
    required: RequiredTags | None,
    history: File | None,
) -> Iterator[Section]:
    yield Section("Summary", [*_summary(inventory)])
    if len(inventory.gaps):
        yield Section("Not read", [*_gaps(inventory)])
    if changes is not None:
        yield Section(f"Changes since {since}" if since else "Changes", [*_changes(changes)])
    if required is not None:
        yield Section("Required tags", [*_required_tags(inventory, required)])
    if inventory.prefix is None:
        yield Section("Quotas", [*_quotas(inventory)])
    if history is not None:
        yield Section("Growth", [*_growth(reports.growth(read_coverage(history)))])


def _summary(inventory: Inventory) -> Iterator[Part]:
    yield Text(summary_line(inventory))
    if inventory.prefix is not None:
        yield Text(f"Only channels whose name begins with {inventory.prefix} were read.")
    gaps = len(inventory.gaps)
    of_all = f"{gaps:,} of {format_count(len(inventory.coverage), 'account-region')}"
    yield Text(f"Not everything was read: gaps in {of_all}." if gaps else "All account-regions were read.")
    counts = reports.channel_counts(inventory)
    if counts["channels"].fillna(0).sum():
        yield Picture(partial(charts.channel_counts, counts))
    titles = {**PLACE, "channels": "Channels"}
    if inventory.account_names:
        names = counts["account_id"].map(inventory.account_names).astype("str")
        counts = counts.assign(account_name=names)
        titles = {"account_id": "Account", "account_name": "Name", "region": "Region", "channels": "Channels"}
    yield _table(_mark_unread(counts), titles)


def _mark_unread(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts, as text if some are missing: an empty cell would look like none."""
    if counts["channels"].notna().all():
        return counts
    return counts.assign(channels=[f"{n:,}" if pd.notna(n) else "not read" for n in counts["channels"]])


def _gaps(inventory: Inventory) -> Iterator[Part]:
    yield Text("Channels and tags of these are unknown; the other sections do not count them as missing.")
    gaps = inventory.gaps
    status = gaps["status"].where(gaps["status"] != "ok", "tags not read")
    yield _table(gaps.assign(status=status), {**PLACE, "status": "Status", "message": "Message"})


def _changes(changes: pd.DataFrame) -> Iterator[Part]:
    counts = Counter(changes["change"])
    yield Text(
        ", ".join(f"{count:,} {change}" for change, count in sorted(counts.items()))
        or "None in what was read on both days."
    )
    if len(changes):
        titles = {**CHANNEL, "change": "Change", "column": "Column", "before": "Before", "after": "After"}
        yield _table(changes, titles)


def _required_tags(inventory: Inventory, required: RequiredTags) -> Iterator[Part]:
    coverage = reports.tag_coverage(inventory, required)
    problems = reports.tag_problems(inventory, required)
    failing = problems.loc[problems["problem"] != UNKNOWN, "channel_arn"].nunique()
    of_all = format_count(len(inventory), "channel")
    yield Text(f"{failing:,} of {of_all} lack a required tag or have a value that is not allowed.")
    if len(inventory):
        yield Picture(partial(charts.tag_coverage, coverage))
    yield _table(
        coverage,
        {
            "key": "Key",
            "channels": "Channels",
            "met": "Met",
            "near_miss": "Near miss",
            "not_allowed": "Not allowed",
            "missing": "Missing",
            "unknown": "Unknown",
        },
    )
    if len(problems):
        readable = problems.assign(problem=problems["problem"].str.replace("_", " "))
        titles = {"key": "Key", "problem": "Problem", "found_key": "Found key", "found_value": "Found value"}
        yield _table(readable, {**CHANNEL, **titles, "allowed_value": "Probably meant"})


def _quotas(inventory: Inventory) -> Iterator[Part]:
    shares = reports.headroom(inventory)
    near = shares[shares["problem"].isin([reports.NEAR, reports.FULL])]
    if near.empty:
        yield Text(f"No account-region that was read has {NEAR_QUOTA:.0%} of its published quota of channels.")
        return
    yield Text("Delete channels in these, or request a higher quota.")
    yield Picture(partial(charts.headroom, shares))
    readable = near.assign(share=[f"{share:.0%}" for share in near["share"]])
    yield _table(readable, {**PLACE, "channels": "Channels", "quota": "Quota", "share": "Share"})


def _growth(days: pd.DataFrame) -> Iterator[Part]:
    by_day = days.groupby("date", as_index=False).agg(
        channels=("channels", "sum"), not_read=("channels", lambda counts: int(counts.isna().sum()))
    )
    if len(by_day) > 1:
        yield Picture(partial(charts.growth, days))
    newest_first = by_day.iloc[::-1].assign(date=by_day["date"].dt.strftime("%Y-%m-%d"))
    titles = {"date": "Day", "channels": "Channels read", "not_read": "Account-regions not read"}
    yield _table(newest_first, titles)


def _table(frame: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return a table of some columns; an account that could not be connected to has no region, and maybe no id."""
    shown = frame[[*titles]]
    places = {column: shown[column].fillna(UNKNOWN) for column in PLACE if column in titles}
    return Table([*titles.values()], shown.assign(**places))
