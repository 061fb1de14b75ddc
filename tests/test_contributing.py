"""CONTRIBUTING says what is so: its commands run, its map is that of the rooms, its files are there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, Document, commands

CONTRIBUTING = Document("CONTRIBUTING.md")
PROGRAMS = Path(sys.executable).parent


def run(line: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a line as somebody does who has activated the environment, in a clone."""
    path = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
    words, environment = shlex.split(line), {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=110, check=False)


def test_every_block_is_run() -> None:
    assert CONTRIBUTING.not_run() == []


def test_it_is_one_page() -> None:
    assert len(CONTRIBUTING.text.splitlines()) < 90


@CONTRIBUTING.runs("ci", "parts")
def test_ci_runs_each_part() -> None:
    (whole,) = commands(CONTRIBUTING["ci"])
    assert os.access(ROOT / whole, os.X_OK)
    script = (ROOT / whole).read_text(encoding="utf-8")
    readme_test_line = Document("README.md")["test"]
    for part in commands(CONTRIBUTING["parts"]):
        assert f".venv/bin/{part}\n" in script + readme_test_line, part


@CONTRIBUTING.runs("one test")
@pytest.mark.parametrize("line", commands(CONTRIBUTING["one test"]))
def test_one_test_is_run_by_its_line(line: str) -> None:
    done = run(f"{line} -p no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b[1-9]\d* passed", done.stdout), done.stdout


BESIDE = commands(CONTRIBUTING["beside the tests"])


@CONTRIBUTING.runs("beside the tests")
def test_what_stands_beside_the_tests_is_four_lines() -> None:
    assert [re.split(r"[ .]", line)[0] for line in BESIDE] == ["python", "python", "python", "pytest"]


def test_the_benchmarks_are_listed_and_one_is_measured() -> None:
    listed, measured = run(BESIDE[0]), run(BESIDE[1])
    name = BESIDE[1].split()[-1]
    assert f"\n{name}: " in listed.stdout
    assert measured.stdout.splitlines()[1].startswith(name), measured.stdout + measured.stderr


def test_a_picture_is_taken_into_the_folder_named(tmp_path: Path) -> None:
    done = run(BESIDE[2], tmp_path)
    assert done.returncode == 0, done.stderr
    picture = tmp_path / "pictures" / "chart.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 20_000


def test_the_contract_would_run_on_a_real_account() -> None:
    """No account of anybody's is asked here: it is only collected."""
    done = run(f"{BESIDE[3]} --collect-only -q -n0")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\[real", done.stdout), done.stdout[-2000:]


def test_the_files_that_it_names_are_there() -> None:
    named = re.findall(r"`((?:tests/|sandbox/)?[\w/]+\.py|tests/\w+)`", CONTRIBUTING.text)
    assert len(named) > 5
    assert [name for name in named if not any((top / name).exists() for top in (ROOT, ROOT / "kvs_notebook"))] == []
