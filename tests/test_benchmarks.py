"""The table of the benchmarks and its exit code. ``python -m tests.benchmarks`` measures the numbers."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.sandbox_process import SandboxSpec, run_sandbox
from tests.benchmarks.table import Benchmark, Result

ROWS = [
    "list",
    "list-scale",
    "tags",
    "list-tags",
    "apply-plan",
    "sandbox-describe",
    "sandbox-scale",
    "relay",
    "relay-scale",
    "sandbox-start",
    "first-table",
    "import",
    "command",
    "fleet-calls",
    "fleet-each",
    "fleet-bulk",
    "fleet-competent",
    "fleet-cpu",
    "fleet-dask",
    "fleet-memory",
    "compare",
    "plan",
    "form-heartbeat",
    "form-open",
    "console",
    "live-start",
    "live-heartbeat",
    "live-memory",
]


def row(name: str, *, holds: bool | None = True, needs: str | None = None, program: str | None = None) -> Benchmark:
    return Benchmark(
        name=name,
        work=f"the work of {name}",
        bar="<= 2x",
        needs={needs: "pip install it"} if needs else {},
        programs={program: "apt-get install it"} if program else {},
        measure=lambda: Result(ours="3 ms", baseline="2 ms", ratio=1.5, holds=holds, note=f"a note on {name}"),
    )


def test_list_option_names_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"], BENCHMARKS) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ROWS


def test_run_succeeds_if_every_bar_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [row("fast"), row("reported", holds=None)]) == 0
    table = capsys.readouterr().out
    line = " ".join(table.splitlines()[1].split())
    assert line == "fast the work of fast 3 ms 2 ms 1.50 <= 2x yes"
    assert "fast: a note on fast" in table


def test_run_fails_if_a_bar_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [row("slow", holds=False), row("fast")]) == 1
    assert capsys.readouterr().out.splitlines()[1].endswith("<= 2x  NO")


def test_run_continues_after_a_row_that_raises(capsys: pytest.CaptureFixture[str]) -> None:
    def raise_error() -> Result:
        raise RuntimeError("the sandbox exited")

    broken = Benchmark(name="broken", work="the work of broken", bar="<= 2x", needs={}, measure=raise_error)
    assert main([], [broken, row("fast")]) == 1
    output = capsys.readouterr()
    assert output.out.splitlines()[1].endswith("<= 2x  NO")
    assert output.out.splitlines()[2].endswith("<= 2x  yes")
    assert "the sandbox exited" in output.err


def test_run_fails_if_a_module_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [row("fast", needs="no_such_package.server"), row("other")]) == 1
    table = capsys.readouterr().out
    assert table.splitlines()[1].endswith("<= 2x  MISSING")
    assert "fast: missing: no_such_package.server (pip install it)" in table


def test_run_fails_if_a_program_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [row("shown", program="no-such-browser"), row("other", program=sys.executable)]) == 1
    table = capsys.readouterr().out
    assert table.splitlines()[1].endswith("<= 2x  MISSING")
    assert table.splitlines()[2].endswith("<= 2x  yes")
    assert "shown: missing: no-such-browser (apt-get install it)" in table


def test_run_measures_only_requested_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fast"], [row("slow", holds=False), row("fast")]) == 0
    assert "slow" not in capsys.readouterr().out


def test_unknown_row_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["fastest"], [row("fast")])
    assert exited.value.code == 2
    assert "unknown rows: fastest. Expected some of: fast." in capsys.readouterr().err


def test_json_has_the_rows_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    main(["--json", str(path)], [row("slow", holds=False), row("fast"), row("gone", needs="no_such_package")])
    written = json.loads(path.read_text(encoding="utf-8"))
    assert [(line["name"], line["holds"], line["ratio"]) for line in written["rows"]] == [
        ("slow", False, 1.5),
        ("fast", True, 1.5),
        ("gone", None, None),
    ]
    assert written["rows"][2]["missing"] == ["no_such_package (pip install it)"]


def test_sandbox_process_follows_its_spec_and_stops_with_context() -> None:
    with run_sandbox(SandboxSpec(channels=3, tags={"Site": "hq"})) as sandbox:
        client = sandbox.plain_client()
        infos = client.list_signaling_channels()["ChannelInfoList"]
        tags = client.list_tags_for_resource(ResourceARN=infos[2]["ChannelARN"])["Tags"]
        assert (len(infos), tags) == (3, {"Site": "hq"})
        assert list(sandbox.requests()["operation"]) == ["ListSignalingChannels", "ListTagsForResource"]
        endpoint_url = sandbox.endpoint_url
        assert sandbox.environment["AWS_ENDPOINT_URL"] == endpoint_url
        client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(endpoint_url.rpartition(":")[2])))


def test_row_names_are_unique() -> None:
    assert len({benchmark.name for benchmark in BENCHMARKS}) == len(BENCHMARKS)
