"""Plan an edited sheet of 100,000 rows, compared with only reading its two CSV files.

Run as a module, it runs one step: each step has its own process, and so its own peak of memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kvs_notebook as kvs
from kvs_notebook.dataframes.schemas import CHANNELS
from tests.benchmarks.peak_memory import peak_bytes
from tests.benchmarks.table import Benchmark, Result

ROWS, ACCOUNTS = 100_000, 20
MAX_SECONDS, MAX_BYTES = 5.0, 1e9
REGION = "us-east-1"


def measure() -> Result:
    with tempfile.TemporaryDirectory(prefix="kvs-notebook-benchmark-") as folder:
        _step("write", folder)
        planned, read = _step("plan", folder), _step("read", folder)
    assert planned["steps"] == ROWS, planned
    seconds, peak = planned["seconds"], planned["peak_bytes"]
    return Result(
        ours=f"{seconds:.2f} s CPU, {peak / 1e9:.2f} GB",
        baseline=f"{read['seconds']:.2f} s CPU (pandas: read_csv of both files)",
        ratio=seconds / read["seconds"],
        holds=seconds <= MAX_SECONDS and peak <= MAX_BYTES,
        note="one tag of each row was edited; each in its own process, including the reading of files",
    )


def _step(name: str, folder: str) -> Any:
    command = [sys.executable, "-m", "tests.benchmarks.plan_sheet", name, folder]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise RuntimeError(f"{name} failed: {completed.stderr[-2_000:]}")
    return json.loads(completed.stdout)


# --- the steps


def write(folder: str) -> dict[str, Any]:
    """Write the original and the edited sheet."""
    numbers = np.arange(ROWS)
    accounts = pd.Series([f"{number % ACCOUNTS:012}" for number in numbers], dtype="str")
    names = pd.Series([f"camera-{number:07}" for number in numbers], dtype="str")
    created = 1_700_000_000_000 + numbers
    fleet = pd.DataFrame(
        {
            "account_id": accounts,
            "region": REGION,
            "channel_name": names,
            "channel_arn": "arn:aws:kinesisvideo:"
            + REGION
            + ":"
            + accounts
            + ":channel/"
            + names
            + "/"
            + created.astype("str"),
            "channel_type": "SINGLE_MASTER",
            "channel_status": "ACTIVE",
            "creation_time": pd.to_datetime(created, unit="ms", utc=True),
            "message_ttl_seconds": 60,
            "version": "v" + names,
        }
    ).astype(dict(CHANNELS))
    fleet = fleet.assign(**{"tag:Owner": "ops", "tag:Serial": "0" + names, "tag:Site": "hq"})
    kvs.to_csv(fleet, Path(folder) / "fleet.csv")
    kvs.to_csv(fleet.assign(**{"tag:Site": "annex"}), Path(folder) / "edited.csv")
    return {}


def plan(folder: str) -> dict[str, Any]:
    """Plan the edited sheet with the toolkit."""

    began = time.process_time()
    made = kvs.plans.from_sheet(Path(folder) / "edited.csv", original=Path(folder) / "fleet.csv")
    seconds = time.process_time() - began
    return {"seconds": seconds, "peak_bytes": peak_bytes(), "steps": len(made)}


def read(folder: str) -> dict[str, Any]:
    """Read both files with pandas."""
    began = time.process_time()
    for name in ("edited.csv", "fleet.csv"):
        pd.read_csv(Path(folder) / name, dtype="str")
    return {"seconds": time.process_time() - began}


STEPS: Mapping[str, Callable[[str], dict[str, Any]]] = {"write": write, "plan": plan, "read": read}

BENCHMARK = Benchmark(
    name="plan",
    work=f"edited sheet of {ROWS:,} rows planned",
    bar=f"<= {MAX_SECONDS:g} s CPU, <= {MAX_BYTES / 1e9:g} GB",
    needs={},
    measure=measure,
)


if __name__ == "__main__":
    _, step, folder = sys.argv
    sys.stdout.write(json.dumps(STEPS[step](folder)))
