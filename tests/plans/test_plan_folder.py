"""The folder of a plan is read as it was saved, or refused, whatever another program made of its files."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.plans.plan_folder import PlanFolder
from tests.plans.fleets import Seen, fleet

ABOUT = {"source": "a", "notes": [], "account_names": {}}


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("plan")
    kvs.plans.tag(fleet([Seen("gate"), Seen("dock")]), {"Site": "hq"}).save(folder)
    return (folder / "plan.csv").read_text()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.parametrize("meta", [[], {}, {"format": 2}, {"format": 1, "sha256": 1}, "[" * 100_000])
def test_other_description_is_damaged(tmp_path: Path, steps: str, meta: object) -> None:
    PlanFolder(tmp_path).save(steps, ABOUT)
    (tmp_path / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    with pytest.raises(DamagedFile, match=r"meta\.json"):
        kvs.plans.read(tmp_path)
