"""Kernel: a program run in a fresh kernel of its own, and what it prints."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

PATIENCE_SECONDS = 60.0

KERNEL = {"ipykernel": "pip install 'kvs-notebook[lab]'", "jupyter_client": "pip install 'kvs-notebook[lab]'"}


def said_in_kernel(program: str, environment: Mapping[str, str] = os.environ) -> str:
    """Run a program as the first cell of a kernel, which ends with it; give what it has printed."""
    from jupyter_client.manager import run_kernel

    said: list[str] = []
    with run_kernel(env=dict(environment), stderr=subprocess.DEVNULL) as started:
        kernel: Any = started  # a blocking client, which its annotation does not say
        reply = kernel.execute_interactive(
            program,
            timeout=PATIENCE_SECONDS,
            output_hook=lambda message: said.append(_printed(message)),
        )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"The kernel failed: {reply['content'].get('evalue')}")
    return "".join(said)


def _printed(message: Mapping[str, Any]) -> str:
    printed: str = message["content"].get("text", "")
    return printed
