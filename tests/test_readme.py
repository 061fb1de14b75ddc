"""README keeps its promises: it names what is public, its links lead somewhere, its lines do what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import kvs_notebook as kvs

ROOT = Path(__file__).parents[1]


def test_readme_names_every_public_name() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    public = [name for name in kvs.__all__ if not name.startswith("_")]
    assert [name for name in public if not re.search(rf"\b{name}\b", readme)] == []


def test_readmes_links_into_the_project_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", readme)
    assert len(targets) > 5
    assert [target for target in targets if not (ROOT / target).is_file()] == []


def block_under(mark: str) -> str:
    """The fenced block that stands in README under a mark."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- {mark} -->\n```\w*\n(.*?)```", readme, re.DOTALL)
    assert found, mark
    return found[1]


def test_readmes_example_prints_what_readme_says(capsys: pytest.CaptureFixture[str]) -> None:
    example: dict[str, Any] = {}
    exec(block_under("example"), example)  # noqa: S102 - our own
    example["sandbox"].stop()
    assert capsys.readouterr().out == block_under("output")
    assert len(block_under("example").splitlines()) == 5


def test_readmes_signaling_prints_what_readme_says(capsys: pytest.CaptureFixture[str]) -> None:
    example: dict[str, Any] = {}
    exec(block_under("signaling"), example)  # noqa: S102 - our own
    example["sandbox"].stop()
    assert capsys.readouterr().out == block_under("signaling output")


@pytest.mark.parametrize("mark", ["run", "test"])
def test_readmes_lines_are_single(mark: str) -> None:
    assert block_under(mark).count("\n") == 1
