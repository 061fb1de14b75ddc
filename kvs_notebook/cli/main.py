"""The ``kvs-notebook`` command: an inventory, an IAM policy, a scan for secrets, a sandbox, JupyterLab.

Exit codes: 0; 1 failed, with one line on standard error; 2 usage; 3 partial: written, with the gaps named; 130 interrupted.
What is heavy (pandas, boto3, the sandbox) is imported where it is needed, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NoReturn

import click

from kvs_notebook.cli.process import BY_SIGNAL, complain, on_signals, run
from kvs_notebook.errors import ExportFailed, InvalidInput, KVSError, MissingExtra
from kvs_notebook.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from kvs_notebook.aws.connection import Connection
    from kvs_notebook.fleet.inventory import Inventory

FAILED, PARTIAL = 1, 3
FIRST_NOTEBOOK = "00-start-here.ipynb"
INTERRUPTED = "Interrupted"


def main() -> NoReturn:
    """Run the command and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that lacks a letter still gets its table
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job inherits it switched off
    on_signals(_leave, "SIGTERM", "SIGHUP")
    try:
        code = kvs_notebook.main(prog_name="kvs-notebook", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(BY_SIGNAL + signal.SIGINT)  # all is tidied up; threads whose call is under way are not waited for
    except KVSError as error:
        complain(str(error))
        code = FAILED
    sys.exit(code)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind as Ctrl-C does, so that a sandbox is stopped and its directory removed."""
    raise SystemExit(BY_SIGNAL + number)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kvs-notebook")
def kvs_notebook() -> None:
    """Explore and manage Amazon Kinesis Video Streams signaling channels."""


# --- inventory


@kvs_notebook.command()
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
    from kvs_notebook.fleet.required_tags import parse_required_tags

    required: dict[str, list[str] | None] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if key in required:
            raise click.UsageError(f"--require {key} was given twice: name its values in one, as in {key}=A,B.")
        required[key] = values.split(",") if equals else None
    try:
        if required:
            parse_required_tags(required)
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


# --- policy


@kvs_notebook.command()
@click.option("--read-only", is_flag=True, help="Only what reads: no change of a channel or a tag, and no signaling.")
@click.option("--account", metavar="ID", help="Only the channels of this account.")
@click.option(
    "--region", metavar="CODE", help="Only those in this region; needed in China and GovCloud, whose ARNs differ."
)
@click.option("--prefix", metavar="TEXT", help="Only those whose name begins with this.")
@click.option(
    "--role-arn",
    "role_arns",
    metavar="ARN",
    multiple=True,
    help="A role that inventory assumes; may be given several times.",
)
def policy(
    *, read_only: bool, account: str | None, region: str | None, prefix: str | None, role_arns: tuple[str, ...]
) -> None:
    """Print the least IAM policy that the toolkit needs, as JSON.

    It is for the identity that you connect with; a role that inventory assumes needs the --read-only one of its own account.
    Nothing is sent. Listing channels, regions and tagged resources takes no resource in IAM: --account, --region and --prefix
    narrow all the rest.
    """
    import json

    from kvs_notebook.aws.iam_policy import iam_policy

    try:
        document = iam_policy(
            read_only=read_only, account_id=account, region=region, prefix=prefix, role_arns=role_arns
        )
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    click.echo(json.dumps(document, indent=2))


# --- scan


@kvs_notebook.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def scan(*, paths: tuple[Path, ...]) -> int:
    """Find secrets that were saved in notebooks.

    PATH is a notebook, or a folder that holds some. Signed URLs, AWS keys, session tokens and TURN passwords are found in
    sources, in outputs of every kind and in the state of widgets, and named by file and cell; none of them is printed.
    A sandbox's own are no secrets. Exit code 1 where one is found, or a file cannot be read.
    """
    from kvs_notebook.secret_scan.scanner import scan as look_through
    from kvs_notebook.secret_scan.scanner import summary

    scanned = []
    for file in look_through(paths):
        scanned.append(file)
        for finding in file.findings:
            click.echo(finding)
        if file.problem:
            complain(file.problem)
    went_well = not any(file.findings or file.problem for file in scanned)
    if went_well:
        click.echo(summary(scanned))
    else:
        complain(summary(scanned))
    return 0 if went_well else FAILED


# --- sandbox


@kvs_notebook.command(context_settings={"allow_interspersed_args": False})
@click.option("--state", metavar="DIR", type=click.Path(file_okay=False), help="Keep it there; memory otherwise.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="Port on loopback; any by default.")
@click.option("--fleet", is_flag=True, help="Fill it with the example fleet.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def sandbox(*, state: str | None, port: int, fleet: bool, command: tuple[str, ...]) -> int:
    """Serve a local sandbox of the service to other programs.

    Without COMMAND it serves until Ctrl-C; its first lines on standard output are "export NAME=value": an AWS profile of its
    own, in which nothing can reach a real account by accident. With
    "-- COMMAND ARGS..." it runs COMMAND in that environment, stops after it, and passes its exit code on.
    """
    from kvs_notebook.sandbox.sandbox import Sandbox

    with Sandbox(state=state, port=port) as service:
        if fleet:
            service.seed()
        environment = service.environment(os.environ)
        if command:
            return run(command, environment)
        _serve(environment, service.endpoint_url)
    return 0


def _serve(environment: Mapping[str, str], endpoint_url: str) -> None:
    """Print the environment and wait: Ctrl-C and SIGTERM are how a server is told that its work is done."""
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in environment.items()
        if name.startswith("AWS_") or os.environ.get(name) != value
    ]
    lines += [f"unset {name}" for name in os.environ if name not in environment]
    try:
        click.echo("\n".join(lines))
        click.echo(f"# The sandbox answers on {endpoint_url} until Ctrl-C.", err=True)
        Event().wait()
    except (KeyboardInterrupt, SystemExit):
        click.echo("# The sandbox has stopped.", err=True)


# --- lab


@kvs_notebook.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("kvs-notebook"))
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def lab(*, folder: Path, no_browser: bool) -> int:
    """Open JupyterLab on a copy of the walkthroughs.

    The copy is made in FOLDER (./kvs-notebook); a notebook that is there already is kept as it is.
    """
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise MissingExtra("JupyterLab is not installed: pip install 'kvs-notebook[lab]'")
    _copy_notebooks(folder)
    arguments = [f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}", "--ServerApp.answer_yes=True"]
    if no_browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # the only user of most containers; the server stays on loopback
    # A cell that is run before the first one says so, in the kernels, too; whoever has a startup file keeps it.
    environment = {"PYTHONSTARTUP": str(Path(__file__).parents[1] / "jupyter" / "ipython_startup.py"), **os.environ}
    return run([sys.executable, "-m", "jupyterlab", *arguments], environment, folder)


def _copy_notebooks(folder: Path) -> None:
    source = _notebooks()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source / "pictures", folder / "pictures", dirs_exist_ok=True)
        for notebook in sorted([*source.glob("*.ipynb"), *source.glob("*.md")]):
            copy = folder / notebook.name
            if not copy.exists():
                shutil.copyfile(notebook, copy)
            elif copy.read_bytes() != notebook.read_bytes():
                click.echo(f"Kept your copy of {copy}; move it away to get this version's.", err=True)
    except OSError as error:
        raise ExportFailed(
            f"Can't copy the notebooks to {folder}: {error.strerror}. Give a folder that you may write to, "
            "as in: kvs-notebook lab FOLDER"
        ) from error


def _notebooks() -> Path:
    """Find the walkthroughs: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "notebooks"
    return installed if installed.is_dir() else package.parent / "notebooks"
