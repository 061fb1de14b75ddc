"""The ``kvs-notebook lab`` command: JupyterLab on a copy of the walkthroughs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from kvs_notebook.cli.process import run
from kvs_notebook.errors import ExportFailed, MissingExtra

FIRST_NOTEBOOK = "00-start-here.ipynb"


@click.command()
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
