"""The commands in CONTRIBUTING exist: .ci/run runs the parts, and the names in other lines exist."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import BENCHMARKS
from tests.browser import screenshots
from tests.documents import ROOT, Document, commands

CONTRIBUTING = Document("CONTRIBUTING.md")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
BESIDE_THE_TESTS = commands(CONTRIBUTING["beside the tests"])


def test_every_block_has_a_test() -> None:
    assert CONTRIBUTING.not_run() == []


@CONTRIBUTING.runs("ci", "parts")
def test_ci_runs_each_part() -> None:
    (whole,) = commands(CONTRIBUTING["ci"])
    assert os.access(ROOT / whole, os.X_OK)
    run_by_ci = CI + Document("README.md")["test"]
    assert [part for part in commands(CONTRIBUTING["parts"]) if f".venv/bin/{part}\n" not in run_by_ci] == []


@CONTRIBUTING.runs("one test")
@pytest.mark.parametrize(
    "line",
    [*commands(CONTRIBUTING["one test"]), *(line for line in BESIDE_THE_TESTS if line.startswith("pytest"))],
)
def test_pytest_line_collects_tests(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The suite runs what is collected here, except the contract on a real account."""
    monkeypatch.chdir(ROOT)
    _, *arguments = shlex.split(line)
    assert pytest.main([*arguments, "-n0", "--collect-only", "-qs", "-p", "no:cacheprovider"]) == pytest.ExitCode.OK
    assert re.search(r"\[real\b" if "--real-aws-profile" in line else "::", capsys.readouterr().out)


@CONTRIBUTING.runs("beside the tests")
def test_benchmark_line_names_a_benchmark_that_ci_measures() -> None:
    measured = [
        line for line in BESIDE_THE_TESTS if line.startswith("python -m tests.benchmarks") and "--list" not in line
    ]
    assert measured
    for line in measured:
        assert line.split()[-1] in {benchmark.name for benchmark in BENCHMARKS}
        assert f".venv/bin/{line}\n" in CI


@CONTRIBUTING.runs("layers")
def test_layers_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    checked = {name for layer in layers for name in re.findall(r"\w+", layer)} - {"__main__"}
    drawn = re.sub(r"\(.*\)", "", CONTRIBUTING["layers"])
    assert set(drawn.split()) == checked


def test_screenshot_line_takes_the_picture_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["--help"], ["pictures", "unknown"]):
        with pytest.raises(SystemExit):
            screenshots.main(arguments)
    assert list(tmp_path.iterdir()) == []
    (line,) = [line for line in BESIDE_THE_TESTS if "screenshots" in line]
    folder, *names = shlex.split(line)[3:]
    screenshots.main([folder, *names])
    picture = tmp_path / folder / f"{names[0]}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 20_000


def test_every_file_it_names_exists() -> None:
    named = re.findall(r"`((?:tests/|[a-z_]+/)[\w/]*\w(?:\.py)?)`", CONTRIBUTING.text)
    assert named
    assert [name for name in named if not any((top / name).exists() for top in (ROOT, ROOT / "kvs_notebook"))] == []


def test_names_of_tests_have_at_most_ten_words() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    names = re.findall(r"def test_(\w+)", source)
    assert len(names) > 1_000
    assert [name for name in names if len(name.split("_")) > 10] == []
