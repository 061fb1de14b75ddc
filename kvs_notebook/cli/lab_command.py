"""``kvs-notebook lab``: open JupyterLab on a copy of the walkthroughs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from kvs_notebook.cli.process import run_process
from kvs_notebook.cli.terminal import print_text
from kvs_notebook.errors import ExportFailed, MissingExtra

PACKAGE = Path(__file__).parents[1]
FIRST_NOTEBOOK = "00-start-here.ipynb"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("kvs-notebook"))
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
def lab(*, folder: Path, no_browser: bool) -> int:
    """Open JupyterLab on a copy of the walkthroughs.

    They are copied to FOLDER (default: ./kvs-notebook); notebooks that exist there are kept as they are.
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
    # Kernels explain a NameError by the cell that was not run yet; a startup file of the user's own is kept.
    environment = {"PYTHONSTARTUP": str(PACKAGE / "jupyter" / "ipython_startup.py"), **os.environ}
    return run_process([sys.executable, "-m", "jupyterlab", *arguments], environment, folder)


def notebooks_folder() -> Path:
    """Return the folder of the walkthroughs: in the installed package, or beside it in a checkout."""
    installed = PACKAGE / "notebooks"
    return installed if installed.is_dir() else PACKAGE.parent / "notebooks"


def _copy_notebooks(folder: Path) -> None:
    source = notebooks_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source / "pictures", folder / "pictures", dirs_exist_ok=True)
        for notebook in sorted([*source.glob("*.ipynb"), *source.glob("*.md")]):
            copy = folder / notebook.name
            if not copy.exists():
                shutil.copyfile(notebook, copy)
            elif copy.read_bytes() != notebook.read_bytes():
                print_text(
                    f"Kept your copy of {copy}. To get the new version, move yours away.", to_standard_error=True
                )
    except OSError as error:
        raise ExportFailed(
            f"Can't copy the notebooks to {folder}: {error.strerror}. Choose a folder that you may write to: "
            "kvs-notebook lab FOLDER"
        ) from error
