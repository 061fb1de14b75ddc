"""An inventory on the terminal and in files: channels, summary, gaps, quotas, changes and required tags."""

from __future__ import annotations

import io
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.cli.terminal import STANDARD_OUTPUT, print_bytes, print_error, print_text, table_width
from kvs_notebook.cli.text_table import format_changes, format_channels, format_tag_problems
from kvs_notebook.dataframes.files import to_csv, to_json, to_parquet
from kvs_notebook.dataframes.schemas import UNKNOWN
from kvs_notebook.dataframes.workbook import to_excel
from kvs_notebook.errors import ExportFailed, InvalidInput
from kvs_notebook.fleet import reports
from kvs_notebook.fleet.comparison import compare_snapshots
from kvs_notebook.fleet.coverage import NOT_ENABLED, row_label
from kvs_notebook.fleet.inventory import Inventory, coverage_path
from kvs_notebook.fleet.required_tags import RequiredTags
from kvs_notebook.fleet.snapshots import save_snapshot, snapshot_folders
from kvs_notebook.formatting import format_count

WRITERS: Mapping[str, Callable[[pd.DataFrame, Any], None]] = {
    "csv": to_csv,
    "excel": to_excel,
    "parquet": to_parquet,
    "json": to_json,
}


BINARY_FORMATS = frozenset({"excel", "parquet"})


class InventoryOutput:
    """Print an inventory and write it to files.

    Parameters
    ----------
    inventory
        The inventory that was read.
    connection
        The connection that it was read with.
    to_standard_error
        Whether text goes to standard error, because standard output takes the data of a file.
    table
        Whether the channels are printed, a line for each; if None, only on a terminal.
    """

    def __init__(
        self,
        inventory: Inventory,
        connection: Connection,
        *,
        to_standard_error: bool = False,
        table: bool | None = None,
    ) -> None:
        stream = sys.stderr if to_standard_error else sys.stdout
        self._with_table = stream.isatty() if table is None else table
        self._inventory = inventory
        self._connection = connection
        self._to_standard_error = to_standard_error
        self._channels = inventory.table()
        self.gaps = describe_gaps(inventory)

    def print_channels(self) -> None:
        """Print the channels if a table is wanted, a summary, and a line on standard error for each gap."""
        if self._with_table:
            self._print_table(format_channels(self._channels, table_width()))
        self._print(self._summary())
        for label, message in self.gaps:
            print_error(f"{label}: {message}")

    def print_quotas(self) -> None:
        """Print a line on standard error for each account and region that is near its quota of channels."""
        if self._inventory.prefix is not None:
            return
        headroom = reports.headroom(self._inventory)
        for row in headroom[headroom["problem"].isin([reports.NEAR, reports.FULL])].to_dict("records"):
            print_error(
                f"{row['account_id']} {row['region']}: {row['channels']:,} of {row['quota']:,} channels "
                f"({row['share']:.0%} of the published quota). Delete channels, or request a higher quota."
            )

    def print_changes(self, directory: str) -> bool:
        """Print the changes since the newest snapshot; return whether there is a snapshot."""
        try:
            newest = list(snapshot_folders(directory))[-1]
        except InvalidInput as error:
            is_unreadable = error.__cause__ is not None and not isinstance(error.__cause__, FileNotFoundError)
            absent = f"No snapshot in {directory} to compare with. Save one with --snapshot {directory}."
            print_error(str(error) if is_unreadable else absent)
            return False
        changes = compare_snapshots(directory, before=newest, after=self._inventory)
        lost = changes[(changes["before"] == "ok") & (changes["after"] == NOT_ENABLED)]
        for row in lost.to_dict("records"):
            gap = (row_label(row), f"Read on {newest}, and now not enabled in the account. Its channels are unknown.")
            self.gaps.append(gap)
            print_error(": ".join(gap))
        counts = Counter(changes["change"])
        summary = ", ".join(f"{count} {change}" for change, count in sorted(counts.items()))
        self._print(f"\nChanges since {newest} in {directory}: {summary or 'none'}")
        self._print_table(format_changes(changes, table_width()))
        return True

    def print_required_tags(self, required: RequiredTags) -> bool:
        """Print which channels fail a tag requirement; return whether all channels whose tags are known meet it."""
        self._print("")
        for row in reports.tag_coverage(self._inventory, required).to_dict("records"):
            unknown = f", {row['unknown']} unknown" if row["unknown"] else ""
            self._print(f"{row['key']}: {row['met']} of {row['channels']} channels meet the requirement{unknown}")
        problems = reports.tag_problems(self._inventory, required)
        self._print_table(format_tag_problems(problems, table_width()))
        failing = problems[problems["problem"] != UNKNOWN]["channel_arn"].nunique()
        if failing:
            print_error(
                f"{failing} of {len(self._channels)} channels lack a required tag or have a value that is not allowed. "
                "Tag them, then run the command again."
            )
        return not failing

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
        for name, frame in written.items():
            self._print(f"Wrote {format_count(len(frame), 'row')} to {name}")
        return True

    def _print(self, text: str) -> None:
        print_text(text, to_standard_error=self._to_standard_error)

    def _print_table(self, table: str) -> None:
        if table:
            self._print(table.removesuffix("\n"))

    def _summary(self) -> str:
        """Return one line: the number of channels, regions and accounts, the channels by status, and the labels of the gaps."""
        coverage = self._inventory.coverage
        answered = coverage[coverage["status"] == "ok"]
        regions, answered_regions = coverage["region"].nunique(), answered["region"].nunique()
        of_regions = f"{answered_regions} of " if answered_regions < regions else ""
        accounts = answered["account_id"].unique()
        of_accounts = f"account {accounts[0]}" if len(accounts) == 1 else format_count(len(accounts), "account")
        statuses = Counter(self._channels["channel_status"])
        summary = (
            f"{format_count(len(self._channels), 'channel')} in {of_regions}{format_count(regions, 'region')} "
            f"of {of_accounts}{self._origin()}"
        )
        if statuses:
            summary += ": " + ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        if self.gaps:
            summary += "; missing: " + ", ".join(label for label, _ in self.gaps)
        return summary

    def _origin(self) -> str:
        if self._connection.is_sandbox():
            return " (sandbox)"
        return f" (profile {self._connection.profile})" if self._connection.profile else ""


def describe_gaps(inventory: Inventory) -> list[tuple[str, str]]:
    """Return the label and the message of each gap; the label is the region alone if there is only one account."""
    has_one_account = len(set(inventory.coverage["account_id"])) == 1
    described = []
    for row in inventory.gaps.astype("object").to_dict("records"):
        label = row["region"] if has_one_account and isinstance(row["region"], str) else row_label(row)
        described.append((f"tags of {label}" if row["status"] == "ok" else label, str(row["message"])))
    return described


def _write_to_standard_output(frame: pd.DataFrame, file_format: str) -> None:
    sys.stdout.reconfigure(encoding="utf-8", errors="strict")  # type: ignore[union-attr]
    if file_format not in BINARY_FORMATS:
        WRITERS[file_format](frame, sys.stdout)
        sys.stdout.flush()
        return
    buffer = io.BytesIO()
    WRITERS[file_format](frame, buffer)
    print_bytes(buffer.getvalue())
