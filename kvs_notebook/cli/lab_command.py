"""``kvs-notebook lab``: open JupyterLab on a copy of the walkthroughs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import click

from kvs_notebook.arguments import check_path
from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.jupyterlab import PACKAGE, check_jupyterlab, run_jupyterlab
from kvs_notebook.cli.terminal import print_text
from kvs_notebook.errors import ExportFailed

FIRST_NOTEBOOK = "00-start-here.ipynb"


@click.command(cls=ExampleCommand, example="kvs-notebook lab my-notebooks")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("kvs-notebook"))
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
def lab(*, folder: Path, no_browser: bool) -> int:
    """Open JupyterLab on a copy of the walkthroughs.

    They are copied to FOLDER (default: ./kvs-notebook); notebooks that exist there are not overwritten.
    """
    check_jupyterlab()
    _copy_notebooks(folder)
    return run_jupyterlab(folder, FIRST_NOTEBOOK, os.environ, open_browser=not no_browser)


def notebooks_folder() -> Path:
    """Return the folder of the walkthroughs: in the installed package, or beside it in a checkout."""
    installed = PACKAGE / "notebooks"
    return installed if installed.is_dir() else PACKAGE.parent / "notebooks"


def _copy_notebooks(folder: Path) -> None:
    source = notebooks_folder()
    check_path("FOLDER", folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source / "pictures", folder / "pictures", dirs_exist_ok=True)
        for notebook in sorted([*source.glob("*.ipynb"), *source.glob("*.md")]):
            copy = folder / notebook.name
            if not copy.exists():
                _copy(notebook, copy)
            elif _content(copy) != _content(notebook):
                print_text(
                    f"Kept your copy of {copy}. To get the new version, move yours away.", to_standard_error=True
                )
    except OSError as error:
        raise ExportFailed(
            f"Can't copy the notebooks to {folder}: {error.strerror}. Choose a folder that you may write to: "
            "kvs-notebook lab FOLDER"
        ) from error


def _copy(source: Path, target: Path) -> None:
    """Copy a file; a notebook so that JupyterLab shows its outputs without a warning, and asks nothing when it is closed.

    It is signed for this user, as ``jupyter trust`` does, and has the metadata that its kernel would change on its start.
    """
    if source.suffix != ".ipynb":
        shutil.copyfile(source, target)
        return
    import nbformat
    from ipykernel.ipkernel import IPythonKernel
    from nbformat.sign import NotebookNotary

    notebook = nbformat.read(source, as_version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call] # traitlets
    notebook.metadata["language_info"] = IPythonKernel.language_info
    nbformat.write(notebook, target)  # type: ignore[no-untyped-call] # as above
    NotebookNotary().sign(notebook)  # type: ignore[no-untyped-call] # as above


def _content(path: Path) -> bytes | list[Any]:
    """Return the cells of a notebook, whose metadata depend on the kernel, and the bytes of any other file."""
    content = path.read_bytes()
    try:
        return json.loads(content)["cells"] if path.suffix == ".ipynb" else content
    except (ValueError, LookupError, TypeError):
        return content
