"""An inventory in one line, and its gaps as texts."""

from __future__ import annotations

from collections import Counter

from kvs_notebook.fleet.coverage import row_label
from kvs_notebook.fleet.inventory import Inventory
from kvs_notebook.formatting import format_count


def summary_line(inventory: Inventory, origin: str = "") -> str:
    """Return the number of channels, regions and accounts, and the channels by status; ``origin`` follows the accounts."""
    coverage = inventory.coverage
    answered = coverage[coverage["status"] == "ok"]
    regions, answered_regions = coverage["region"].nunique(), answered["region"].nunique()
    of_regions = f"{answered_regions} of " if answered_regions < regions else ""
    accounts = answered["account_id"].unique()
    of_accounts = f"account {accounts[0]}" if len(accounts) == 1 else format_count(len(accounts), "account")
    statuses = Counter(inventory.channels["channel_status"])
    by_status = ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()))
    return (
        f"{format_count(len(inventory.channels), 'channel')} in {of_regions}{format_count(regions, 'region')} "
        f"of {of_accounts}{origin}" + (f": {by_status}" if by_status else "")
    )


def describe_gaps(inventory: Inventory) -> list[tuple[str, str]]:
    """Return the label and the message of each gap; the label is the region alone if there is only one account."""
    has_one_account = len(set(inventory.coverage["account_id"])) == 1
    described = []
    for row in inventory.gaps.astype("object").to_dict("records"):
        label = row["region"] if has_one_account and isinstance(row["region"], str) else row_label(row)
        described.append((f"tags of {label}" if row["status"] == "ok" else label, str(row["message"])))
    return described
