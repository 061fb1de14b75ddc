"""``kvs-notebook console``: open JupyterLab on a notebook that holds just the console."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from kvs_notebook.arguments import check_path
from kvs_notebook.atomic_file import replace_file
from kvs_notebook.cli.account_options import PROFILE
from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.jupyterlab import check_jupyterlab, run_jupyterlab
from kvs_notebook.errors import ExportFailed
from kvs_notebook.jupyter.console_notebook import NOTEBOOK


@click.command(cls=ExampleCommand, example="kvs-notebook console --sandbox")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("kvs-console"))
@click.option("--sandbox", is_flag=True, help="Use the example fleet of a local sandbox; no AWS account is needed.")
@PROFILE
@click.option("--region", metavar="CODE", help="AWS region.  [default: that of the environment or the profile]")
@click.option("--allow-changes", is_flag=True, help="Allow changes in the real account.  [default: read-only]")
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
def console(
    *, folder: Path, sandbox: bool, profile: str | None, region: str | None, allow_changes: bool, no_browser: bool
) -> int:
    """Open JupyterLab on the console, a live table of channels.

    Its forms create, change, tag and delete channels.

    The notebook console.ipynb is written to FOLDER (default: ./kvs-console) at each start, and its cell is run. FOLDER also
    keeps the journals of changes of many channels. A new FOLDER is ignored by Git.
    """
    if sandbox and (profile or region or allow_changes):
        raise click.UsageError(
            "--sandbox cannot be combined with --profile, --region or --allow-changes. Omit --sandbox or the others."
        )
    check_jupyterlab()
    _write_notebook(folder, console_cell(profile, region, allow_changes=allow_changes))
    with _environment(sandbox=sandbox) as environment:
        return run_jupyterlab(folder, NOTEBOOK, environment, open_browser=not no_browser, config=["config_of_console"])


def console_cell(profile: str | None, region: str | None, *, allow_changes: bool) -> str:
    """Return the code of the notebook's cell; without options, the console itself says what is missing to connect."""
    options = [repr(profile)] if profile else []
    options += [f"region={region!r}"] if region else []
    options += ["allow_changes=True"] if allow_changes else []
    connect = [f"kvs.connect({', '.join(options)})"] if options else []
    return "\n".join(["import kvs_notebook as kvs", *connect, "kvs.forms.console()"])


def _write_notebook(folder: Path, code: str) -> None:
    import nbformat
    from ipykernel.ipkernel import IPythonKernel
    from nbformat.v4 import new_code_cell, new_notebook

    notebook = new_notebook(cells=[new_code_cell(code, id="console")])  # type: ignore[no-untyped-call] # nbformat
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = IPythonKernel.language_info  # else its kernel would set it: an unsaved change
    is_new = not check_path("FOLDER", folder).exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        with replace_file(folder / NOTEBOOK) as stream:
            nbformat.write(notebook, stream)  # type: ignore[no-untyped-call] # nbformat
    except OSError as error:
        raise ExportFailed(
            f"Can't write {folder / NOTEBOOK}: {error.strerror}. Choose a folder that you may write to: "
            "kvs-notebook console FOLDER"
        ) from error


@contextmanager
def _environment(*, sandbox: bool) -> Iterator[Mapping[str, str]]:
    """Yield the environment of JupyterLab; with a sandbox, one that cannot reach a real account, until JupyterLab ends."""
    if not sandbox:
        yield os.environ
        return
    from kvs_notebook.sandbox.sandbox import Sandbox

    with Sandbox() as started:
        started.seed()
        yield started.environment(os.environ)
