"""Plans of edited sheets: what was edited is planned, what was damaged is refused, and a missing row changes nothing."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.plans.plan import Plan
from kvs_notebook.plans.sheet_table import read_channels
from tests.dataframes.test_spreadsheets import as_excel, as_libreoffice, saved
from tests.plans.fleets import VALUES, Seen, examples, fleet, fleets, full

RISKY = ["0042", "3.10", "3-4", "true", "1E5", "=1", "", "hq", "12345678901234567"]
STACK = "aws:cloudformation:stack-name"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sheets")


def rows_of(frame: pd.DataFrame) -> list[list[str]]:
    """Return the header and the cells of a frame's CSV file."""
    stream = io.StringIO(newline="")
    kvs.to_csv(frame, stream)
    return list(csv.reader(io.StringIO(stream.getvalue(), newline="")))


def write(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8-sig") -> Path:
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def edit(folder: Path, original: pd.DataFrame, *cells: tuple[int, str, str], **arguments: Any) -> Plan:
    """Return the plan of a sheet in which cells (row, column, text) were edited; a column that is missing is added."""
    rows = rows_of(original)
    for row, column, text in cells:
        if column not in rows[0]:
            rows[0].append(column)
            for other in rows[1:]:
                other.append("")
        rows[row + 1][rows[0].index(column)] = text
    return kvs.plans.from_sheet(write(folder / "edited.csv", rows), **{"original": original, **arguments})


def only_reason(plan: Plan) -> str:
    assert len(plan) == 0
    (reason,) = plan.refused["reason"].tolist()
    return str(reason)


# --- properties


@examples
@given(fleets, st.data())
def test_sheet_leads_to_what_was_written(folder: Path, channels: list[Seen], data: st.DataObject) -> None:
    """What an independent reading of the cells asks for is what the ready steps do."""
    channels = [
        seen._replace(tags={k: v for k, v in seen.tags.items() if k != STACK}, status="ACTIVE") for seen in channels
    ]
    original = fleet(channels)
    rows = rows_of(original)
    header, keys = rows[0], [name for name in rows[0] if name.startswith("tag:")]
    by_arn = {seen.arn: seen for seen in channels}
    wanted: dict[str, dict[str, str | None]] = {}
    kept = [row for row in rows[1:] if data.draw(st.booleans())]
    for row in kept:
        arn = row[header.index("channel_arn")]
        for key in keys:
            old = by_arn[arn].tags.get(key.removeprefix("tag:"))
            value = data.draw(st.sampled_from(["leave", "(remove)", "'", "hq", "annex"]))
            if value != "leave":
                row[header.index(key)] = value
                new = {"(remove)": None, "'": ""}.get(value, value)
                if new != old:
                    wanted.setdefault(arn, {})[key] = new
    plan = kvs.plans.from_sheet(write(folder / "edited.csv", [header, *kept]), original=original)
    steps = plan.steps.astype("object").where(plan.steps.notna(), None)
    found: dict[str, dict[str, str | None]] = {}
    for step in steps[steps["status"] == "ready"].to_dict("records"):
        assert step["before"] == by_arn[step["channel_arn"]].tags.get(step["column"].removeprefix("tag:"))
        found.setdefault(step["channel_arn"], {})[step["column"]] = step["after"]
    refused = set(plan.refused["channel_arn"])
    assert found == {arn: edits for arn, edits in wanted.items() if arn not in refused}
    assert refused <= {arn for arn, edits in wanted.items() if {"tag:Site", "tag:site"} & set(edits)}
    assert "delete" not in set(steps["action"])


@examples
@given(
    fleets,
    st.sampled_from([None, "bulk", "failed"]),
    st.lists(st.tuples(
        st.integers(0, 3),
        st.sampled_from(["tag:Site", "tag:note", f"tag:{STACK}", "message_ttl_seconds", "managed_by", "version", "action"]),
        st.sampled_from([*RISKY, "annex", "(remove)", "t\u00c3\u00aate", "x" * 300, "delete"]),
    ), min_size=1),
)  # fmt: skip
def test_current_channels_like_the_original_lead_to_the_same_plan(
    folder: Path, channels: list[Seen], source: str | None, cells: list[tuple[int, str, str]]
) -> None:
    """Replaced tags are planned in one look at their row unless current= is given; both say the same."""
    original = fleet(channels) if source is None else fleet(channels).assign(tags_source=source)
    edits = [cell for cell in cells if cell[0] < len(channels)]
    plan = edit(folder, original, *edits)
    assert plan.steps.equals(edit(folder, original, *edits, current=original).steps)


@examples
@given(
    st.lists(st.tuples(st.sampled_from(["front-door", "1E5", "3-4", "007", "true"]), st.sampled_from(RISKY)),
             min_size=1, max_size=4, unique_by=lambda each: each[0]),
    st.sampled_from([as_excel, as_libreoffice]),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8-sig", "utf-16"]),
    st.booleans(),
)  # fmt: skip
def test_spreadsheet_alone_changes_nothing(
    folder: Path,
    channels: list[tuple[str, str]],
    convert: Any,
    delimiter: str,
    encoding: str,
    guarded: bool,  # noqa: FBT001
) -> None:
    original = fleet([Seen(name, {"Site": value}) for name, value in channels])
    stream = io.StringIO(newline="")
    if guarded:
        kvs.to_csv(original, stream)
    else:
        original.to_csv(stream, index=False)
    path = folder / "edited.csv"
    path.write_bytes(saved(stream.getvalue().encode(), convert, delimiter=delimiter, encoding=encoding, blank=2))
    plan = kvs.plans.from_sheet(path, original=original)
    assert len(plan) == 0
    if guarded:
        assert plan.refused["reason"].tolist() == []


@examples
@given(fleets, st.sampled_from(VALUES))
def test_frame_and_file_lead_to_the_same_plan(folder: Path, channels: list[Seen], value: str) -> None:
    original = fleet(channels)
    edited = original.assign(**{"tag:Site": value, "message_ttl_seconds": 90}).astype({"message_ttl_seconds": "Int64"})
    path = folder / "edited.csv"
    kvs.to_csv(edited, path)
    steps = [kvs.plans.from_sheet(each, original=original).steps.drop(columns="source") for each in (edited, path)]
    pd.testing.assert_frame_equal(*steps)


# --- edits


def test_each_kind_of_edit_is_planned(folder: Path) -> None:
    original = fleet([Seen("gate", {"Site": "hq", "Owner": "ops"})])
    cells = [
        (0, "message_ttl_seconds", "90"),
        (0, "tag:Site", "annex"),
        (0, "tag:Owner", "(remove)"),
        (0, "tag:Note", "'"),
    ]
    steps = edit(folder, original, *cells).ready
    assert steps[["action", "column", "before", "after"]].fillna("-").to_numpy().tolist() == [
        ["update", "message_ttl_seconds", "60", "90"],
        ["tag", "tag:Note", "-", ""],
        ["tag", "tag:Site", "hq", "annex"],
        ["untag", "tag:Owner", "ops", "-"],
    ]
    assert set(steps["source"]) == {"edited.csv row 2"}
    assert set(steps["version"]) == {"v-gate"}


@pytest.mark.parametrize("word", ["delete", "Delete", " DELETE "])
def test_delete_in_action_deletes(folder: Path, word: str) -> None:
    plan = edit(folder, fleet([Seen("dock"), Seen("gate")]), (1, "action", word))
    assert plan.ready[["channel_name", "action"]].to_numpy().tolist() == [["gate", "delete"]]


def test_missing_rows_are_noted_and_never_deleted(folder: Path) -> None:
    original = fleet([Seen("dock"), Seen("gate"), Seen("hall")])
    path = write(folder / "edited.csv", rows_of(original)[:2])
    plan = kvs.plans.from_sheet(path, original=original)
    assert len(plan.steps) == 0
    assert plan.notes == (
        "2 channels of original are not in edited.csv and stay unchanged. To delete one, write delete into the column action.",
    )


def test_unknown_columns_are_noted(folder: Path) -> None:
    plan = edit(folder, fleet([Seen("gate")]), (0, "Site", "hq"), (0, "floor", "3"))
    assert plan.notes == (
        "Not planned, because they are not columns of channels: Site, floor. The column of a tag is named tag:KEY.",
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Tag:Site", "tag:Site"), ("tag: Site", "tag:Site"), ("TAG : Site", "tag:Site"), ("Message_TTL_Seconds", None)],
)
def test_column_with_other_capitals_or_spaces_raises(folder: Path, name: str, meant: str | None) -> None:
    original, meant = fleet([Seen("gate", {"Site": "hq"})]), meant or name.lower()
    header, *rows = rows_of(original)
    path = write(folder / "edited.csv", [[name if cell == meant else cell for cell in header], *rows])
    with pytest.raises(
        InvalidInput, match=f"^edited.csv has a column '{name}' instead of {meant}. Rename it, or remove it.$"
    ):
        kvs.plans.from_sheet(path, original=original)


def test_tag_keys_that_differ_in_case_are_two_columns(folder: Path) -> None:
    plan = edit(folder, fleet([Seen("gate", {"Site": "hq", "site": "hq"})]), (0, "tag:site", "annex"))
    assert plan.ready["column"].tolist() == ["tag:site"]


@pytest.mark.parametrize("text", ["60", "60.0", " 60 ", "60,0", "+60", ""])
def test_ttl_in_another_spelling_is_no_edit(folder: Path, text: str) -> None:
    assert len(edit(folder, fleet([Seen("gate")]), (0, "message_ttl_seconds", text)).steps) == 0


# --- refusals by row


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("message_ttl_seconds", "900", "message_ttl_seconds 900 is out of range: 5 to 120 seconds."),
        ("message_ttl_seconds", "-5", "message_ttl_seconds -5 is out of range: 5 to 120 seconds."),
        (
            "message_ttl_seconds",
            "sixty",
            "message_ttl_seconds 'sixty' is not a whole number. Expected 5 to 120 seconds.",
        ),
        (
            "message_ttl_seconds",
            "(remove)",
            "message_ttl_seconds '(remove)' is not a whole number. Expected 5 to 120 seconds.",
        ),
        ("tag:Site", "a#b", "'#' is not allowed"),
        ("tag:Site", "x" * 257, "has 257 characters"),
        (
            "tag:Serial",
            "42",
            "'0042' became '42', as a spreadsheet changes numbers and dates. Write '0042 to keep it, or '42",
        ),
        ("tag:aws:x", "1", "reserved by AWS"),
        ("tag:site", "annex", "differs only in case from its tag 'Site'"),
        ("channel_name", "gate-2", "channel_name 'gate-2' contradicts the ARN, which has 'gate'."),
        ("account_id", "000042000043", "account_id '000042000043' contradicts the ARN"),
        ("region", "eu-west-1", "region 'eu-west-1' contradicts the ARN"),
        ("channel_type", "FULL_MESH", "channel_type 'FULL_MESH' is 'SINGLE_MASTER' in original."),
        ("channel_arn", "arn:aws:kinesisvideo:us-east-1:000042000042:channel/gate/1767603601", "Was a digit lost?"),
        ("channel_arn", "arn:aws:kinesisvideo:us-east-1:000042000042:cha", "Channel ARN"),
        (
            "channel_arn",
            "arn:aws:kinesisvideo:us-east-1:000042000043:channel/gate/1767603601000",
            "Account 000042000043 is not",
        ),
        ("channel_arn", "", "channel_arn is empty"),
        ("action", "remove", "action 'remove' is not valid. Expected delete, or an empty cell."),
    ],
)
def test_invalid_cell_refuses_its_whole_row(folder: Path, column: str, text: str, reason: str) -> None:
    original = fleet([Seen("dock"), Seen("gate", {"Site": "hq", "Serial": "0042"})])
    plan = edit(folder, original, (1, column, text), (1, "tag:Owner", "ops"), (0, "tag:Owner", "it"))
    assert plan.ready["channel_name"].tolist() == ["dock"]
    (found,) = plan.refused["reason"].tolist()
    assert reason in found
    assert plan.refused["source"].tolist() == ["edited.csv row 3"]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("account_id", "42000042"), ("account_id", "4.2E+7"), ("creation_time", "05.01.2026 09:00"), ("region", ""),
        ("channel_name", ""), ("message_ttl_seconds", ""), ("version", ""),
    ],
)  # fmt: skip
def test_damage_beside_the_arn_is_harmless(folder: Path, column: str, text: str) -> None:
    plan = edit(folder, fleet([Seen("gate")]), (0, column, text), (0, "tag:Site", "hq"))
    assert len(plan) == 1
    assert plan.ready["account_id"].tolist() == ["000042000042"]


def test_marked_cell_insists_on_its_text(folder: Path) -> None:
    plan = edit(folder, fleet([Seen("gate", {"Serial": "0042"})]), (0, "tag:Serial", "'42"))
    assert plan.ready[["before", "after"]].to_numpy().tolist() == [["0042", "42"]]


def test_sheet_of_another_export_is_refused_where_edited(folder: Path) -> None:
    original = fleet([Seen("dock"), Seen("gate")])
    plan = edit(folder, original, (0, "version", "other"), (0, "tag:Site", "hq"), (1, "version", "other"))
    assert "Pass the export that the sheet was made from" in only_reason(plan)


def test_delete_with_edits_is_refused(folder: Path) -> None:
    plan = edit(folder, fleet([Seen("gate", {"Site": "hq"})]), (0, "action", "delete"), (0, "tag:Site", "annex"))
    assert only_reason(plan) == "The row deletes the channel and changes it too. Keep one of the two."


def test_repeated_channel_with_other_values_is_refused(folder: Path) -> None:
    original = fleet([Seen("gate", {"Site": "hq"})])
    rows = rows_of(original)
    site = rows[0].index("tag:Site")
    changed = [*rows[1][:site], "annex", *rows[1][site + 1 :]]
    same = kvs.plans.from_sheet(write(folder / "edited.csv", [rows[0], changed, changed]), original=original)
    assert len(same) == 1
    other = kvs.plans.from_sheet(write(folder / "edited.csv", [*rows, changed]), original=original)
    assert other.refused["reason"].tolist() == [
        "The channel has other values in edited.csv row 3. Keep one of the rows.",
        "The channel has other values in edited.csv row 2. Keep one of the rows.",
    ]
    assert len(other) == 0


def test_full_channel_needs_a_removal_in_its_row(folder: Path) -> None:
    original = fleet([Seen("gate", full())])
    assert only_reason(edit(folder, original, (0, "tag:Site", "hq"))) == "It would have too many tags: 51 (maximum 50)."
    assert len(edit(folder, original, (0, "tag:Site", "hq"), (0, "tag:key-00", "(remove)"))) == 2


@pytest.mark.parametrize("column", ["tag:aws:cloudformation:stack-name", "managed_by"])
def test_managed_channels_are_refused(folder: Path, column: str) -> None:
    original = fleet([Seen("gate", {"Site": "hq"})]).assign(**{column: "cameras"})
    assert "It is managed by" in only_reason(edit(folder, original, (0, "tag:Site", "annex")))
    assert len(edit(folder, original, (0, "tag:Site", "annex"), allow_managed=True)) == 1


def test_manager_may_be_named_in_the_sheet(folder: Path) -> None:
    plan = edit(folder, fleet([Seen("gate")]), (0, "tag:Site", "annex"), (0, "managed_by", "Terraform"))
    assert "It is managed by Terraform" in only_reason(plan)


@pytest.mark.parametrize(
    ("status", "cells", "reason"),
    [
        ("DELETING", {"tag:Site": "annex"}, "It is DELETING. Plan again when it is gone."),
        ("ACTIVE", {"tag:Site": "annex", "managed_by": "Terraform"}, "It is managed by Terraform"),
        ("ACTIVE", {"tag:Site": "t\u00c3\u00aate"}, "was read in another encoding than UTF-8"),
    ],
)
def test_replaced_tag_is_refused_for_its_channel_or_value(
    folder: Path, status: str, cells: dict[str, str], reason: str
) -> None:
    original = fleet([Seen("gate", {"Site": "hq"}, status=status)])
    plan = edit(folder, original, *((0, column, text) for column, text in cells.items()))
    assert reason in only_reason(plan)


def test_tags_that_were_not_read_are_refused(folder: Path) -> None:
    unread = fleet([Seen("gate")], keys=[])
    assert "'Site' was not read" in only_reason(edit(folder, unread, (0, "tag:Site", "hq")))
    failed = fleet([Seen("gate", {"Site": "hq"})]).assign(tags_source="failed")
    assert "'Site' was not read" in only_reason(edit(folder, failed, (0, "tag:Site", "annex")))


# --- three-way


def test_change_elsewhere_is_a_conflict_unless_equal(folder: Path) -> None:
    original = fleet([Seen("gate", {"Site": "hq"})])
    cells = [(0, "tag:Site", "annex")]
    elsewhere = fleet([Seen("gate", {"Site": "lab"})])
    assert only_reason(edit(folder, original, *cells, current=elsewhere)) == (
        "tag:Site is 'lab' now, and was 'hq' in original. Plan again from a new export."
    )
    assert edit(folder, original, *cells, current=fleet([Seen("gate", {"Site": "annex"})])).steps[
        "status"
    ].tolist() == ["unchanged"]
    other_key = fleet([Seen("gate", {"Site": "hq", "Owner": "ops"}, ttl=90)])
    assert len(edit(folder, original, *cells, current=other_key)) == 1


def test_channel_that_is_gone_or_recreated_is_a_conflict(folder: Path) -> None:
    original = fleet([Seen("gate", {"Site": "hq"})])
    recreated = original.assign(channel_arn=original["channel_arn"] + "9")
    assert "It is not in current" in only_reason(edit(folder, original, (0, "tag:Site", "annex"), current=recreated))
    assert "It is not in current" in only_reason(edit(folder, original, (0, "action", "delete"), current=recreated))


def test_delete_of_a_changed_channel_is_a_conflict(folder: Path) -> None:
    original = fleet([Seen("gate", {"Site": "hq"})])
    changed = fleet([Seen("gate", {"Site": "lab"})])
    assert "It has changed since" in only_reason(edit(folder, original, (0, "action", "delete"), current=changed))
    assert len(edit(folder, original, (0, "action", "delete"), current=original)) == 1


# --- files


def test_files_that_are_no_sheet_raise(tmp_path: Path) -> None:
    original = fleet([Seen("gate")])
    with pytest.raises(InvalidInput, match="has no column channel_arn, which tells the channel of a row"):
        kvs.plans.from_sheet(write(tmp_path / "a.csv", [["name"], ["gate"]]), original=original)
    with pytest.raises(InvalidInput, match="a\\.csv is empty"):
        kvs.plans.from_sheet(write(tmp_path / "a.csv", []), original=original)
    with pytest.raises(InvalidInput, match="Can't read"):
        kvs.plans.from_sheet(tmp_path / "none.csv", original=original)
    with pytest.raises(DamagedFile, match="two columns 'tag:Site'"):
        kvs.plans.from_sheet(
            write(tmp_path / "a.csv", [["channel_arn", "tag:Site", "tag:Site"], ["x", "", ""]]), original=original
        )


def test_row_with_an_unquoted_comma_is_refused(folder: Path) -> None:
    original = fleet([Seen("gate")])
    rows = rows_of(original)
    plan = kvs.plans.from_sheet(write(folder / "edited.csv", [rows[0], [*rows[1], "x"]]), original=original)
    assert "cells, more than the header" in only_reason(plan)


def test_original_may_be_csv_parquet_or_inventory(tmp_path: Path, connection: kvs.Connection) -> None:
    kvs.create_channel("gate", tags={"Site": "hq"}, connection=connection)
    inventory = kvs.inventory()
    inventory.to_csv(tmp_path / "fleet.csv")
    inventory.to_parquet(tmp_path / "fleet.parquet")
    edited = inventory.table().assign(**{"tag:Site": "annex"})
    for original in (inventory, inventory.table(), tmp_path / "fleet.csv", tmp_path / "fleet.parquet"):
        assert len(kvs.plans.from_sheet(edited, original=original)) == 1


def test_edited_workbook_is_planned_like_csv(tmp_path: Path) -> None:
    original = fleet([Seen("1E5", {"Site": "hq", "Serial": "0042", "Note": ""}), Seen("gate", {"Site": "hq"})])
    kvs.to_excel(original, tmp_path / "fleet.xlsx")
    assert len(kvs.plans.from_sheet(tmp_path / "fleet.xlsx", original=tmp_path / "fleet.xlsx").steps) == 0
    kvs.to_excel(original.assign(**{"tag:Site": ["annex", "hq"], "message_ttl_seconds": 90}), tmp_path / "edited.xlsx")
    plan = kvs.plans.from_sheet(tmp_path / "edited.xlsx", original=original)
    assert plan.ready[["channel_name", "action", "after", "source"]].to_numpy().tolist() == [
        ["1E5", "update", "90", "edited.xlsx row 2"],
        ["1E5", "tag", "annex", "edited.xlsx row 2"],
        ["gate", "update", "90", "edited.xlsx row 3"],
    ]


@pytest.mark.parametrize(
    ("typed", "asked"), [("42", "42"), ("'42", "42"), (42, None), (42.0, None), ("4-Mar", "4-Mar"), ("3-4x", "3-4x")]
)
def test_workbook_text_is_taken_as_meant_but_number_is_not(tmp_path: Path, typed: object, asked: str | None) -> None:
    """A spreadsheet converts what is typed into a cell, unless the cell is text: by its format or an apostrophe."""
    original = fleet([Seen("gate", {"Serial": "0042" if "42" in str(typed) else "3-4"})])
    kvs.to_excel(original, tmp_path / "edited.xlsx")
    book = openpyxl.load_workbook(tmp_path / "edited.xlsx")
    header = [cell.value for cell in book.active[1]]
    book.active.cell(2, header.index("tag:Serial") + 1).value = typed
    book.save(tmp_path / "edited.xlsx")
    plan = kvs.plans.from_sheet(tmp_path / "edited.xlsx", original=original)
    if asked is None:
        assert "as a spreadsheet changes numbers and dates" in only_reason(plan)
    else:
        assert plan.ready["after"].tolist() == [asked]


@pytest.fixture(scope="module")
def parquet() -> bytes:
    stream = io.BytesIO()
    kvs.to_parquet(fleet([Seen("gate", {"Site": "hq"}), Seen("dock")]), stream)
    return stream.getvalue()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_damaged_parquet_is_refused_or_read(parquet: bytes, tmp_path: Path, changes: list[tuple[float, int]]) -> None:
    content = bytearray(parquet)
    for place, bits in changes:
        content[int(place * len(content))] ^= bits
    (tmp_path / "a.parquet").write_bytes(content)
    with contextlib.suppress(DamagedFile, InvalidInput):
        read_channels(tmp_path / "a.parquet", "channels")


def test_parquet_with_a_text_that_is_not_utf8_is_damaged(parquet: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet.replace(b"gate", b"g\xfft\xff"))
    with pytest.raises(DamagedFile, match="is not a Parquet file"):
        read_channels(tmp_path / "a.parquet", "channels")
