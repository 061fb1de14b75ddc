"""Run JupyterLab in the foreground on a notebook of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kvs_notebook.cli.process import run_process
from kvs_notebook.errors import MissingExtra

PACKAGE = Path(__file__).parents[1]


def check_jupyterlab() -> None:
    """Raise MissingExtra if JupyterLab is not installed."""
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise MissingExtra("JupyterLab is not installed. Run: pip install 'kvs-notebook[lab]'")


def run_jupyterlab(
    folder: Path, notebook: str, environment: Mapping[str, str], *, open_browser: bool, config: Sequence[str] = ()
) -> int:
    """Run JupyterLab in a folder, opened on a notebook, until it ends; return its exit code.

    ``config`` are folders of ``kvs_notebook/jupyter`` with Jupyter configuration, beside the one with our settings. A user's own
    settings and startup file come first.
    """
    arguments = [f"--LabApp.default_url=/lab/tree/{notebook}", "--ServerApp.answer_yes=True"]
    if not open_browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # the only user of most containers; the server stays on loopback
    # Kernels explain a NameError by the cell that was not run yet; a startup file of the user's own is kept.
    # JupyterLab asks nothing about news unless the user's own settings say otherwise.
    jupyter = PACKAGE / "jupyter"
    environment = {"PYTHONSTARTUP": str(jupyter / "ipython_startup.py"), **environment}
    paths = [environment.get("JUPYTER_CONFIG_PATH"), *(str(jupyter / name) for name in ("config", *config))]
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    return run_process([sys.executable, "-m", "jupyterlab", *arguments], environment, folder)
