"""``kvs-notebook inventory``: list channels as a table and as files, and check them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kvs_notebook.cli.account_options import ACCOUNTS, ALL_REGIONS, EXTERNAL_ID, PROFILES, REGIONS, ROLE_ARNS, ROLE_NAME
from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.exit_codes import FAILED, PARTIAL, TAGS_MISSING
from kvs_notebook.cli.standard_streams import is_closed
from kvs_notebook.cli.terminal import STANDARD_OUTPUT, printed_warnings
from kvs_notebook.dataframes.csv_text import WORKBOOK_SUFFIXES
from kvs_notebook.dataframes.workbook_cells import import_openpyxl
from kvs_notebook.errors import InvalidInput, KVSError

if TYPE_CHECKING:
    from kvs_notebook.aws.connection import Connection
    from kvs_notebook.cli.inventory_output import InventoryOutput
    from kvs_notebook.fleet.inventory import Inventory

INTERRUPTED = "Interrupted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options of ``kvs-notebook inventory``."""

    sandbox: bool
    profiles: tuple[str, ...]
    regions: tuple[str, ...]
    all_regions: bool
    role_arns: tuple[str, ...]
    external_id: str | None
    accounts: str | None
    role_name: str | None
    role_session_name: str | None
    role_duration: int | None
    prefix: str | None
    tags: bool
    table: bool | None
    csv: str | None
    excel: str | None
    parquet: str | None
    json: str | None
    compare: str | None
    changes: str | None
    snapshot: str | None
    require: tuple[str, ...]
    report: str | None
    quiet: bool

    @property
    def files(self) -> dict[str, str]:
        """The path to write for each file format that was asked for."""
        paths = {"csv": self.csv, "excel": self.excel, "parquet": self.parquet, "json": self.json}
        return {file_format: path for file_format, path in paths.items() if path}

    @property
    def to_standard_output(self) -> list[str]:
        """The options whose data goes to standard output."""
        paths = {**self.files, "changes": self.changes}
        return [option for option, path in paths.items() if path == STANDARD_OUTPUT]

    @property
    def compares_and_saves_in_one_directory(self) -> bool:
        """Whether the snapshot is saved in the directory to compare with, which has none on the first day."""
        if self.compare is None or self.snapshot is None:
            return False
        return Path(self.compare).resolve() == Path(self.snapshot).resolve()

    def check(self) -> None:
        """Raise click.UsageError if options contradict each other, or need another one."""
        self._check_standard_output()
        self._check_workbook()
        if self.report:
            _check_report(self.report)
        for is_wrong, problem in self._contradictions():
            if is_wrong:
                raise click.UsageError(problem)

    def _check_standard_output(self) -> None:
        if len(self.to_standard_output) > 1:
            options = " and --".join(self.to_standard_output)
            raise click.UsageError(f"Only one of --{options} can go to standard output.")
        if self.to_standard_output and is_closed(sys.stdout):
            raise click.UsageError(
                f"Standard output is closed. Pass a path to --{self.to_standard_output[0]} instead of -."
            )
        for name, path in {"Parquet": self.parquet, "A workbook": self.excel}.items():
            if path == STANDARD_OUTPUT and sys.stdout.isatty():
                raise click.UsageError(
                    f"{name} is binary, and standard output is a terminal. Redirect it, or pass a path."
                )

    def _contradictions(self) -> Iterator[tuple[object, str]]:
        """Yield conditions that make the options wrong, each with its message."""
        yield self.sandbox and self.profiles, "--sandbox and --profile can't be combined."
        yield (
            len(self.profiles) > 1 and (self.role_arns or self.accounts),
            "Several --profile can't be combined with --role-arn or --accounts. Name them in the accounts file's column profile.",
        )
        yield self.regions and self.all_regions, "--region and --all-regions can't be combined."
        yield self.quiet and self.table, "--quiet and --table can't be combined."
        yield (
            self.prefix and (self.compare or self.snapshot),
            "--prefix can't be combined with --compare or --snapshot: all other channels would look deleted.",
        )
        yield (
            self.role_name and not self.accounts,
            "--role-name needs --accounts, the file of the accounts that have a role of this name.",
        )
        yield self.require and not self.tags, "--require needs tags. Remove --no-tags."
        yield (
            self.changes and not self.compare,
            "--changes needs --compare, the directory of the snapshot to compare with.",
        )
        yield (
            self.changes and Path(self.changes).suffix.lower() in WORKBOOK_SUFFIXES,
            f"{self.changes} is the name of a workbook, but --changes writes CSV. End it with .csv.",
        )
        paths = [Path(path) for path in (*self.files.values(), self.changes, self.report) if path]
        if self.csv and self.csv != STANDARD_OUTPUT:
            csv = Path(self.csv)
            paths.append(csv.with_name(f"{csv.stem}-coverage{csv.suffix}"))
        twice = [path for path in paths if path != Path(STANDARD_OUTPUT) and paths.count(path) > 1]
        yield twice, f"{', '.join(map(str, twice[:1]))} is named twice. Write each result to a file of its own."

    def _check_workbook(self) -> None:
        """Raise click.UsageError if a name is that of another kind of file, MissingExtra if no workbook can be written."""
        if self.csv and Path(self.csv).suffix.lower() in WORKBOOK_SUFFIXES:
            workbook = Path(self.csv).with_suffix(".xlsx")
            raise click.UsageError(f"{self.csv} is the name of a workbook. Write it with --excel {workbook}.")
        if not self.excel:
            return
        if self.excel != STANDARD_OUTPUT and Path(self.excel).suffix.lower() != ".xlsx":
            raise click.UsageError(f"{self.excel} is not the name of an Excel workbook. End it with .xlsx.")
        import_openpyxl()


@click.command(
    cls=ExampleCommand, example="kvs-notebook inventory --region us-east-1 --region eu-west-1 --csv fleet.csv"
)
@click.option("--sandbox", is_flag=True, help="Use the example fleet of a local sandbox; no AWS account is needed.")
@PROFILES
@REGIONS
@ALL_REGIONS
@ROLE_ARNS
@EXTERNAL_ID
@ACCOUNTS
@ROLE_NAME
@click.option(
    "--role-session-name",
    metavar="NAME",
    help="Session name of all roles, which CloudTrail shows.  [default: kvs-notebook]",
)
@click.option(
    "--role-duration",
    metavar="SECONDS",
    type=click.IntRange(900, 43_200),
    help="How long the credentials of a role are valid before they are renewed.  [default: 3600]",
)
@click.option("--prefix", metavar="TEXT", help="Only channels whose name starts with TEXT.")
@click.option("--tags/--no-tags", default=True, help="Read tags.  [default: --tags]")
@click.option(
    "--table/--no-table",
    default=None,
    help="Print a line for each channel.  [default: only on a terminal]",
)
@click.option("--csv", metavar="PATH", help="Write CSV to PATH; - is standard output.")
@click.option("--excel", metavar="PATH", help="Write a workbook (.xlsx) to PATH, coverage as its second sheet.")
@click.option("--parquet", metavar="PATH", help="Write Parquet to PATH; - is standard output.")
@click.option("--json", metavar="PATH", help="Write JSON to PATH; - is standard output.")
@click.option(
    "--compare",
    metavar="DIR",
    help="Report changes since the newest snapshot in DIR; if today's is saved there, since the newest of a day before.",
)
@click.option("--changes", metavar="PATH", help="Write those changes as CSV to PATH; - is standard output.")
@click.option("--snapshot", metavar="DIR", help="Save today's snapshot in DIR, after comparing.")
@click.option(
    "--require",
    metavar="KEY[=A,B]",
    multiple=True,
    help="Report channels that lack this tag, or have another value (repeatable).",
)
@click.option(
    "--report",
    metavar="PATH",
    help="Write a report to PATH, HTML or Markdown by its ending (.html, .md): summary, gaps, changes, required tags.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only problems, on standard error.")
def inventory(**options: Any) -> int:
    """List signaling channels as a table and as files.

    Reads channels and tags, and changes nothing. Into a pipe or a file only a summary and the first rows of each result are
    printed; --table prints all rows. If an account cannot be read in a region, the rest is written and the gap is reported;
    NAME-coverage.csv beside NAME.csv has the status of each account and region.

    Exit codes, of which the first that applies is returned: 130 interrupted; 2 wrong usage; 1 nothing could be read, or a file,
    a comparison or a snapshot failed; 3 a gap; 1 a channel lacks a required tag; 0 otherwise.
    """
    chosen = Options(**options)
    chosen.check()
    required = _parse_required(chosen.require)

    from kvs_notebook.aws.concurrency import hidden_progress
    from kvs_notebook.cli.inventory_output import InventoryOutput

    with _connect(chosen) as (connection, regions), hidden_progress() if chosen.quiet else nullcontext():
        found = _read(connection, regions, chosen)
    output = InventoryOutput(
        found,
        connection,
        to_standard_error=bool(chosen.to_standard_output),
        profiles=chosen.profiles,
        table=chosen.table,
        quiet=chosen.quiet,
    )
    output.print_channels()
    output.print_quotas()
    succeeded = [output.write_file(file_format, path) for file_format, path in chosen.files.items()]
    if INTERRUPTED in set(found.coverage["error_code"]):
        raise click.Abort
    has_tags = not required or output.print_required_tags(required)
    succeeded += _compare_and_keep(output, required, chosen)
    if not all(succeeded):
        return FAILED
    if output.gaps:
        return PARTIAL
    return 0 if has_tags else TAGS_MISSING


def _compare_and_keep(
    output: InventoryOutput, required: dict[str, list[str] | None], options: Options
) -> Iterator[bool]:
    """Compare, save the snapshot, and write the report on both; yield whether each succeeded."""
    if options.compare:
        is_saved_there = options.compares_and_saves_in_one_directory
        yield output.print_changes(options.compare, is_saved_there=is_saved_there)
    if options.changes:
        yield output.write_changes(options.changes)
    if options.snapshot:
        yield output.save_snapshot(options.snapshot)
    if options.report:
        yield output.write_report(options.report, required, options.snapshot or options.compare)


def _check_report(path: str) -> None:
    from kvs_notebook.fleet.report_file import check_report_name

    try:
        check_report_name(path)
    except InvalidInput as error:
        raise click.UsageError(f"--report: {error}") from error


def _parse_required(texts: Sequence[str]) -> dict[str, list[str] | None]:
    """Parse each ``KEY`` or ``KEY=A,B``; a tag's value cannot contain a comma."""
    required: dict[str, list[str] | None] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if key in required:
            raise click.UsageError(f"--require {key} was given twice. List its values in one: --require {key}=A,B.")
        required[key] = values.split(",") if equals else None
    if required:
        from kvs_notebook.fleet.required_tags import parse_required_tags

        try:
            parse_required_tags(required)
        except InvalidInput as error:
            raise click.UsageError(f"--require: {error}") from error
    return required


@contextmanager
def _connect(options: Options) -> Iterator[tuple[Connection, Sequence[str] | str | None]]:
    """Open the connection to start from, and yield it with the regions to read; raise InvalidInput if one is misspelt."""
    from kvs_notebook.aws.regions import check_region

    for region in options.regions:
        check_region(region, newer=True)
    regions = "all" if options.all_regions else options.regions or None
    if options.sandbox:
        from kvs_notebook.sandbox.example_fleet import REGIONS
        from kvs_notebook.sandbox.sandbox import Sandbox

        with Sandbox() as sandbox:
            sandbox.seed()
            yield sandbox.connection(), regions or REGIONS
    else:
        yield _connect_to_profile(options.profiles, options.regions[0] if options.regions else None), regions


def _connect_to_profile(profiles: Sequence[str], region: str | None) -> Connection:
    """Connect with the only profile, or by boto3's default chain; of several, open the first one that can be used.

    Each of several is checked when it is read: one that is misspelt is a gap, and the others are read.
    """
    from kvs_notebook.aws.default_connection import connect, for_profile

    if len(profiles) <= 1:
        return connect(*profiles, region=region)
    failures = []
    for profile in profiles:
        try:
            return for_profile(profile, region=region)
        except KVSError as error:
            failures.append(error)
    raise failures[0]


def _read(connection: Connection, regions: Sequence[str] | str | None, options: Options) -> Inventory:
    """Read the inventory; raise KVSError if nothing at all could be read."""
    from kvs_notebook.fleet.credential_failures import IN_COVERAGE
    from kvs_notebook.fleet.inventory import inventory as read_inventory
    from kvs_notebook.fleet.summary import describe_gaps

    with printed_warnings(hidden=IN_COVERAGE):  # each gap is printed by name
        found = read_inventory(
            profiles=options.profiles if len(options.profiles) > 1 else None,
            regions=regions,
            role_arns=options.role_arns or None,
            external_id=options.external_id,
            accounts=options.accounts,
            role_name=options.role_name,
            role_session_name=options.role_session_name,
            role_duration_seconds=options.role_duration,
            prefix=options.prefix,
            tags="bulk" if options.tags else "none",
            connection=connection,
        )
    if set(found.coverage["error_code"]) == {INTERRUPTED}:
        raise click.Abort
    if len(found.coverage) and not found.coverage["status"].isin(["ok", "region_disabled"]).any():
        messages = found.coverage["message"].unique()
        if len(messages) == 1:
            raise KVSError(messages[0])
        gaps = " ".join(f"{label}: {message}" for label, message in describe_gaps(found))
        raise KVSError(f"No region could be read. {gaps}")
    return found
