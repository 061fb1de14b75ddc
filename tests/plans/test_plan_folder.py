"""The folder of a plan is read as it was saved, or refused, whatever another program made of its files."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput, KVSError
from kvs_notebook.plans.plan_folder import PlanFolder
from tests.plans.fleets import Seen, fleet

ABOUT = {"source": "a", "notes": [], "account_names": {}}


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("plan")
    kvs.plans.tag(fleet([Seen("gate"), Seen("dock")]), {"Site": "hq"}).save(folder)
    return (folder / "plan.csv").read_text()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.tuples(
            st.integers(0, 50), st.sampled_from(["", ",", "\n", '"', "delete", "-1", "1E5", "arn:aws:x", "\x1b"])
        ),
        min_size=1,
        max_size=3,
    )
)
@example(cells=[(0, "\n"), (3, ",")])
def test_any_steps_with_their_digest_are_read_or_refused(
    steps: str, tmp_path: Path, cells: list[tuple[int, str]]
) -> None:
    parts = steps.split(",")
    for position, text in cells:
        parts[position % len(parts)] = text
    PlanFolder(tmp_path).save(",".join(parts), ABOUT)
    with contextlib.suppress(InvalidInput):
        repr(kvs.plans.read(tmp_path))


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_steps_of_other_columns_are_damaged(tmp_path: Path, text: str) -> None:
    PlanFolder(tmp_path).save(text, ABOUT)
    with pytest.raises(DamagedFile, match=r"plan\.csv does not have the columns of a plan"):
        kvs.plans.read(tmp_path)


OTHER_META = [[], {}, {"format": 2}, {"format": 1, "sha256": 1}, "[" * 100_000]
OTHER_TEXTS = [{"notes": [5]}, {"notes": [None]}, {"account_names": {"111122223333": 5}}]


@pytest.mark.parametrize("meta", [*OTHER_META, *OTHER_TEXTS], ids=repr)
def test_other_description_is_damaged(tmp_path: Path, steps: str, meta: object) -> None:
    PlanFolder(tmp_path).save(steps, ABOUT)
    if meta in OTHER_TEXTS:
        meta = json.loads((tmp_path / "meta.json").read_text()) | meta
    (tmp_path / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    with pytest.raises(DamagedFile, match=r"meta\.json"):
        kvs.plans.read(tmp_path)


NO_FILES: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture
def applied(tmp_path, connection):
    """Return a plan and the folder that it was applied in."""
    kvs.create_channel("gate", connection=connection)
    plan = kvs.plans.tag(kvs.list_channels(tags=True, connection=connection), {"Site": "hq"})
    kvs.apply_plan(plan, tmp_path / "plan", confirm=plan.confirmation, connection=connection)
    return plan, tmp_path / "plan"


@pytest.mark.parametrize("what", NO_FILES)
@pytest.mark.parametrize("name", ["plan.csv", "meta.json", "journal.jsonl"])
def test_what_is_no_file_is_refused_at_once(name, what, applied, connection):
    _, folder = applied
    (folder / name).unlink()
    NO_FILES[what](folder / name)
    uses = [lambda: kvs.resume_plan(folder, connection=connection), lambda: kvs.plans.undo(folder)]
    for use in uses if name == "journal.jsonl" else [*uses, lambda: kvs.plans.read(folder)]:
        with pytest.raises(KVSError, match=name.replace(".", "[.]")):
            use()


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize("content", ["mine", "mine\n", "", None], ids=["part", "line", "empty", "journal"])
def test_journal_that_is_a_link_is_not_written(content, link, applied, connection):
    """A backup may be a hard link to the journal itself."""
    plan, folder = applied
    journal, mine = folder / "journal.jsonl", folder.with_name("mine.txt")
    mine.write_text(journal.read_text() if content is None else content)
    before = mine.read_text()
    journal.unlink()
    link(journal, mine)
    with pytest.raises(KVSError, match=r"journal\.jsonl(: It is a (symbolic|hard) link| was changed)") as refused:
        kvs.resume_plan(folder, connection=connection)
    with pytest.raises(KVSError, match="already applied"):
        kvs.apply_plan(plan, folder, confirm=plan.confirmation, connection=connection)
    with pytest.raises(KVSError, match="already applied"):
        plan.save(folder)
    assert mine.read_text() == before
    if content is None:
        assert "Replace it by a copy" in str(refused.value)
        journal.unlink()
        journal.write_text(before)
        assert kvs.resume_plan(folder, connection=connection).counts["done"] == 1
        assert mine.read_text() == before


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\ud800", "a/" * 1_500], ids=["long", "zero", "surrogate", "deep"])
def test_folder_that_cannot_exist_is_one_of_our_errors(name, tmp_path):
    plan = kvs.plans.tag(fleet([Seen("gate")]), {"Site": "hq"})
    with pytest.raises((ExportFailed, InvalidInput)):
        plan.save(tmp_path / name)
    with pytest.raises(InvalidInput):
        kvs.plans.read(tmp_path / name)
