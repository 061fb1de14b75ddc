"""What a spreadsheet does to a CSV file is healed or refused: read_csv() never returns other values."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvs_notebook.dataframes import builders, files
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput
from tests.dataframes.test_files import info, infos, tag_texts, with_column

if TYPE_CHECKING:
    from pathlib import Path

BOM = "\ufeff"
RISKY = [
    "3-4", "MAR1", "06-8108", "1-2-3", "true", "FALSE", "1E5", "007", "1.50", "12345678901234567", "2026-01-05", "9:30", "5 pm",
    "1/2", "50%", "Jan 5", "5 March 2026", "=1+1", "x;=1", "wahr", " 7", "\N{FULLWIDTH DIGIT SEVEN}", "KÃ¶ln", "-", "1,5", "'1",
]  # fmt: skip
risky = st.sampled_from(RISKY)


# --- a spreadsheet


DATES = (
    r"\d{1,4}[-/]\d{1,4}([-/]\d{1,4})?",
    r"(?=.*\d)(\d+ )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -]?\d*( \d+)?",
    r"\d+:\d\d(:\d\d)?",
    r"\d+ ?[ap]m",
)


def as_excel(cell: str) -> str:
    """Return how Excel saves a cell that it has read from a CSV file."""
    text = unicodedata.normalize("NFKC", cell).strip()
    number = _number(text.removesuffix("%"))
    if number is not None:
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e11 else f"{number:.6G}"
    if re.fullmatch(r"[=+\-@].+", text):
        return "#NAME?"
    if any(re.fullmatch(each, text, re.IGNORECASE) for each in DATES):
        return "4-Mar"
    return text.upper() if text.upper() in {"TRUE", "FALSE", "WAHR"} else cell


def as_libreoffice(cell: str) -> str:
    """Return how LibreOffice saves a cell with its default settings: only numbers are converted."""
    number = _number(cell)
    if number is None:
        return cell
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:g}"


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE | re.ASCII) else None


def saved(
    content: bytes,
    convert: Any = lambda cell: cell,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
    blank: int = 0,
) -> bytes:
    """Return a CSV file as a spreadsheet saves it, with rows below and columns beside that were emptied."""
    text = content.decode("utf-8-sig") if content.startswith(BOM.encode()) else content.decode("cp1252", "replace")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    out = io.StringIO(newline="")
    width = len(rows[0]) + (blank > 1)
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([convert(cell) for cell in row] + [""] * (width - len(row)) for row in rows)
    writer.writerows([[""] * width] * blank)
    return out.getvalue().encode(encoding)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Return a wide channels frame, or a long tags frame, with values that spreadsheets are known to change."""
    names = st.one_of(
        st.sampled_from([each for each in RISKY if re.fullmatch(r"[\w.-]+", each, re.ASCII)]), st.just("gate")
    )
    rows = [each | info(draw(names)) for each in draw(st.lists(infos, min_size=1, max_size=3))]
    texts = st.one_of(risky, tag_texts)
    if draw(st.booleans()):
        return builders.tags_frame({row["ChannelARN"]: {draw(risky): draw(texts)} for row in rows})
    frame = builders.channels_frame(list({row["ChannelARN"]: row for row in rows}.values()))
    for key in draw(st.lists(texts.filter(bool), unique=True, max_size=2)):
        values = draw(st.lists(st.one_of(st.none(), texts), min_size=len(frame), max_size=len(frame)))
        frame = with_column(frame, f"tag:{key}", values)
    return frame


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "fleet.csv"


def check_same_or_refused(path: Path, content: bytes, frame: pd.DataFrame) -> bool:
    """Return whether read_csv() returns the frame; fail if it returns other values."""
    path.write_bytes(content)
    try:
        found = files.read_csv(path)
    except (DamagedFile, InvalidInput):
        return False
    pd.testing.assert_frame_equal(found, frame)
    return True


@settings(max_examples=30)
@given(
    frames(),
    st.sampled_from([as_excel, as_libreoffice, str]),
    st.sampled_from(",;\t"),
    st.sampled_from(["utf-8-sig", "utf-8", "utf-16"]),
    st.integers(0, 2),
)
def test_saved_file_reads_back_same_or_is_refused(
    path: Path, frame: pd.DataFrame, convert: Any, delimiter: str, encoding: str, blank: int
) -> None:
    files.to_csv(frame, path)
    content = saved(path.read_bytes(), convert, delimiter=delimiter, encoding=encoding, blank=blank)
    check_same_or_refused(path, content, frame)


@settings(max_examples=20)
@given(
    st.lists(st.tuples(risky, st.one_of(risky, tag_texts)), min_size=1, max_size=4),
    st.sampled_from([as_libreoffice, str]),
    st.sampled_from(",;\t"),
)
def test_text_of_tags_survives_spreadsheet(
    path: Path, tags: list[tuple[str, str]], convert: Any, delimiter: str
) -> None:
    frame = builders.tags_frame({info("gate")["ChannelARN"]: dict(tags)})
    files.to_csv(frame, path)
    assert check_same_or_refused(path, saved(path.read_bytes(), convert, delimiter=delimiter, blank=1), frame)


@settings(max_examples=20)
@given(frames(), st.sampled_from(["cp1252", "cp437", "cp850", "mac-roman"]))
@example(with_column(builders.channels_frame([info()]), "tag:Ort", ["Köln"]), "cp1252")
def test_file_read_in_other_encoding_is_refused(path: Path, frame: pd.DataFrame, encoding: str) -> None:
    files.to_csv(frame, path)
    content = path.read_bytes()
    if content.isascii():
        assert check_same_or_refused(path, content.decode(encoding).encode("utf-8-sig"), frame)
    else:
        assert content.startswith(BOM.encode())
        assert not check_same_or_refused(path, content.decode(encoding, "replace").encode("utf-8-sig"), frame)


def test_stream_read_in_other_encoding_is_refused(path: Path) -> None:
    frame = with_column(builders.channels_frame([info()]), "tag:Ort", ["Köln"])
    with path.open("w", encoding="utf-8", newline="") as stream:
        files.to_csv(frame, stream)
    assert not check_same_or_refused(path, saved(path.read_bytes()), frame)


@pytest.mark.parametrize("saved_as", ["4-Mar", "2026-03-04", "TRUE", "43894", "1.00E+05"])
@pytest.mark.parametrize("name", ["3-4", "MAR1", "true", "1E5"])
def test_name_that_differs_from_arn_is_refused(path: Path, name: str, saved_as: str) -> None:
    files.to_csv(builders.channels_frame([info(name)]), path)
    path.write_text(path.read_text().replace(f"\n{name},", f"\n{saved_as},"))
    with pytest.raises(DamagedFile, match=re.escape(f"channel_name in row 2 ({saved_as!r}, but ")):
        files.read_csv(path)


@pytest.mark.parametrize("delimiter", [", ", " ,", "; ", " ; "])
def test_spaces_around_separators_are_refused(path: Path, delimiter: str) -> None:
    frame = with_column(builders.channels_frame([info()]), "tag:Site", ["hq"])
    files.to_csv(frame, path)
    assert not check_same_or_refused(path, path.read_text().replace(",", delimiter).encode(), frame)


@pytest.mark.parametrize("ending", [",,,,,,,,\n", ",\n", "\n\n", ",,,,,,,,,,,\n", "\r\n"])
def test_emptied_rows_are_left_out(path: Path, ending: str) -> None:
    frame = builders.channels_frame([info("a"), info("b")])
    files.to_csv(frame, path)
    assert check_same_or_refused(path, path.read_bytes() + ending.encode() * 2, frame)


def test_file_has_byte_order_mark_if_text_is_not_ascii(path: Path) -> None:
    frame = with_column(builders.channels_frame([info()]), "tag:Site", ["hq"])
    files.to_csv(frame, path)
    assert path.read_bytes().startswith(b"channel_name")
    files.to_csv(with_column(frame, "tag:Ort", ["Köln"]), path)
    assert path.read_bytes().startswith(BOM.encode() + b"channel_name")
    assert path.read_bytes().count(BOM.encode()) == 1


@pytest.mark.parametrize("suffix", [".xlsx", ".XLSX", ".xls", ".ods", ".xlsm"])
@pytest.mark.parametrize("write", [files.to_csv, files.to_json, files.to_parquet])
def test_name_of_workbook_is_refused_and_nothing_written(tmp_path: Path, write: Any, suffix: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"is the name of a workbook. Write a \.xlsx file with to_excel\(\).*to_csv\(\)"
    ) as caught:
        write(builders.channels_frame([info()]), tmp_path / f"fleet{suffix}")
    assert not isinstance(caught.value, ExportFailed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("start", [b"PK\x03\x04\x14", b"\xd0\xcf\x11\xe0\xa1"])
def test_workbook_is_refused_with_what_to_do(path: Path, start: bytes) -> None:
    path.write_bytes(start + bytes(100))
    with pytest.raises(DamagedFile, match="is a workbook, not a CSV file. Read it with"):
        files.read_csv(path)
