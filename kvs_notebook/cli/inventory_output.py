"""Printout: an inventory as a table, a summary and files, with its gaps named."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import click
import pandas as pd

from kvs_notebook.aws.connection import Connection
from kvs_notebook.cli import process, text_table
from kvs_notebook.dataframes import files
from kvs_notebook.dataframes.schemas import UNKNOWN
from kvs_notebook.errors import ExportFailed, InvalidInput
from kvs_notebook.fleet import reports
from kvs_notebook.fleet.comparison import compare_snapshots
from kvs_notebook.fleet.coverage import row_label
from kvs_notebook.fleet.inventory import Inventory, coverage_path
from kvs_notebook.fleet.required_tags import RequiredTags
from kvs_notebook.fleet.snapshots import save_snapshot, snapshot_folders

STANDARD_OUTPUT = "-"


class Printout:
    """An inventory on its way to the terminal.

    Parameters
    ----------
    inventory
        What was read.
    connection
        What it was read with.
    beside_data
        Whether standard output is taken by a file's data: words go to standard error then.
    """

    def __init__(self, inventory: Inventory, connection: Connection, *, beside_data: bool = False) -> None:
        self._inventory = inventory
        self._connection = connection
        self._beside_data = beside_data
        self._channels = inventory.table()
        self.gaps = gaps(inventory)

    def show(self) -> None:
        """Print the channels, a summary, and a line on standard error for each gap."""
        self.say(text_table.laid_out(self._channels, process.width()), nl=False)
        self.say(self._summary())
        for label, message in self.gaps:
            process.complain(f"{label}: {message}")

    def show_quotas(self) -> None:
        """Print a line on standard error for each unit that is near its quota of channels."""
        if self._inventory.prefix is not None:
            return
        units = reports.headroom(self._inventory)
        for unit in units[units["problem"].isin([reports.NEAR, reports.FULL])].to_dict("records"):
            process.complain(
                f"{unit['account_id']} {unit['region']}: {unit['channels']:,} of {unit['quota']:,} channels "
                f"({unit['share']:.0%} of the published quota). Delete some, or ask AWS for a higher one."
            )

    def show_changes(self, directory: str) -> bool:
        """Print what has changed since the newest snapshot; tell whether there is one."""
        try:
            newest = list(snapshot_folders(directory))[-1]
        except InvalidInput as error:
            unreadable = error.__cause__ is not None and not isinstance(error.__cause__, FileNotFoundError)
            none = f"{directory} has no snapshot to compare with; --snapshot {directory} keeps one."
            process.complain(str(error) if unreadable else none)
            return False
        changes = compare_snapshots(directory, before=newest, after=self._inventory)
        counts = Counter(changes["change"])
        named = ", ".join(f"{count} {change}" for change, count in sorted(counts.items()))
        self.say(f"\nSince {newest} in {directory}: {named or 'nothing has changed'}")
        self.say(text_table.changes_laid_out(changes, process.width()), nl=False)
        return True

    def show_required(self, required: RequiredTags) -> bool:
        """Print who misses a required tag; tell whether all channels whose tags are known have them."""
        problems = reports.tag_problems(self._inventory, required)
        self.say("")
        for row in reports.tag_coverage(self._inventory, required).to_dict("records"):
            unknown = f", {row['unknown']} unknown" if row["unknown"] else ""
            self.say(f"{row['key']}: {row['met']} of {row['channels']} channels have it as required{unknown}")
        self.say(text_table.problems_laid_out(problems, process.width()), nl=False)
        missed = problems[problems["problem"] != UNKNOWN]["channel_arn"].nunique()
        if missed:
            process.complain(
                f"{missed} of {len(self._channels)} channels lack a required tag or have another value; tag them and read again."
            )
        return not missed

    def save_snapshot(self, directory: str) -> bool:
        """Save the inventory as today's snapshot; tell whether it could be."""
        try:
            folder = save_snapshot(self._inventory, directory)
        except ExportFailed as error:
            process.complain(str(error))
            return False
        self.say(f"Wrote today's snapshot to {folder}")
        return True

    def say(self, text: str, *, nl: bool = True) -> None:
        """Print text beside the data."""
        click.echo(text, nl=nl, err=self._beside_data)

    def write(self, form: str, path: str) -> bool:
        """Write the channels to a file and, beside a CSV file, coverage: both or none; tell whether all could be written.

        Where it can't be written that is said, so that the other files still come.
        """
        if path == STANDARD_OUTPUT:
            _write_to_standard_output(self._channels, form)
            return True
        frames = {path: self._channels}
        try:
            if form == "csv":
                self._inventory.to_csv(path)
                frames[str(coverage_path(path))] = self._inventory.coverage
            else:
                _writer(form)(self._channels, path)
        except ExportFailed as error:
            process.complain(str(error))
            return False
        for written, frame in frames.items():
            self.say(f"Wrote {len(frame)} row{'' if len(frame) == 1 else 's'} to {written}")
        return True

    def _summary(self) -> str:
        coverage = self._inventory.coverage
        read = coverage[coverage["status"] == "ok"]
        asked, answered = coverage["region"].nunique(), read["region"].nunique()
        accounts = list(dict.fromkeys(read["account_id"]))
        connection = self._connection
        profile = f" (profile {connection.profile})" if connection.profile else ""
        kind = " (sandbox)" if connection.is_sandbox() else profile
        where = f"of account {accounts[0]}" if len(accounts) == 1 else f"of {len(accounts)} accounts"
        statuses = Counter(self._channels["channel_status"])
        states = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        count = len(self._channels)
        return (
            f"{count} channel{'' if count == 1 else 's'} in {f'{answered} of {asked}' if answered < asked else asked} "
            f"region{'' if asked == 1 else 's'} {where}{kind}{': ' if states else ''}{states}"
            f"{'; missing: ' if self.gaps else ''}{', '.join(label for label, _ in self.gaps)}"
        )


def gaps(inventory: Inventory) -> list[tuple[str, str]]:
    """Name each gap, by its region where there is one account only, with its reason."""
    one_account = len(set(inventory.coverage["account_id"])) == 1
    found = []
    for row in inventory.gaps.astype("object").to_dict("records"):
        place = row["region"] if one_account and isinstance(row["region"], str) else row_label(row)
        found.append((f"tags of {place}" if row["status"] == "ok" else place, str(row["message"])))
    return found


def _writer(form: str) -> Callable[[pd.DataFrame, Any], None]:
    write: Callable[[pd.DataFrame, Any], None] = getattr(files, f"to_{form}")
    return write


def _write_to_standard_output(frame: pd.DataFrame, form: str) -> None:
    sys.stdout.reconfigure(encoding="utf-8", errors="strict")  # type: ignore[union-attr]
    _writer(form)(frame, sys.stdout.buffer if form == "parquet" else sys.stdout)
    sys.stdout.flush()
