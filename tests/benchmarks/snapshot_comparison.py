"""Compare two snapshots of a million channels, with a plain outer merge of pandas as the baseline.

Run as a module, it runs one step: each step has its own process, and so its own peak of memory.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kvs_notebook as kvs
from kvs_notebook.dataframes.schemas import CHANNELS, TAGS
from kvs_notebook.fleet.coverage import coverage_frame, unread_row
from tests.benchmarks.peak_memory import peak_bytes
from tests.benchmarks.table import Benchmark, Result

UNITS, CHANNELS_EACH = 100, 10_000
DAYS = ("2026-01-05", "2026-01-06")
ADDED, REMOVED, CHANGED, TAGGED = 2_000, 1_000, 3_000, 1_500
ROUNDS = 3
MAX_RATIO, MAX_BYTES = 2.0, 1.5e9
REGION = "us-east-1"


def measure() -> Result:
    with tempfile.TemporaryDirectory(prefix="kvs-notebook-benchmark-") as folder:
        _step("write", folder)
        ours, baseline, peak = [], [], 0
        for _ in range(ROUNDS):
            compared = _step("compare", folder)
            assert compared["changes"] == _expected(), compared
            ours.append(compared["seconds"])
            peak = max(peak, compared["peak_bytes"])
            merged = _step("merge", folder)
            assert merged["both"] == UNITS * CHANNELS_EACH - REMOVED
            baseline.append(merged["seconds"])
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    return Result(
        ours=f"{mine:.2f} s, {peak / 1e9:.2f} GB",
        baseline=f"{theirs:.2f} s (pandas: read_parquet, merge)",
        ratio=mine / theirs,
        holds=mine / theirs <= MAX_RATIO and peak <= MAX_BYTES,
        note=f"each in its own process, including the reading of files; median of {ROUNDS}; "
        "the merge finds only which channels are on both days",
    )


def _expected() -> dict[str, int]:
    return {"added": ADDED, "changed": CHANGED + TAGGED, "removed": REMOVED}


def _step(name: str, folder: str) -> Any:
    command = [sys.executable, "-m", "tests.benchmarks.snapshot_comparison", name, folder]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise RuntimeError(f"{name} failed: {completed.stderr[-2_000:]}")
    return json.loads(completed.stdout)


# --- the steps


def write(folder: str) -> dict[str, Any]:
    """Write the snapshots of two days: on the second, some channels are removed, added, changed or have another tag."""
    numbers = np.arange(UNITS * CHANNELS_EACH + ADDED)
    stayed = numbers[: UNITS * CHANNELS_EACH]
    kvs.save_snapshot(_inventory(stayed, ttl_of=60, env="prod"), folder, date=DAYS[0])
    kvs.save_snapshot(_inventory(numbers[REMOVED:], ttl_of=90, env="dev"), folder, date=DAYS[1])
    return {}


def compare(folder: str) -> dict[str, Any]:
    """Compare the snapshots with the toolkit."""
    began = time.perf_counter()
    changes = kvs.compare_snapshots(folder)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_bytes": peak_bytes(), "changes": changes["change"].value_counts().to_dict()}


def merge(folder: str) -> dict[str, Any]:
    """Merge the snapshots with pandas."""
    began = time.perf_counter()
    before, after = (pd.read_parquet(Path(folder) / f"date={day}") for day in DAYS)
    merged = before.merge(after, how="outer", on="channel_arn", indicator=True)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_bytes": peak_bytes(), "both": int((merged["_merge"] == "both").sum())}


def _inventory(numbers: np.ndarray, *, ttl_of: int, env: str) -> kvs.Inventory:
    """Create an inventory of numbered channels: from REMOVED on, CHANGED have the given TTL and TAGGED the given tag."""
    accounts = _texts(f"{number % UNITS:012}" for number in numbers)
    names = _texts(f"camera-{number:07}" for number in numbers)
    created = 1_700_000_000_000 + numbers
    arns = "arn:aws:kinesisvideo:" + REGION + ":" + accounts + ":channel/" + names + "/" + _texts(map(str, created))
    changed = (numbers >= REMOVED) & (numbers < REMOVED + CHANGED)
    tagged = (numbers >= REMOVED) & (numbers < REMOVED + TAGGED)
    channels = pd.DataFrame(
        {
            "account_id": accounts,
            "region": REGION,
            "channel_name": names,
            "channel_arn": arns,
            "channel_type": "SINGLE_MASTER",
            "channel_status": "ACTIVE",
            "creation_time": pd.to_datetime(created, unit="ms", utc=True),
            "message_ttl_seconds": np.where(changed, ttl_of, 60),
            "version": "v" + names,
        }
    )[[*CHANNELS]].astype(dict(CHANNELS))
    keys = channels[["account_id", "region", "channel_name", "channel_arn"]]
    tags = keys.assign(key="Env", value=np.where(tagged, env, "prod"))[[*TAGS]].astype(dict(TAGS))
    counts = channels.groupby("account_id").size()
    read = {"status": "ok", "tags_source": "bulk"}
    rows = [unread_row(account_id, REGION, None) | read | {"channels": count} for account_id, count in counts.items()]
    return kvs.Inventory(channels, tags, coverage_frame(rows))


def _texts(values: Iterable[str]) -> pd.Series:
    return pd.Series(list(values), dtype="str")


STEPS: Mapping[str, Callable[[str], dict[str, Any]]] = {"write": write, "compare": compare, "merge": merge}

BENCHMARK = Benchmark(
    name="compare",
    work=f"two snapshots of {UNITS * CHANNELS_EACH:,} channels compared",
    bar=f"<= {MAX_RATIO:g}x a plain outer merge, <= {MAX_BYTES / 1e9:g} GB",
    needs={},
    measure=measure,
)


if __name__ == "__main__":
    _, step, folder = sys.argv
    sys.stdout.write(json.dumps(STEPS[step](folder)))
