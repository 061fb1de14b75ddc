"""Measure what pictures leave in memory.

Run as a module, this takes pictures of all cameras, and prints what is in use after some and after many pictures as JSON.

The resident memory of a process grows for a while without a leak: each picture is decoded on a thread, glibc gives threads heaps
of their own, up to 8 for each processor, and a heap keeps what it once needed. So this counts what was allocated and not freed.
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.benchmarks.table import Benchmark, Result

if TYPE_CHECKING:
    import pandas as pd

SOME, MANY = 50, 200
CAMERAS = 10
MAX_GROWTH_BYTES = 2**20
PER_TAKE_SECONDS = 60


class Mallinfo2(ctypes.Structure):
    """The structure of this name in glibc's malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def can_measure() -> bool:
    """Return whether this system's C library tells how much memory is in use."""
    return hasattr(ctypes.CDLL(None), "mallinfo2")


def memory_in_use() -> dict[str, int]:
    """Return the bytes that the C library has allocated and not freed, and the blocks of Python's own allocator."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = Mallinfo2
    gc.collect()
    info = mallinfo2()
    return {"bytes": info.uordblks + info.hblkhd, "blocks": sys.getallocatedblocks()}


def growth(environment: Mapping[str, str], some: int, many: int) -> dict[str, int]:
    """Return how much more is in use after ``many`` pictures than after ``some``, in another process."""
    program = [sys.executable, "-m", __name__, str(some), str(many)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    first, last = (json.loads(line) for line in done.stdout.splitlines())
    return {unit: last[unit] - first[unit] for unit in first}


def measure_growth() -> Result:
    import kvs_notebook as kvs
    from tests.live.scripted_cameras import cameras_in_background

    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        connection = sandbox.connection()
        channels = [kvs.create_channel(f"camera-{number}", connection=connection) for number in range(CAMERAS)]
        with cameras_in_background(channels, connection):
            grown = growth(sandbox.environment(), SOME, MANY)
    return Result(
        ours=f"{grown['bytes'] / 2**10:,.0f} KiB",
        ratio=grown["bytes"] / MAX_GROWTH_BYTES,
        holds=grown["bytes"] <= MAX_GROWTH_BYTES,
        note=f"allocated and not freed by the C library between the {SOME}th and the {MANY}th picture, of {CAMERAS} cameras on "
        f"this machine; {grown['blocks']:,} more blocks of Python's allocator; ratio to the bar",
    )


MEMORY = Benchmark(
    name="live-memory",
    work=f"memory in use from the {SOME}th to the {MANY}th picture",
    bar=f"<= {MAX_GROWTH_BYTES / 2**20:g} MiB more",
    needs={
        "aiortc": "pip install 'kvs-notebook[media]'",
        "uvicorn": "pip install 'kvs-notebook[sandbox]'",
        "websockets": "pip install 'kvs-notebook[signaling]'",
    },
    measure=measure_growth,
)


def main(some: int, many: int) -> None:
    import kvs_notebook as kvs

    connection = kvs.connect()
    connection.rate_limiter.sleep = lambda _: None
    channels = kvs.list_channels(connection=connection)
    taken = 0
    for number in (some, many):
        while taken < number:
            taken += _take(channels, connection)
        sys.stdout.write(json.dumps(memory_in_use()) + "\n")


def _take(channels: pd.DataFrame, connection: object) -> int:
    """Take a picture of each camera, and return their number."""
    import kvs_notebook as kvs

    pictures = kvs.live.take_pictures(channels, timeout=PER_TAKE_SECONDS, connection=connection)
    if pictures["error"].notna().any():
        raise RuntimeError(f"A camera sent no picture: {pictures['error'].tolist()}")
    return len(pictures)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
