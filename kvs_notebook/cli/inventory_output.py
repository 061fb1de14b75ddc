"""An inventory on the terminal and in files: channels, summary, gaps, quotas, changes and required tags."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.cli.terminal import STANDARD_OUTPUT, print_bytes, print_error, print_text, table_width
from kvs_notebook.cli.text_table import format_changes, format_channels, format_tag_problems
from kvs_notebook.dataframes.files import to_csv, to_json, to_parquet
from kvs_notebook.dataframes.schemas import UNKNOWN
from kvs_notebook.dataframes.workbook import to_excel
from kvs_notebook.errors import ExportFailed, InvalidInput, KVSError
from kvs_notebook.fleet import reports
from kvs_notebook.fleet.comparison import compare_snapshots
from kvs_notebook.fleet.coverage import NOT_ENABLED, row_label
from kvs_notebook.fleet.inventory import Inventory, coverage_path
from kvs_notebook.fleet.report_file import write_report
from kvs_notebook.fleet.required_tags import RequiredTags
from kvs_notebook.fleet.snapshots import parse_date, save_snapshot, snapshot_folders
from kvs_notebook.fleet.summary import describe_gaps, summary_line
from kvs_notebook.formatting import format_count

WRITERS: Mapping[str, Callable[[pd.DataFrame, Any], None]] = {
    "csv": to_csv,
    "excel": to_excel,
    "parquet": to_parquet,
    "json": to_json,
}


BINARY_FORMATS = frozenset({"excel", "parquet"})
MOST_LINES = 20
"""Rows of a table, and problems of a kind, that are printed into a pipe or a file without --table, so that a log stays short."""

MOST_NAMED = 5
"""Gaps that the summary names."""


NOT_MET = {"missing": "missing", "near_miss": "nearly right", "not_allowed": "not allowed", "unknown": "unknown"}
"""The columns of tag_coverage() with channels that do not meet a requirement, as they are printed."""


class InventoryOutput:
    """Print an inventory and write it to files.

    Parameters
    ----------
    inventory
        The inventory that was read.
    connection
        The connection that it was read with.
    profiles
        The profiles that were read, if there are several.
    to_standard_error
        Whether text goes to standard error, because standard output takes the data of a file.
    table
        Whether the channels are printed, a line for each, and all rows of other tables; if None, only on a terminal.
    quiet
        Whether only problems are printed.

    Attributes
    ----------
    gaps
        The label and the message of each gap.
    """

    def __init__(
        self,
        inventory: Inventory,
        connection: Connection,
        *,
        profiles: Sequence[str] = (),
        to_standard_error: bool = False,
        table: bool | None = None,
        quiet: bool = False,
    ) -> None:
        stream = sys.stderr if to_standard_error else sys.stdout
        self._with_table = stream.isatty() if table is None else table
        self._inventory = inventory
        self._connection = connection
        self._profiles = profiles
        self._to_standard_error = to_standard_error
        self._quiet = quiet
        self._channels = inventory.table()
        self._with_account = len(set(inventory.coverage["account_id"])) > 1
        self._changes: pd.DataFrame | None = None
        self._compared_with: str | None = None
        self.gaps = describe_gaps(inventory)

    def print_channels(self) -> None:
        """Print the channels if a table is wanted, a summary, and a line on standard error for each gap."""
        if self._with_table:
            self._print_rows(format_channels(self._channels, table_width(), with_account=self._with_account), "")
        self._print(self._summary())
        gaps = [f"{label}: {message}" for label, message in self.gaps]
        self._print_problems(gaps, "gaps", "NAME-coverage.csv, beside --csv NAME.csv, has all.")

    def print_quotas(self) -> None:
        """Print a line on standard error for each account and region that is near its quota of channels."""
        if self._inventory.prefix is not None:
            return
        headroom = reports.headroom(self._inventory)
        near = [
            f"{row['account_id']} {row['region']}: {row['channels']:,} of {row['quota']:,} channels "
            f"({row['share']:.0%} of the published quota). Delete channels, or request a higher quota."
            for row in headroom[headroom["problem"].isin([reports.NEAR, reports.FULL])].to_dict("records")
        ]
        self._print_problems(near, "account-regions near their quota", "--report FILE names them.")

    def print_changes(self, directory: str, *, is_saved_there: bool) -> bool:
        """Print the changes since a snapshot in a directory; return whether they could be compared.

        If today's snapshot ``is_saved_there``, it is compared with the newest of a day before, also when a run is repeated, and
        on the first day there is none.
        """
        try:
            newest = self._day_to_compare_with(directory, is_saved_there=is_saved_there)
            if newest is None:
                return is_saved_there
            changes = compare_snapshots(directory, before=newest, after=self._inventory)
        except KVSError as error:
            print_error(str(error))
            return False
        self._changes, self._compared_with = changes, newest
        lost = changes[(changes["before"] == "ok") & (changes["after"] == NOT_ENABLED)]
        found = [
            (row_label(row), f"Read on {newest}, and now not enabled in the account. Its channels are unknown.")
            for row in lost.to_dict("records")
        ]
        self.gaps += found
        self._print_problems([": ".join(gap) for gap in found], "gaps", "--changes FILE names them.")
        counts = Counter(changes["change"])
        summary = ", ".join(f"{count:,} {change}" for change, count in sorted(counts.items()))
        self._print(f"\nChanges since {newest} in {directory}: {summary or 'none'}")
        table = format_changes(changes, table_width(), with_account=self._with_account)
        self._print_rows(table, "--changes FILE writes all, --table prints all.")
        return True

    def _day_to_compare_with(self, directory: str, *, is_saved_there: bool) -> str | None:
        """Return a day in a directory; None if it has none, which is printed."""
        try:
            days = [*snapshot_folders(directory)]
        except InvalidInput as error:
            if error.__cause__ is not None and not isinstance(error.__cause__, FileNotFoundError):
                raise
            days = []
        if is_saved_there:
            days = [day for day in days if day < parse_date("today")]
        if days:
            return days[-1]
        if is_saved_there:
            self._print(f"No snapshot in {directory} to compare with yet: today's is the first.")
        else:
            print_error(f"No snapshot in {directory} to compare with. Save one with --snapshot {directory}.")
        return None

    def write_changes(self, path: str) -> bool:
        """Write the changes as CSV, unless there was nothing to compare with; return whether they could be written."""
        if self._changes is None:
            self._print(f"Did not write {path}: there was no comparison.")
            return True
        return self._write_csv(self._changes, path)

    def print_required_tags(self, required: RequiredTags) -> bool:
        """Print which channels fail a tag requirement; return whether all channels whose tags are known meet it."""
        self._print("")
        for row in reports.tag_coverage(self._inventory, required).to_dict("records"):
            others = [f"{row[column]:,} {words}" for column, words in NOT_MET.items() if row[column]]
            met = f"{row['met']:,} of {row['channels']:,} channels meet the requirement"
            self._print(f"{row['key']}: {', '.join([met, *others])}")
        problems = reports.tag_problems(self._inventory, required)
        table = format_tag_problems(problems, table_width(), with_account=self._with_account)
        self._print_rows(table, "--table prints all.")
        failing = problems[problems["problem"] != UNKNOWN]["channel_arn"].nunique()
        if failing:
            print_error(
                f"{failing:,} of {len(self._channels):,} channels lack a required tag or have a value that is not allowed. "
                "Tag them, then run the command again."
            )
        return not failing

    def write_report(self, path: str, required: RequiredTags, history: str | None) -> bool:
        """Write the report; return whether it could be written. A folder without a snapshot yet has no growth to show."""
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # a job's user may have no home for its font cache
        try:
            write_report(
                self._inventory,
                path,
                changes=self._changes,
                since=self._compared_with,
                required=required or None,
                history=history if history and _has_snapshot(history) else None,
            )
        except KVSError as error:
            print_error(str(error))
            return False
        self._print(f"Wrote the report to {path}")
        return True

    def save_snapshot(self, directory: str) -> bool:
        """Save the inventory as today's snapshot; return whether it could be written."""
        with warnings.catch_warnings(record=True, action="always", category=UserWarning) as warned:
            try:
                folder = save_snapshot(self._inventory, directory)
            except (ExportFailed, InvalidInput) as error:
                print_error(str(error))
                return False
        for warning in warned:
            print_error(str(warning.message))
        self._print(f"Wrote today's snapshot to {folder}")
        return True

    def write_file(self, file_format: str, path: str) -> bool:
        """Write the channels to a file, and coverage beside a CSV file: both or none; return whether all could be written.

        An error is printed rather than raised, so that the other files are written.
        """
        written = {} if path == STANDARD_OUTPUT else {path: self._channels}
        try:
            if path == STANDARD_OUTPUT:
                _write_to_standard_output(self._channels, file_format)
            elif file_format == "csv":
                self._inventory.to_csv(path)
                written[str(coverage_path(path))] = self._inventory.coverage
            elif file_format == "excel":
                self._inventory.to_excel(path)
            else:
                WRITERS[file_format](self._channels, path)
        except (ExportFailed, InvalidInput) as error:
            print_error(str(error))
            return False
        self._print_written(written)
        return True

    def _write_csv(self, frame: pd.DataFrame, path: str) -> bool:
        try:
            if path == STANDARD_OUTPUT:
                _write_to_standard_output(frame, "csv")
                return True
            to_csv(frame, path)
        except (ExportFailed, InvalidInput) as error:
            print_error(str(error))
            return False
        self._print_written({path: frame})
        return True

    def _print_written(self, written: Mapping[str, pd.DataFrame]) -> None:
        for name, frame in written.items():
            self._print(f"Wrote {format_count(len(frame), 'row')} to {name}")

    def _print(self, text: str) -> None:
        """Print lines, unless only problems are printed."""
        if not self._quiet:
            print_text(text, to_standard_error=self._to_standard_error)

    def _print_rows(self, table: str, all_rows: str) -> None:
        """Print a table, or only its first rows and how to get ``all_rows``."""
        header, *rows = table.splitlines() or [""]
        if not rows:
            return
        shown = rows if self._with_table else rows[:MOST_LINES]
        self._print("\n".join([header, *shown]))
        if len(shown) < len(rows):
            self._print(f"and {format_count(len(rows) - len(shown), 'more row')}. {all_rows}")

    def _print_problems(self, problems: Sequence[str], kind: str, all_problems: str) -> None:
        """Print problems on standard error, or the first ones and how to get ``all_problems``."""
        shown = problems if self._with_table else problems[:MOST_LINES]
        for problem in shown:
            print_error(problem)
        if len(shown) < len(problems):
            print_error(f"and {len(problems) - len(shown):,} more {kind}. {all_problems}")

    def _summary(self) -> str:
        """Return one line: the number of channels, regions and accounts, the channels by status, and the labels of the gaps."""
        summary = summary_line(self._inventory, self._origin())
        if not self.gaps:
            return summary
        named = ", ".join(label for label, _ in self.gaps[:MOST_NAMED])
        more = f" and {len(self.gaps) - MOST_NAMED:,} more" if len(self.gaps) > MOST_NAMED else ""
        return f"{summary}; missing: {named}{more}"

    def _origin(self) -> str:
        if self._connection.is_sandbox():
            return " (sandbox)"
        if len(self._profiles) > 1:
            return f" (profiles {', '.join(self._profiles)})"
        return f" (profile {self._connection.profile})" if self._connection.profile else ""


def _has_snapshot(directory: str) -> bool:
    try:
        return bool(snapshot_folders(directory))
    except InvalidInput:
        return False


def _write_to_standard_output(frame: pd.DataFrame, file_format: str) -> None:
    sys.stdout.reconfigure(encoding="utf-8", errors="strict")  # type: ignore[union-attr]
    if file_format not in BINARY_FORMATS:
        WRITERS[file_format](frame, sys.stdout)
        sys.stdout.flush()
        return
    buffer = io.BytesIO()
    WRITERS[file_format](frame, buffer)
    print_bytes(buffer.getvalue())
