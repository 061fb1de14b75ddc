"""Guards: the order of the rooms, a core that does without its extras, notebooks that are clean."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kvs_notebook"

ROOMS = [
    "version",
    "errors",
    "limits",
    "partition",
    "redaction",
    "frames",
    "export",
    "chart",
    "table",
    "pacing",
    "session",
    "reply",
    "connection",
    "current",
    "lesson",
    "startup",
    "sandbox",
    "sandbox.assumptions",
    "sandbox.clock",
    "sandbox.settings",
    "sandbox.tokens",
    "sandbox.model",
    "sandbox.store",
    "sandbox.service",
    "sandbox.quotas",
    "sandbox.faults",
    "sandbox.operations",
    "sandbox.keys",
    "sandbox.signature",
    "sandbox.sts",
    "sandbox.tagging",
    "sandbox.regions",
    "sandbox.journal",
    "sandbox.seed",
    "sandbox.mailbox",
    "sandbox.envelope",
    "sandbox.relay",
    "sandbox.control",
    "sandbox.wire",
    "sandbox.gate",
    "sandbox.app",
    "sandbox.data_plane",
    "sandbox.host",
    "sandbox.residence",
    "sandbox.profile",
    "sandbox.owner",
    "sandbox.server",
    "target",
    "waiting",
    "listing",
    "tags",
    "reconciliation",
    "channels",
    "endpoints",
    "message",
    "line",
    "peer",
    "signaling",
    "diagrams",
    "role",
    "fleet",
    "fleet.accounts",
    "fleet.unit",
    "fleet.expiry",
    "fleet.roster",
    "fleet.pile",
    "fleet.interruption",
    "fleet.inventory",
    "fleet.snapshot",
    "fleet.history",
    "fleet.comparison",
    "fleet.requirement",
    "fleet.given",
    "fleet.reports",
    "fleet.charts",
    "forms.markup",
    "forms.keyboard",
    "forms.fields",
    "forms.submit",
    "forms.form",
    "forms.channel",
    "forms.create",
    "forms.update",
    "forms.delete",
    "forms.tags",
    "forms.endpoints",
    "forms.account",
    "forms.table",
    "forms.panel",
    "forms",
    "policy",
    "leak",
    "piece",
    "scan",
    "terminal",
    "printout",
    "cli",
]
"""A room imports only rooms that stand before it."""

MAY_IMPORT_SANDBOX = {"cli", "forms.account"}
OWNERS = {
    "matplotlib": {"chart", "diagrams", "fleet.charts"},
    "ipywidgets": {"forms"},
    "itables": {"forms"},
    "anywidget": {"forms"},
}
NO_NOUNS = {"utils", "helpers", "common", "base", "core", "manager"}

ACCOUNTS = {"000000000000", "111122223333"}
WALKTHROUGHS = [
    "00-start-here",
    "01-channel-lifecycle",
    "02-tags",
    "03-endpoints",
    "04-signaling",
    "05-forms",
    "06-inventory-report",
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


# --- rooms


def rooms() -> dict[str, Path]:
    """Every module by its dotted name inside the package, the two entry points left out."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name not in {"", "__main__"}:
            found[name] = path
    return found


def imports(path: Path) -> set[str]:
    """Every module that a file names, wherever in it: those under TYPE_CHECKING are knowledge of that room too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return names


def rooms_imported(path: Path) -> set[str]:
    known = set(rooms())
    return {room for name in imports(path) if (room := name.removeprefix("kvs_notebook.")) in known and room != name}


def test_every_room_has_its_place_in_the_order() -> None:
    assert set(rooms()) - set(ROOMS) == set()


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_rooms_before_it(room: str) -> None:
    earlier = set(ROOMS[: ROOMS.index(room)])
    assert rooms_imported(rooms()[room]) - earlier == set()


@pytest.mark.parametrize("room", rooms())
def test_a_room_is_one_noun_of_at_most_400_lines(room: str) -> None:
    assert len(rooms()[room].read_text(encoding="utf-8").splitlines()) <= 400
    assert not NO_NOUNS & set(room.split("."))


def test_the_sandbox_stands_apart() -> None:
    for room, path in rooms().items():
        if not room.startswith("sandbox") and room not in MAY_IMPORT_SANDBOX:
            assert not [name for name in rooms_imported(path) if name.startswith("sandbox")], room
        if room.startswith("sandbox.") and room != "sandbox.server":
            assert not {"connection", "current"} & rooms_imported(path), room


@pytest.mark.parametrize("library", OWNERS)
def test_a_heavy_library_is_imported_in_its_own_room_only(library: str) -> None:
    for room, path in rooms().items():
        if not any(room == owner or room.startswith(f"{owner}.") for owner in OWNERS[library]):
            assert not [name for name in imports(path) if name.split(".")[0] == library], room


# --- extras


CORE_ONLY = """
import sys
SANDBOX = ("uvicorn", "httptools", "websockets", "trustme", "filelock")
LAB = ("ipywidgets", "anywidget", "matplotlib", "itables")
for extra in (*SANDBOX, *LAB, "distributed"):
    sys.modules[extra] = None  # as where it is not installed
from kvs_notebook import *
import kvs_notebook as kvs
from kvs_notebook.frames import CHANNELS, COVERAGE, TAGS, empty
def chart():
    kvs.charts.channel_ages(kvs.reports.channel_ages(kvs.Inventory(*map(empty, (CHANNELS, TAGS, COVERAGE)))))
for needs_an_extra in (kvs.use_sandbox, kvs.forms.console, chart):
    try:
        needs_an_extra()
    except kvs.errors.MissingExtra as error:
        print(error)
"""


def test_the_core_does_without_the_extras_and_names_the_one_that_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", CORE_ONLY], capture_output=True, text=True, check=True)
    needs_sandbox, needs_lab, needs_lab_too = done.stdout.splitlines()
    assert needs_lab_too.endswith("pip install 'kvs-notebook[lab]'")
    assert needs_sandbox.endswith("pip install 'kvs-notebook[sandbox]'")
    assert needs_lab.endswith("pip install 'kvs-notebook[lab]'")


# --- notebooks


def outputs(notebook: Any) -> str:
    return json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)


def test_the_walkthroughs_are_there() -> None:
    assert {path.stem for path in NOTEBOOKS} >= set(WALKTHROUGHS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_small_and_free_of_noise(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 100_000
    assert "widgets" not in notebook.metadata
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it top to bottom in a fresh kernel and save it"
    for cell in notebook.cells:
        assert not {"execution", "ExecuteTime"} & set(cell.metadata), "strip the timings"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_machine_and_no_account_but_the_examples(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"(?<!\d)\d{12}(?!\d)", text)) <= ACCOUNTS
    assert re.findall(r"(?:/home/|/Users/|/root/|/tmp/|[A-Z]:\\\\)\S*", text) == []
    assert re.findall(r"(?:AKIA|ASIA)[A-Z0-9]{16}|X-Amz-Signature=", outputs(nbformat.read(path, as_version=4))) == []


REAL_ACCOUNT = ("**IAM policy.**", "`kvs-notebook policy", "**Cost.**", "**Quotas.**", "/pricing/")
"""What is said of a real account in every walkthrough."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_walkthrough_has_the_course_s_shape(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    headings = [re.match(r"#+ [^\n]+", cell.source) for cell in cells if cell.cell_type == "markdown"]
    sections = [heading[0] for heading in headings if heading and heading[0].startswith("## ")]
    begin = ["## The map", "## Start"] if path.stem == WALKTHROUGHS[0] else ["## Start"]
    assert sections[: len(begin)] == begin
    assert sections[-4:] == ["## Your turn", "## On a real account", "## Where to go next", "## Clean up"]
    assert cells[-2].source.startswith("## Clean up")
    assert "kvs.delete_channel(arn, wait=True)" in cells[-1].source
    assert max(len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code") <= 24


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_walkthrough_says_what_differs_on_a_real_account(path: Path) -> None:
    (box,) = [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.source.startswith("## On a real account")
    ]
    assert [word for word in REAL_ACCOUNT if word not in box] == []
    assert "**No way back.**" in box or "nothing to undo" in box


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exercise_is_saved_as_not_done_with_its_solution_folded_away(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    ids = [cell.id for cell in cells]
    first = ids.index("exercise")
    task, answer, check, solution = cells[first : first + 4]
    assert [answer.id, check.id, solution.id] == ["exercise-answer", "exercise-check", "exercise-solution"]
    assert task.source.startswith("## Your turn")
    assert [output.text.startswith("Not done yet: ") for output in check.outputs] == [True]
    assert solution.source.startswith("<details><summary>A solution</summary>")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_walkthrough_leads_to_those_before_and_after_it_and_to_the_map(path: Path) -> None:
    place = WALKTHROUGHS.index(path.stem)
    title = nbformat.read(path, as_version=4).cells[0].source
    neighbours = {*WALKTHROUGHS[max(place - 1, 0) : place], *WALKTHROUGHS[place + 1 : place + 2]}
    if place:
        neighbours.add(WALKTHROUGHS[0])
    assert {link for link in WALKTHROUGHS if f"]({link}.ipynb)" in title} >= neighbours


def test_the_map_leads_to_every_walkthrough() -> None:
    cells = nbformat.read(ROOT / "notebooks" / f"{WALKTHROUGHS[0]}.ipynb", as_version=4).cells
    (shown,) = [cell.source for cell in cells if cell.source.startswith("## The map")]
    assert [name for name in WALKTHROUGHS[1:] if f"]({name}.ipynb)" not in shown] == []


def test_the_notes_for_teachers_have_every_walkthrough_with_its_minutes() -> None:
    notes = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
    assert [name for name in WALKTHROUGHS if not re.search(rf"\]\({name}\.ipynb\) \| \d+ \|", notes)] == []
