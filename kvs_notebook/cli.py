"""The ``kvs-notebook`` command: an inventory as a table and files, a sandbox for other programs, JupyterLab on the notebooks.

Exit codes: 0; 1 failed, with one line on standard error; 2 usage; 3 partial: written, with the gaps named; 130 interrupted.
What is heavy (pandas, boto3, the sandbox) is imported where it is needed, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NoReturn

import click

from kvs_notebook.errors import ExportFailed, KVSError, MissingExtra
from kvs_notebook.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    import pandas as pd

    from kvs_notebook.connection import Connection

FAILED, PARTIAL, NOT_RUNNABLE, NOT_FOUND, BY_SIGNAL = 1, 3, 126, 127, 128
FIRST_NOTEBOOK = "00-start-here.ipynb"
STANDARD_OUTPUT = "-"


def main() -> NoReturn:
    """Run the command and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that lacks a letter still gets its table
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job inherits it switched off
    _on_signals(_leave, "SIGTERM", "SIGHUP")
    try:
        code = kvs_notebook.main(prog_name="kvs-notebook", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        sys.stdout.flush()
        os._exit(BY_SIGNAL + signal.SIGINT)  # all is tidied up; threads whose call is under way are not waited for
    except KVSError as error:
        _complain(str(error))
        code = FAILED
    sys.exit(code)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind as Ctrl-C does, so that a sandbox is stopped and its directory removed."""
    raise SystemExit(BY_SIGNAL + number)


def _on_signals(handler: Callable[[int, FrameType | None], None], *names: str) -> None:
    """Handle these signals where the system has them, but not one that nohup or a shell has switched off."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _complain(message: str) -> None:
    click.echo(f"kvs-notebook: {' '.join(message.split())}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kvs-notebook")
def kvs_notebook() -> None:
    """Explore and manage Amazon Kinesis Video Streams signaling channels."""


# --- inventory


@kvs_notebook.command()
@click.option("--sandbox", is_flag=True, help="Show the example fleet of a local sandbox; no AWS account is needed.")
@click.option("--profile", metavar="NAME", help="AWS profile; boto3's default chain where none is given.")
@click.option("--region", "regions", metavar="CODE", multiple=True, help="A region; may be given several times.")
@click.option("--prefix", metavar="TEXT", help="Only channels whose name begins with this.")
@click.option("--tags/--no-tags", default=True, help="Read the tags too, one call per channel.  [default: --tags]")
@click.option("--csv", metavar="PATH", help="Write CSV there; - is standard output.")
@click.option("--parquet", metavar="PATH", help="Write Parquet there; - is standard output.")
@click.option("--json", metavar="PATH", help="Write JSON there; - is standard output.")
def inventory(
    *,
    sandbox: bool,
    profile: str | None,
    regions: tuple[str, ...],
    prefix: str | None,
    tags: bool,
    csv: str | None,
    parquet: str | None,
    json: str | None,
) -> int:
    """List signaling channels as a table and as files.

    Reads the tags too, and changes nothing. A region that fails is named as a gap, and the others are written (exit code 3).
    """
    from kvs_notebook import table

    files = {"csv": csv, "parquet": parquet, "json": json}
    to_standard_output = [form for form, path in files.items() if path == STANDARD_OUTPUT]
    if len(to_standard_output) > 1:
        raise click.UsageError(f"Only one of --{' and --'.join(to_standard_output)} can go to standard output.")
    if sandbox and profile:
        raise click.UsageError("--sandbox needs no --profile: give one of them.")
    with _units(sandbox=sandbox, profile=profile, regions=regions) as units:
        channels, where, gaps = _gather(units, prefix, tags=tags)
        summary = _summary(channels, where, gaps, asked=len(units))
    beside_data = bool(to_standard_output)
    click.echo(table.laid_out(channels, _terminal_width()), nl=False, err=beside_data)
    click.echo(summary, err=beside_data)
    for label, problem in gaps.items():
        _complain(f"{label}: {problem}")
    written = [_write(channels, form, path, beside_data) for form, path in files.items() if path]
    if not all(written):
        return FAILED
    return PARTIAL if gaps else 0


def _terminal_width() -> int:
    return max(shutil.get_terminal_size((120, 24)).columns, 80)


@contextmanager
def _units(
    *, sandbox: bool, profile: str | None, regions: Sequence[str]
) -> Iterator[Mapping[str, Callable[[], Connection]]]:
    """Give for each region what connects to it; a connection that fails is that region's failure alone."""
    if sandbox:
        from kvs_notebook.sandbox.seed import REGIONS
        from kvs_notebook.sandbox.server import Sandbox

        with Sandbox() as service:
            service.seed()
            yield {region: partial(service.connection, region=region) for region in dict.fromkeys(regions or REGIONS)}
    else:
        from kvs_notebook.current import connect

        chosen: list[str | None] = [*dict.fromkeys(regions)] or [None]
        yield {region or "the configured region": partial(connect, profile, region=region) for region in chosen}


def _gather(
    units: Mapping[str, Callable[[], Connection]], prefix: str | None, *, tags: bool
) -> tuple[pd.DataFrame, list[Connection], dict[str, KVSError]]:
    """List every unit; give the rows, the connections that answered, and what is missing, with its reason.

    Raises
    ------
    KVSError
        When no unit answered.
    """
    from kvs_notebook import frames
    from kvs_notebook.channels import list_channels

    found, where, gaps = [], [], {}
    for label, connect in units.items():
        try:
            connection = connect()
            try:
                found.append(list_channels(prefix, tags=tags, connection=connection))
            except KVSError as error:
                if error.operation != "ListTagsForResource":
                    raise
                found.append(list_channels(prefix, connection=connection))
                gaps[f"tags of {label}"] = error
            where.append(connection)
        except KVSError as error:
            gaps[label] = error
    if not found:
        reasons = {str(error): error for error in gaps.values()}
        if len(reasons) == 1:
            raise next(iter(reasons.values()))
        raise KVSError("No region answered. " + " ".join(f"{label}: {error}" for label, error in gaps.items()))
    return frames.concat(found, frames.CHANNELS), where, gaps


def _summary(channels: pd.DataFrame, where: Sequence[Connection], gaps: Mapping[str, KVSError], *, asked: int) -> str:
    connection = where[0]
    kind = " (sandbox)" if connection.is_sandbox else f" (profile {connection.profile})" if connection.profile else ""
    answered = f"{len(where)} of {asked}" if len(where) < asked else f"{asked}"
    statuses = Counter(channels["channel_status"])
    states = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    return (
        f"{len(channels)} channel{'' if len(channels) == 1 else 's'} in {answered} region{'' if asked == 1 else 's'} "
        f"of account {connection.account_id}{kind}{': ' if states else ''}{states}"
        f"{'; missing: ' if gaps else ''}{', '.join(gaps)}"
    )


def _write(channels: pd.DataFrame, form: str, path: str, beside_data: bool) -> bool:  # noqa: FBT001 - inner
    """Write one file and say so, or say why not, so that the other files still come."""
    from kvs_notebook import export

    write: Callable[[pd.DataFrame, Any], None] = getattr(export, f"to_{form}")
    if path == STANDARD_OUTPUT:
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")  # type: ignore[union-attr]
        write(channels, sys.stdout.buffer if form == "parquet" else sys.stdout)
        sys.stdout.flush()
        return True
    try:
        write(channels, path)
    except ExportFailed as error:
        _complain(str(error))
        return False
    click.echo(f"Wrote {len(channels)} row{'' if len(channels) == 1 else 's'} to {path}", err=beside_data)
    return True


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
    from kvs_notebook.sandbox.server import Sandbox

    with Sandbox(state=state, port=port) as service:
        if fleet:
            service.seed()
        environment = service.environment(os.environ)
        if command:
            return _run(command, environment)
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


def _run(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> int:
    """Run a command to its end and give its exit code, 128 + N where signal N ended it, as a shell does."""
    try:
        process = subprocess.Popen(command, env=dict(environment), cwd=folder)  # noqa: S603 - it is the user's own
    except OSError as error:
        _complain(f"Can't run {command[0]}: {error.strerror}. Check its name and the PATH.")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT or not _has_the_terminal():
            process.send_signal(number)

    try:
        _on_signals(pass_on, "SIGINT", "SIGTERM", "SIGHUP")
        code = process.wait()
    except BaseException:  # a signal that came just before it could be passed on
        process.terminate()
        process.wait()
        raise
    return code if code >= 0 else BY_SIGNAL - code


def _has_the_terminal() -> bool:
    """Tell whether a Ctrl-C reaches the command by itself, as a terminal sends it to the whole foreground group."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


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
    return _run([sys.executable, "-m", "jupyterlab", *arguments], os.environ, folder)


def _copy_notebooks(folder: Path) -> None:
    source = _notebooks()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source / "pictures", folder / "pictures", dirs_exist_ok=True)
        for notebook in sorted(source.glob("*.ipynb")):
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
    package = Path(__file__).parent
    installed = package / "notebooks"
    return installed if installed.is_dir() else package.parent / "notebooks"
