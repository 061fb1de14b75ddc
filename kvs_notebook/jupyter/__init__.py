"""Additions to an IPython kernel: ``%load_ext kvs_notebook.jupyter`` adds a hint to the NameErrors of a notebook."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:  # noqa: ARG001 - IPython's signature
    """Enable the hint for undefined names, as ``%load_ext kvs_notebook.jupyter`` does."""
    from kvs_notebook.jupyter.name_error_hint import enable_name_error_hint

    enable_name_error_hint()
