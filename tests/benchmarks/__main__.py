"""Run the benchmarks: ``python -m tests.benchmarks [NAME ...] [--json FILE] [--list]``."""

from __future__ import annotations

import argparse
import compileall
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import kvs_notebook
from tests.benchmarks import (
    apply_plan,
    command,
    console,
    fleet,
    forms,
    list_channels,
    list_scale,
    list_tags,
    list_with_tags,
    live_video,
    picture_memory,
    plan_sheet,
    sandbox_describe,
    signaling_relay,
    snapshot_comparison,
    startup,
)
from tests.benchmarks.table import Benchmark, format_json, format_table, run_benchmark

BENCHMARKS = (
    list_channels.BENCHMARK,
    list_scale.BENCHMARK,
    list_tags.BENCHMARK,
    list_with_tags.BENCHMARK,
    apply_plan.BENCHMARK,
    sandbox_describe.COMPARED_WITH_MOTO,
    sandbox_describe.SCALE,
    signaling_relay.COMPARED_WITH_ECHO,
    signaling_relay.SCALE,
    startup.SANDBOX_START,
    startup.FIRST_TABLE,
    startup.IMPORT,
    command.BENCHMARK,
    fleet.CALLS,
    fleet.EACH,
    fleet.BULK,
    fleet.COMPETENT,
    fleet.CPU,
    fleet.DASK,
    fleet.MEMORY,
    snapshot_comparison.BENCHMARK,
    plan_sheet.BENCHMARK,
    forms.HEARTBEAT,
    forms.OPENING,
    console.BENCHMARK,
    live_video.FIRST_PICTURE_ROW,
    live_video.HEARTBEAT,
    picture_memory.MEMORY,
)


def main(arguments: Sequence[str] | None = None, benchmarks: Sequence[Benchmark] = BENCHMARKS) -> int:
    """Print the table; return 1 if a bar does not hold or a tool is missing, else 0."""
    by_name = {benchmark.name: benchmark for benchmark in benchmarks}
    options = _options(by_name, arguments)
    if options.list:
        sys.stdout.writelines(f"{benchmark.name}: {benchmark.work}; {benchmark.bar}\n" for benchmark in benchmarks)
        return 0
    _compile_package()
    rows = []
    for name in options.names or by_name:
        sys.stderr.write(f"{name} ...\n")
        rows.append(run_benchmark(by_name[name]))
    sys.stdout.write(format_table(rows))
    if options.json:
        options.json.write_text(format_json(rows), encoding="utf-8")
    return 1 if any(row.fails for row in rows) else 0


def _compile_package() -> None:
    """Compile the package's bytecode, as pip does: fresh processes would compile its source but not boto3's or pandas'."""
    compileall.compile_dir(str(Path(kvs_notebook.__file__).parent), quiet=1)


def _options(names: Collection[str], arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure the project's speed.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows to measure (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to FILE")
    parser.add_argument("--list", action="store_true", help="list the rows and exit")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"unknown rows: {', '.join(unknown)}. Expected some of: {', '.join(names)}.")
    return options


if __name__ == "__main__":
    sys.exit(main())
