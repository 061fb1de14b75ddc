"""``kvs-notebook plan``: plan bulk changes from files, print the plan, and save it for ``kvs-notebook apply``."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kvs_notebook.cli.error_words import in_options
from kvs_notebook.cli.example_command import CommandGroup, ExampleCommand
from kvs_notebook.cli.exit_codes import CHANGES, PARTIAL
from kvs_notebook.cli.terminal import print_error, print_text, table_width
from kvs_notebook.formatting import format_count

if TYPE_CHECKING:
    import pandas as pd

    from kvs_notebook.plans.plan import Plan

Command = TypeVar("Command", bound=Callable[..., Any])

CHANNELS = click.argument("channels", metavar="CHANNELS")
WHERE = click.option(
    "--where",
    metavar="COLUMN=A,B",
    multiple=True,
    help="Only channels with one of these values of a column or tag; * and ? match any characters (repeatable).",
)


def _common_options(command: Command) -> Command:
    """Add the options of all subcommands."""
    options = [
        click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=Path), help="Save the plan in DIR."),
        click.option("--exit-code", is_flag=True, help="End with exit code 4 if there are changes."),
        click.option("--allow-managed", is_flag=True, help="Also change what CloudFormation or Terraform manages."),
        click.option(
            "--terraform", metavar="FILE", multiple=True, help="Output of terraform show -json: what Terraform manages."
        ),
        click.option(
            "--cloudformation",
            metavar="FILE",
            multiple=True,
            help="Output of aws cloudformation describe-stack-resources: what CloudFormation manages.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


TAGS = "plan tags --set KEY=VALUE for tags, or kvs-notebook plan ttl for the message TTL"
MEANT = {
    "set": TAGS,
    "update": TAGS,
    "change": TAGS,
    "edit": "plan sheet with an edited file, or kvs-notebook plan tags or kvs-notebook plan ttl",
    "untag": "plan tags --remove KEY",
    "create": "plan ensure",
    "remove": "plan delete",
    "apply": "apply",
    "undo": "undo",
}
"""The subcommand that is meant by a word that is not a kind of plan."""


@click.group(cls=CommandGroup, meant=MEANT)
def plan() -> None:
    """Plan bulk changes from files, without sending a request.

    CHANNELS is a file that kvs-notebook inventory has written: CSV, Parquet or .xlsx. The exit code is 3 if rows were
    refused; with --exit-code it is 4 if there are changes. Apply a saved plan with kvs-notebook apply DIR.
    """


@plan.command(cls=ExampleCommand, example="kvs-notebook plan sheet edited.csv --original fleet.csv -o changes")
@click.argument("edited", metavar="EDITED")
@click.option("--original", metavar="FILE", required=True, help="The file that EDITED was made from.")
@click.option("--current", metavar="FILE", help="A newer file of the channels, if they may have changed since.")
@_common_options
def sheet(*, edited: str, original: str, current: str | None, **options: Any) -> int:
    """Plan the changes that a user made to a spreadsheet, EDITED.

    Edit message_ttl_seconds and tag:KEY columns. An empty cell keeps the value, a cell with only ' sets the empty value, (remove)
    removes a tag, and delete in the column action deletes the channel. A missing row changes nothing.
    """
    from kvs_notebook.plans.sheets import from_sheet

    made = from_sheet(edited, original=_channels(original, options), current=current, **_managed(options))
    return _finish(made, options)


@plan.command(cls=ExampleCommand, example="kvs-notebook plan tags fleet.csv --set Env=prod --where Site=hq -o changes")
@CHANNELS
@click.option("--set", "to_set", metavar="KEY=VALUE", multiple=True, help="Tag to set (repeatable).")
@click.option("--rename", metavar="OLD=NEW", multiple=True, help="Tag key to rename (repeatable).")
@click.option("--remove", metavar="KEY", multiple=True, help="Tag to remove (repeatable).")
@WHERE
@_common_options
def tags(
    *,
    channels: str,
    to_set: Sequence[str],
    rename: Sequence[str],
    remove: Sequence[str],
    where: Sequence[str],
    **options: Any,
) -> int:
    """Plan to set, rename and remove tags of the channels in a file.

    CHANNELS is a file that kvs-notebook inventory has written: CSV, Parquet or .xlsx.
    """
    from kvs_notebook.plans.edits import tag

    if not (to_set or rename or remove):
        raise click.UsageError("Nothing to plan. Add --set KEY=VALUE, --rename OLD=NEW or --remove KEY.")
    made = tag(
        _select(channels, where, options),
        _parse_pairs("--set", to_set),
        rename=_parse_pairs("--rename", rename),
        remove=remove,
        **_managed(options),
    )
    return _finish(made, options, source=channels)


@plan.command(cls=ExampleCommand, example="kvs-notebook plan ttl fleet.csv 90 -o changes")
@CHANNELS
@click.argument("seconds", metavar="SECONDS", type=click.IntRange(5, 120))
@WHERE
@_common_options
def ttl(*, channels: str, seconds: int, where: Sequence[str], **options: Any) -> int:
    """Plan to set the message TTL of the channels in a file to SECONDS.

    CHANNELS is a file that kvs-notebook inventory has written: CSV, Parquet or .xlsx. SECONDS is 5 to 120.
    """
    from kvs_notebook.plans.edits import set_message_ttl

    made = set_message_ttl(_select(channels, where, options), seconds, **_managed(options))
    return _finish(made, options, source=channels)


@plan.command(cls=ExampleCommand, example="kvs-notebook plan delete fleet.csv --where 'channel_name=test-*' -o changes")
@CHANNELS
@WHERE
@_common_options
def delete(*, channels: str, where: Sequence[str], **options: Any) -> int:
    """Plan to delete the channels in a file.

    CHANNELS is a file that kvs-notebook inventory has written: CSV, Parquet or .xlsx.
    """
    from kvs_notebook.plans.edits import delete as plan_delete

    return _finish(plan_delete(_select(channels, where, options), **_managed(options)), options, source=channels)


@plan.command(cls=ExampleCommand, example="kvs-notebook plan ensure devices.csv --current fleet.csv -o changes")
@click.argument("devices", metavar="DEVICES")
@click.option("--current", metavar="FILE", required=True, help="The channels that exist, from kvs-notebook inventory.")
@click.option("--name-column", metavar="NAME", default="channel_name", show_default=True, help="Column of the names.")
@_common_options
def ensure(*, devices: str, current: str, name_column: str, **options: Any) -> int:
    """Plan to create the missing channels of a device list.

    Channels that exist are updated and tagged.

    DEVICES is a CSV file or workbook with a column of names; message_ttl_seconds, tag:KEY, account_id and region are
    optional; other columns are ignored. Nothing is deleted.
    """
    from kvs_notebook.plans.provisioning import ensure as plan_ensure

    made = plan_ensure(devices, _channels(current, options), name_column=name_column, **_managed(options))
    return _finish(made, options)


# --- what the subcommands share


def _read(path: str) -> pd.DataFrame:
    from kvs_notebook.fleet.inventory import Inventory
    from kvs_notebook.plans.sheet_table import read_channels

    channels, _ = read_channels(path, path)
    return channels.table() if isinstance(channels, Inventory) else channels


def _select(path: str, where: Sequence[str], options: dict[str, Any]) -> pd.DataFrame:
    from kvs_notebook.plans.selection import count_unread, select_rows

    channels = _mark(_read(path), options)
    selected = select_rows(channels, where)
    unread = count_unread(channels, where)
    if unread:
        print_error(
            f"--where leaves out {format_count(unread, 'channel')} whose tags were not read. Export {path} again to plan "
            "them too."
        )
    return selected


def _channels(path: str, options: dict[str, Any]) -> str | pd.DataFrame:
    """Return the file, or its channels with the column ``managed_by`` if files say what manages them."""
    return _mark(_read(path), options) if options["terraform"] or options["cloudformation"] else path


def _mark(channels: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    from kvs_notebook.plans.managed import mark_managed, read_cloudformation, read_terraform

    managed = [read_terraform(path) for path in options["terraform"]]
    managed += [read_cloudformation(path) for path in options["cloudformation"]]
    return mark_managed(channels, *managed) if managed else channels


def _managed(options: dict[str, Any]) -> dict[str, bool]:
    return {"allow_managed": options["allow_managed"]}


def _parse_pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{option} {text!r} is not valid. Expected two texts with = between them.")
        if key in pairs:
            raise click.UsageError(f"{option} {key} was given twice. Keep one of them.")
        pairs[key] = value
    return pairs


def _finish(made: Plan, options: dict[str, Any], *, source: str | None = None) -> int:
    """Save and print a plan, and return the exit code; ``source`` names the file that it was made from."""
    made.source = source or made.source
    output: Path | None = options["output"]
    if output is None:
        line = "add -o DIR to save the plan, and run kvs-notebook apply DIR"
    else:
        made.save(output)
        deletes = int((made.ready["action"] == "delete").sum())
        allowing = f" --max-delete {deletes}" if deletes else ""
        line = f"kvs-notebook apply {shlex.quote(str(output))} --confirm {shlex.quote(made.confirmation)}{allowing}"
    print_text(in_options(plan_in_options(made).to_text(width=min(table_width(), 120), apply_line=line)))
    if len(made.refused):
        return PARTIAL
    return CHANGES if options["exit_code"] and len(made) else 0


def plan_in_options(made: Plan) -> Plan:
    """Return a plan to print, whose refused rows name the options of the command in place of Python's arguments."""
    from kvs_notebook.plans.plan import Plan

    reasons = made.steps["reason"].map(in_options, na_action="ignore")
    shown = Plan(
        made.steps.assign(reason=reasons), source=made.source, notes=made.notes, account_names=made.account_names
    )
    shown.folder = made.folder
    return shown
