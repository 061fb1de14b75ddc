"""Workbooks read back to the same frame, also after a spreadsheet has saved them, or to an error."""

from __future__ import annotations

import io
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvs_notebook.dataframes import builders, files, schemas, workbook, workbook_cells
from kvs_notebook.dataframes.csv_text import BOOLEANS
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput
from tests.dataframes.test_files import ARN, SERVERS, info, infos, tag_texts, with_column
from tests.dataframes.test_spreadsheets import as_excel, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ESCAPES = ["_x0041_", "_x000D", "\r", "_x000D\r", "_x005F_x0041_", "_x0041_x0042_", "_", "x005F_", "#N/A", "=1+1"]
texts = st.one_of(tag_texts, st.lists(st.sampled_from([*ESCAPES, "a"]), max_size=4).map("".join))
"""Texts of tags, and those that look like the escapes of a workbook."""


def written(frame: pd.DataFrame) -> io.BytesIO:
    stream = io.BytesIO()
    workbook.to_excel(frame, stream)
    stream.seek(0)
    return stream


def edited(stream: io.BytesIO, edit: Callable[[Any], None]) -> io.BytesIO:
    """Return a workbook as another program saves it, after an edit of its first sheet."""
    book = openpyxl.load_workbook(stream)
    edit(book.worksheets[0])
    saved = io.BytesIO()
    book.save(saved)
    saved.seek(0)
    return saved


def has_refused_characters(frame: pd.DataFrame) -> bool:
    everything = "".join([*frame.columns, *(str(value) for column in frame for value in frame[column])])
    return any(not letter.isprintable() and workbook_cells._REFUSED.search(letter) for letter in everything)


def check_round_trip(frame: pd.DataFrame) -> None:
    if has_refused_characters(frame):
        with pytest.raises(InvalidInput, match="which a workbook cannot contain"):
            written(frame)
        return
    stream = written(frame)
    pd.testing.assert_frame_equal(workbook.read_excel(stream), frame)
    pd.testing.assert_frame_equal(workbook.read_excel(edited(stream, lambda _: None)), frame)


# --- the round trip


@settings(max_examples=8)
@given(frames())
def test_round_trip_keeps_any_frame(frame: pd.DataFrame) -> None:
    check_round_trip(frame)


@settings(max_examples=8)
@given(st.lists(texts, min_size=1, max_size=5))
@example(ESCAPES)
def test_round_trip_keeps_texts_that_look_like_escapes(values: list[str]) -> None:
    frame = builders.channels_frame([info(f"cam-{at:02}") for at in range(len(values))])
    check_round_trip(with_column(frame, f"tag:{values[0]}x", values))


@settings(max_examples=5)
@given(st.lists(infos, max_size=3))
@example([])
@example([info(CreationTime=datetime(1900, 2, 28, tzinfo=UTC))])
@example([info(CreationTime=datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))])
def test_round_trip_keeps_times_to_the_millisecond(rows: list[dict[str, Any]]) -> None:
    check_round_trip(builders.channels_frame(rows))


def frame_of(row: Mapping[str, Any], schema: schemas.Schema) -> pd.DataFrame:
    """Return a frame of one row; columns that it does not name are missing values."""
    return builders.rows_frame([tuple(row.get(column) for column in schema)], schema)


def test_round_trip_keeps_numbers_dates_and_secrets_hidden() -> None:
    numbers = {"channels": 2**62, "calls": 10**15, "throttles": 1, "seconds": 0.1 + 0.2}
    coverage = frame_of({"account_id": "1" * 12, "region": "us-east-1", "status": "ok", **numbers}, schemas.COVERAGE)
    day = datetime(2026, 1, 5)  # noqa: DTZ001
    growth = frame_of({"date": day, "account_id": "1" * 12, "region": "us-east-1", "diff": -1}, schemas.GROWTH)
    check_round_trip(coverage)
    check_round_trip(growth)
    ice = builders.ice_frame(ARN, SERVERS)
    stream = written(ice)
    expected = ice.assign(**{name: ice[name].astype("str") for name in ("username", "password")})
    pd.testing.assert_frame_equal(workbook.read_excel(stream), expected)


def test_spreadsheet_sees_text_numbers_and_times() -> None:
    row = info("1E5", "000000000000", CreationTime=datetime(2026, 1, 5, 9, 0, 0, 123_000, tzinfo=UTC))
    sheet = openpyxl.load_workbook(written(with_column(builders.channels_frame([row]), "tag:Note", ["=1+1"]))).active
    cells = {name.value: cell for name, cell in zip(*sheet.iter_rows(), strict=True)}
    for name in ("account_id", "channel_name", "channel_arn", "version", "tag:Note"):
        assert (cells[name].data_type, cells[name].number_format) == ("s", "@"), name
    assert cells["account_id"].value == "000000000000"
    assert cells["tag:Note"].value == "=1+1"
    assert cells["message_ttl_seconds"].value == 60
    assert cells["creation_time"].value == datetime(2026, 1, 5, 9, 0, 0, 123_000)  # noqa: DTZ001 - as Excel has them
    assert cells["creation_time"].number_format.endswith('"UTC"')
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:J2")


def test_empty_cell_keeps_the_format_of_text() -> None:
    frame = with_column(builders.channels_frame([info("a"), info("b")]), "tag:Site", [None, "hq"])
    sheet = openpyxl.load_workbook(written(frame)).active
    assert [cell.number_format for cell in sheet["J"]] == ["@", "@", "@"]


# --- damage


@settings(max_examples=12)
@given(frames(), st.data())
def test_converted_cell_reads_back_same_or_is_refused(frame: pd.DataFrame, data: st.DataObject) -> None:
    if has_refused_characters(frame):
        return
    row, column = data.draw(st.integers(2, len(frame) + 1)), data.draw(st.integers(1, frame.shape[1]))

    def convert(sheet: Any) -> None:
        cell = sheet.cell(row, column)
        if cell.data_type != "s":
            return
        saved = as_excel(cell.value)
        dates_and_booleans = {"4-mar": datetime(2026, 3, 4), **BOOLEANS}  # noqa: DTZ001
        converted = dates_and_booleans.get(saved.casefold())
        cell.value = _as_number(saved) if converted is None else converted

    try:
        found = workbook.read_excel(edited(written(frame), convert))
    except DamagedFile:
        return
    pd.testing.assert_frame_equal(found, frame)


def _as_number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("channel_name", 7, "channel_name in row 2 ('7', but '007' in channel_arn)"),
        ("channel_name", datetime(2026, 3, 4), "channel_name in row 2 ('2026-03-04T00:00:00.000Z', but "),  # noqa: DTZ001
        ("channel_name", True, "channel_name in row 2 ('True', but "),
        ("account_id", 12, "account_id in row 2 ('12', but "),
        ("version", 1.5e19, "version in row 2 ('15000000000000000000')"),
        ("tag:Note", 7, "tag:Note in row 2 ('7')"),
        ("creation_time", 46027.5, "creation_time in row 2 ('46027.5')"),
        ("message_ttl_seconds", 60.5, "message_ttl_seconds in row 2 ('60.5')"),
        ("tag:Note", "=1+1", "formulas or errors, whose values are not read: J2 (=1+1)"),
    ],
)
def test_damage_is_named_by_column_and_row(column: str, value: Any, found: str) -> None:
    frame = with_column(builders.channels_frame([info("007")]), "tag:Note", ["007"])

    def change(sheet: Any) -> None:
        cell = sheet.cell(2, frame.columns.get_loc(column) + 1)
        cell.value = value
        if isinstance(value, float):
            cell.number_format = "General"

    with pytest.raises(DamagedFile) as caught:
        workbook.read_excel(edited(written(frame), change))
    assert found in str(caught.value)


def test_account_id_and_name_as_exact_numbers_are_healed() -> None:
    frame = builders.channels_frame([info("1200")])

    def to_numbers(sheet: Any) -> None:
        letters = {cell.value: cell.column_letter for cell in sheet[1]}
        sheet[f"{letters['account_id']}2"], sheet[f"{letters['channel_name']}2"] = 111122223333, 1200

    pd.testing.assert_frame_equal(workbook.read_excel(edited(written(frame), to_numbers)), frame)


def test_emptied_rows_and_sorted_rows_are_read() -> None:
    frame = with_column(builders.channels_frame([info("a"), info("b")]), "tag:Site", ["", " "])

    def move(sheet: Any) -> None:
        sheet.move_range("A3:J3", rows=3)
        sheet["P9"] = None

    pd.testing.assert_frame_equal(workbook.read_excel(edited(written(frame), move)), frame)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04\x14" + bytes(50), b"\xd0\xcf\x11\xe0" + bytes(50), b"a,b\n1,2\n"]
)
def test_other_file_is_not_a_workbook(content: bytes) -> None:
    with pytest.raises(
        DamagedFile, match=r"is not a workbook that can be read. Read a CSV file with kvs\.read_csv\(\), or"
    ):
        workbook.read_excel(io.BytesIO(content))


@pytest.fixture(scope="module")
def saved() -> bytes:
    return written(builders.channels_frame([info("a"), info("b")])).getvalue()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(1, 255)), min_size=1, max_size=4))
def test_broken_bytes_are_refused_or_read_the_same(saved: bytes, changes: list[tuple[int, int]]) -> None:
    frame = builders.channels_frame([info("a"), info("b")])
    content = bytearray(saved)
    for position, bits in changes:
        content[position] ^= bits
    try:
        found = workbook.read_excel(io.BytesIO(bytes(content)))
    except (DamagedFile, InvalidInput):
        return
    pd.testing.assert_frame_equal(found, frame)


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (["serial", "owner"], ["1", "2"], "header that to_excel() did not write: serial, owner"),
        (["channel_name", "channel_name"], ["1", "2"], "header that to_excel() did not write"),
        (["channel_name", "version"], ["1", "2", "3"], "wrong number of cells in row 2 (expected 2)"),
        ([], [], "has no header in its first row"),
    ],
)
def test_sheet_of_another_program_is_refused(header: list[str], row: list[str], message: str) -> None:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for cells in (header, row):
        book.active.append(cells)
    book.save(stream)
    with pytest.raises(DamagedFile) as caught:
        workbook.read_excel(stream)
    assert message in str(caught.value)


# --- limits


@pytest.mark.parametrize("letter", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_refused_character_is_named_with_row_and_column(tmp_path: Path, letter: str) -> None:
    notes = pd.Series(["", f"x{letter}"], dtype="object")  # a str column cannot hold half a surrogate pair
    frame = builders.channels_frame([info("a"), info("b")]).assign(**{"tag:Note": notes})
    with pytest.raises(InvalidInput) as caught:
        workbook.to_excel(frame, tmp_path / "fleet.xlsx")
    assert f"Row 3, column 'tag:Note' has the character {letter!r}, which a workbook cannot contain" in str(
        caught.value
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["x" * 32_768, "\N{CAMERA}" * 16_384, "\r" * 5_000, "'" * 32_767])
def test_long_text_is_refused_with_its_length(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"Row 2, column 'tag:Note' is too long for a workbook: \d\d,\d{3} char"):
        written(with_column(builders.channels_frame([info()]), "tag:Note", [text]))


def test_longest_text_is_kept() -> None:
    check_round_trip(with_column(builders.channels_frame([info()]), "tag:Note", ["x" * 32_767]))


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"Too many rows for the sheet 'data': 1,048,577 \(maximum 1,048,576"):
        written(pd.DataFrame({"version": pd.array(["a"] * 1_048_576, dtype="str")}))


# --- files


@pytest.mark.parametrize("suffix", [".csv", ".xls", ".xlsm", ""])
def test_other_name_is_refused_with_right_call(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InvalidInput, match=r"is not the name of an Excel workbook. End it with \.xlsx, .*to_csv\(\)"):
        workbook.to_excel(builders.channels_frame([]), tmp_path / f"fleet{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_file_is_replaced_whole_and_keeps_permissions(tmp_path: Path) -> None:
    path = tmp_path / "fleet.xlsx"
    path.write_bytes(b"before")
    path.chmod(0o600)
    bad = with_column(builders.channels_frame([info()]), "tag:Note", ["\x00"])
    with pytest.raises(InvalidInput):
        workbook.to_excel(bad, path)
    assert path.read_bytes() == b"before"
    workbook.to_excel(builders.channels_frame([info()]), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(workbook.read_excel(path)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_pipe_and_missing_folder_are_answered(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xlsx")
    reader = os.open(tmp_path / "pipe.xlsx", os.O_RDONLY | os.O_NONBLOCK)
    try:
        workbook.to_excel(builders.channels_frame([info()]), tmp_path / "pipe.xlsx")
        content = os.read(reader, 100_000)
    finally:
        os.close(reader)
    assert len(workbook.read_excel(io.BytesIO(content))) == 1
    with pytest.raises(ExportFailed, match="No such file"):
        workbook.to_excel(builders.channels_frame([]), tmp_path / "no" / "fleet.xlsx")
    with pytest.raises(InvalidInput, match=r"Can't read .*none\.xlsx: No such file"):
        workbook.read_excel(tmp_path / "none.xlsx")


def test_missing_sheet_names_those_that_exist() -> None:
    with pytest.raises(InvalidInput, match=r"has no sheet 'Data'. Expected one of: 'data'"):
        workbook.read_excel(written(builders.channels_frame([])), sheet="Data")


def test_csv_reader_names_right_call_for_workbook(tmp_path: Path) -> None:
    workbook.to_excel(builders.channels_frame([info()]), tmp_path / "fleet.xlsx")
    with pytest.raises(DamagedFile, match=r"is a workbook, not a CSV file. Read it with kvs\.read_excel\(\)"):
        files.read_csv(tmp_path / "fleet.xlsx")


# --- sheets of others as text


def test_cells_are_text_with_the_rows_of_the_sheet() -> None:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for cells in ([], ["name", "count", "on", "when", "empty"], [], ["007", 5, True, datetime(2026, 3, 4), ""], ["x"]):  # noqa: DTZ001
        book.active.append(cells)
    book.save(stream)
    expected = pd.DataFrame(
        {
            "name": ["007", "x"],
            "count": ["5", None],
            "on": ["True", None],
            "when": ["2026-03-04T00:00:00.000Z", None],
            "empty": [None, None],
        },
        dtype="str",
        index=pd.Index([4, 5], name="row"),
    )
    pd.testing.assert_frame_equal(workbook.read_cells(stream), expected)


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (["a", "a"], ["1", "2"], "two columns of one name: a, a"),
        (["a"], ["1", "2"], "value in row 2 beside the columns"),
    ],
)
def test_cells_without_a_column_of_their_own_are_refused(header: list[str], row: list[str], message: str) -> None:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for cells in (header, row):
        book.active.append(cells)
    book.save(stream)
    with pytest.raises(DamagedFile, match=message):
        workbook.read_cells(stream)
