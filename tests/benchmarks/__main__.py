"""Measure: ``python -m tests.benchmarks [NAME ...] [--json FILE] [--list]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from tests.benchmarks import comparing, console, describing, fleet, forms, growth, listing, relaying, starting, tagging
from tests.benchmarks.table import Benchmark, as_json, laid_out, measured

BENCHMARKS = (
    listing.BENCHMARK,
    tagging.BENCHMARK,
    describing.BESIDE_MOTO,
    describing.SCALE,
    relaying.BESIDE_ECHO,
    relaying.SCALE,
    starting.START_BENCHMARK,
    starting.FIRST_TABLE_BENCHMARK,
    starting.IMPORT_BENCHMARK,
    growth.BENCHMARK,
    fleet.CALLS,
    fleet.EACH,
    fleet.BULK,
    fleet.MEMORY,
    comparing.BENCHMARK,
    forms.HEARTBEAT_BENCHMARK,
    forms.OPENING_BENCHMARK,
    console.BENCHMARK,
)


def main(arguments: Sequence[str] | None = None, benchmarks: Sequence[Benchmark] = BENCHMARKS) -> int:
    """Print the table; give 1 where a bar does not hold or a tool is missing."""
    by_name = {benchmark.name: benchmark for benchmark in benchmarks}
    options = _options(by_name, arguments)
    if options.list:
        sys.stdout.writelines(f"{benchmark.name}: {benchmark.work}; {benchmark.bar}\n" for benchmark in benchmarks)
        return 0
    rows = []
    for name in options.names or by_name:
        sys.stderr.write(f"{name} ...\n")
        rows.append(measured(by_name[name]))
    sys.stdout.write(laid_out(rows))
    if options.json:
        options.json.write_text(as_json(rows), encoding="utf-8")
    return 1 if any(row.fails for row in rows) else 0


def _options(names: Collection[str], arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure the project's speed.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the rows to measure; all without it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}: there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
