"""Run a program in a new IPython kernel."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

TIMEOUT_SECONDS = 60.0

KERNEL = {"ipykernel": "pip install 'kvs-notebook[lab]'", "jupyter_client": "pip install 'kvs-notebook[lab]'"}


def run_in_kernel(program: str, environment: Mapping[str, str] = os.environ) -> str:
    """Run a program as the only cell of a new kernel, and return what it printed."""
    from jupyter_client.manager import run_kernel

    output: list[str] = []
    with run_kernel(env=dict(environment), stderr=subprocess.DEVNULL) as client:
        kernel: Any = client  # a blocking client, unlike its annotation
        reply = kernel.execute_interactive(
            program,
            timeout=TIMEOUT_SECONDS,
            output_hook=lambda message: output.append(message["content"].get("text", "")),
        )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"The kernel failed: {reply['content'].get('evalue')}")
    return "".join(output)
