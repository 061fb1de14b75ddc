"""The ``kvs-notebook inventory`` command: channels as a table and as files."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kvs_notebook.cli.exit_codes import FAILED, PARTIAL
from kvs_notebook.errors import InvalidInput, KVSError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvs_notebook.aws.connection import Connection
    from kvs_notebook.fleet.inventory import Inventory

INTERRUPTED = "Interrupted"


@click.command()
@click.option("--sandbox", is_flag=True, help="Show the example fleet of a local sandbox; no AWS account is needed.")
@click.option("--profile", metavar="NAME", help="AWS profile; boto3's default chain where none is given.")
@click.option("--region", "regions", metavar="CODE", multiple=True, help="A region; may be given several times.")
@click.option("--all-regions", is_flag=True, help="Every region that the account has enabled.")
@click.option(
    "--role-arn", "role_arns", metavar="ARN", multiple=True, help="A role to assume; may be given several times."
)
@click.option("--external-id", metavar="TEXT", help="What those roles ask for.")
@click.option("--accounts", metavar="FILE", help="CSV: account_id, role_arn or profile, account_name, external_id.")
@click.option("--prefix", metavar="TEXT", help="Only channels whose name begins with this.")
@click.option("--tags/--no-tags", default=True, help="Read the tags too.  [default: --tags]")
@click.option("--csv", metavar="PATH", help="Write CSV there; - is standard output.")
@click.option("--parquet", metavar="PATH", help="Write Parquet there; - is standard output.")
@click.option("--json", metavar="PATH", help="Write JSON there; - is standard output.")
@click.option("--compare", metavar="DIR", help="Say what has changed since the newest snapshot there.")
@click.option("--snapshot", metavar="DIR", help="Keep this as today's snapshot there, after comparing.")
@click.option(
    "--require",
    metavar="KEY[=A,B]",
    multiple=True,
    help="Name who lacks this tag, or has another value; may be given several times.",
)
def inventory(
    *,
    sandbox: bool,
    profile: str | None,
    regions: tuple[str, ...],
    all_regions: bool,
    role_arns: tuple[str, ...],
    external_id: str | None,
    accounts: str | None,
    prefix: str | None,
    tags: bool,
    csv: str | None,
    parquet: str | None,
    json: str | None,
    compare: str | None,
    snapshot: str | None,
    require: tuple[str, ...],
) -> int:
    """List signaling channels as a table and as files.

    Reads the tags too, and changes nothing. What could not be read of an account in a region is named as a gap, and the rest is
    written (exit code 3); NAME-coverage.csv beside NAME.csv says how each was read. A required tag that a channel lacks is a
    failure (exit code 1).
    """
    from kvs_notebook.cli.inventory_output import STANDARD_OUTPUT, Printout

    files = {"csv": csv, "parquet": parquet, "json": json}
    to_standard_output = [form for form, path in files.items() if path == STANDARD_OUTPUT]
    if len(to_standard_output) > 1:
        raise click.UsageError(f"Only one of --{' and --'.join(to_standard_output)} can go to standard output.")
    for wrong, is_so in {
        "--sandbox needs no --profile: give one of them.": sandbox and profile,
        "--all-regions names every --region: give one of them.": regions and all_regions,
        "--prefix would make the rest look deleted: leave it out of --compare and --snapshot.": prefix
        and (compare or snapshot),
        "--require needs the tags: leave --no-tags out.": require and not tags,
    }.items():
        if is_so:
            raise click.UsageError(wrong)
    required = _required(require)
    with _base(sandbox=sandbox, profile=profile, regions=regions) as (connection, chosen):
        found = _read(
            connection,
            regions="all" if all_regions else chosen,
            role_arns=role_arns or None,
            external_id=external_id,
            accounts=accounts,
            prefix=prefix,
            tags="bulk" if tags else "none",
        )
    printout = Printout(found, connection, beside_data=bool(to_standard_output))
    printout.show()
    printout.show_quotas()
    went_well = [printout.write(form, path) for form, path in files.items() if path]
    if INTERRUPTED in set(found.coverage["error_code"]):
        raise click.Abort
    if required:
        went_well.append(printout.show_required(required))
    if compare:
        first_day = snapshot is not None and Path(snapshot).resolve() == Path(compare).resolve()
        went_well.append(printout.show_changes(compare) or first_day)
    if snapshot:
        went_well.append(printout.save_snapshot(snapshot))
    if not all(went_well):
        return FAILED
    return PARTIAL if printout.gaps else 0


def _required(texts: Sequence[str]) -> dict[str, list[str] | None]:
    """Take KEY or KEY=A,B apart; no value of a tag has a comma in it."""
    from kvs_notebook.fleet.required_tags import requirements

    required: dict[str, list[str] | None] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if key in required:
            raise click.UsageError(f"--require {key} was given twice: name its values in one, as in {key}=A,B.")
        required[key] = values.split(",") if equals else None
    try:
        if required:
            requirements(required)
    except InvalidInput as error:
        raise click.UsageError(f"--require: {error}") from error
    return required


@contextmanager
def _base(
    *, sandbox: bool, profile: str | None, regions: Sequence[str]
) -> Iterator[tuple[Connection, Sequence[str] | None]]:
    """Give the connection to begin with, and the regions to read."""
    if sandbox:
        from kvs_notebook.sandbox.example_fleet import REGIONS
        from kvs_notebook.sandbox.sandbox import Sandbox

        with Sandbox() as service:
            service.seed()
            yield service.connection(), regions or REGIONS
    else:
        from kvs_notebook.aws.default_connection import connect

        yield connect(profile, region=regions[0] if regions else None), regions or None


def _read(connection: Connection, **options: Any) -> Inventory:
    """Read the inventory; where nothing at all could be read, that is a failure."""
    from kvs_notebook.cli.inventory_output import gaps
    from kvs_notebook.fleet.inventory import inventory as read_inventory

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the gaps say it, each by its name
        found = read_inventory(connection=connection, **options)
    if set(found.coverage["error_code"]) == {INTERRUPTED}:
        raise click.Abort
    if len(found.coverage) and not found.coverage["status"].isin(["ok", "region_disabled"]).any():
        reasons = dict.fromkeys(found.coverage["message"])
        if len(reasons) == 1:
            raise KVSError(next(iter(reasons)))
        named = " ".join(f"{label}: {message}" for label, message in gaps(found))
        raise KVSError(f"No region answered. {named}")
    return found
