"""The text of CSV files: cells that a spreadsheet neither runs nor converts, and files that a spreadsheet has saved."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from kvs_notebook.dataframes.input_limits import check_cells, read_limited, read_limited_text
from kvs_notebook.errors import DamagedFile, InvalidInput

BYTE_ORDER_MARK = "\ufeff"
"""Tells a spreadsheet that a file is UTF-8; without it, Excel on Windows reads Windows-1252."""

SAVE_AS_CSV = 'In the spreadsheet, save it as "CSV UTF-8".'
READ_WORKBOOK = f"Read it with kvs.read_excel(), or {SAVE_AS_CSV[0].lower()}{SAVE_AS_CSV[1:]}"
WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})

_WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DELIMITERS = ",;\t"
"""Spreadsheets write semicolons where the comma is the decimal sign, and tabs as "Unicode text"."""

_MISREAD_MARKS = tuple(BYTE_ORDER_MARK.encode().decode(each) for each in ("cp1252", "cp437", "cp850", "mac-roman"))
"""What a byte order mark becomes in a program that does not expect UTF-8."""

_SIGNS = "=+\\-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
_SPACES = " \u00a0\u3000"
_STARTS_FORMULA = re.compile(rf"[\s\ufeff\u200b]*[{_SIGNS}]|[\t\r\n']")
"""The start of a formula in a spreadsheet, and the apostrophe that is written before one."""

_FORMULA_INSIDE = re.compile(rf"([;\t\r\n])(?=[{_SPACES}]*[{_SIGNS}'])")
"""Where a spreadsheet with another separator would begin a cell with a formula."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/ -]*")
"""Text that is neither a formula nor misread: nearly all cells, for which the other patterns would take too long."""

_GUARD_INSIDE = re.compile(rf"([;\t\r\n])'(?=[{_SPACES}]*[{_SIGNS}'])")
_NEEDS_QUOTES = re.compile(r'[",\r\n]')

_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]+")
MONTHS: Mapping[str, int] = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
    "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12, "fév": 2, "avr": 4, "juin": 6, "juil": 7, "aoû": 8, "déc": 12,
    "ene": 1, "abr": 4, "ago": 8, "dic": 12, "gen": 1, "mag": 5, "giu": 6, "lug": 7, "set": 9, "ott": 10,
    "mrt": 3, "maa": 3, "mei": 5, "fev": 2, "out": 10,
}  # fmt: skip
"""How the names of months begin in the languages of common spreadsheets: "MAR1" becomes the 1st of March."""

_MONTH_NAMES = tuple(MONTHS)

_OF_TIMES = frozenset({"am", "pm", "a", "p", "t", "z", "e", "d"})
"""Other letters in numbers and times: 1E5, 5 pm, 2026-01-05T09:00:00Z."""

BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "wahr", "vrai", "verdadero", "vero", "waar"), True),
    **dict.fromkeys(("false", "falsch", "falso", "faux", "onwaar"), False),  # codespell:ignore
}


# --- cells


def format_record(cells: Sequence[str | None]) -> str:
    """Return one line of CSV; csv.writer does not quote a lone CR if lines end in LF (before Python 3.13)."""
    line = ",".join(map(_format_cell, cells))
    return f"{line}\n" if line else '""\n'  # readers skip blank lines


def guard_cell(cell: str | None, *, convertible: bool = True) -> str | None:
    """Return a cell's text so that a spreadsheet takes it for text; ``convertible`` guards what looks like a number or date."""
    if cell is None:
        return None
    if _PLAIN.fullmatch(cell):
        return f"'{cell}" if convertible and is_convertible(cell) else cell
    guarded = _FORMULA_INSIDE.sub(r"\1'", cell)
    is_text = cell and not _STARTS_FORMULA.match(cell) and not is_misread(cell)
    return guarded if is_text and not (convertible and is_convertible(cell)) else f"'{guarded}"


def guard_text_cell(cell: str) -> str:
    """Return the text of a cell that is marked as text, where a spreadsheet runs and converts nothing, for parse_cell()."""
    guarded = cell if _PLAIN.fullmatch(cell) else _FORMULA_INSIDE.sub(r"\1'", cell)
    return f"'{guarded}" if cell.startswith("'") or not cell.strip() else guarded


def parse_cell(cell: str) -> str | None:
    """Return the text of a cell, without guards; None if it is empty."""
    if "'" not in cell:
        return cell or None
    return _GUARD_INSIDE.sub(r"\1", cell.removeprefix("'"))


def parse_column(cells: Sequence[str]) -> list[str | None]:
    """Return the texts of many cells as parse_cell() does, faster if none has a guard."""
    if "'" in "".join(cells):
        return [parse_cell(cell) for cell in cells]
    return [cell or None for cell in cells]


def is_misread(cell: str) -> bool:
    """Return whether a text is UTF-8 that was read as Windows-1252, such as ``KÃ¶ln``."""
    if cell.isascii():
        return False
    try:
        content = b"".join(bytes([ord(each)]) if ord(each) < 0x100 else each.encode("cp1252") for each in cell)  # noqa: PLR2004
        content.decode("utf-8")
    except UnicodeError:
        return False
    return True


def is_convertible(cell: str) -> bool:
    """Return whether a spreadsheet may read a text as a number, date, time or boolean."""
    text = (cell if cell.isascii() else unicodedata.normalize("NFKC", cell)).strip().casefold()
    if not _DIGIT.search(text):
        return text in BOOLEANS
    return all(word[0] in _OF_TIMES or word[0].startswith(_MONTH_NAMES) for word in _LETTERS.finditer(text))


def _format_cell(cell: str | None) -> str:
    if cell is None:
        return ""
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell


# --- records


def read_records(
    source: str | os.PathLike[str] | IO[str], label: str, is_header: Callable[[list[str]], bool]
) -> dict[int, tuple[str, ...]]:
    """Return the rows of a CSV file by their number, the header first; rows without any value are left out.

    Parameters
    ----------
    source, label
        A file or a text stream, and how messages name it.
    is_header
        Whether the cells of the first row are those of a header, which tells the separator: comma, semicolon or tab.

    Raises
    ------
    DamagedFile
        If it is a workbook, not UTF-8, not CSV, or UTF-8 that was read as another encoding.
    InvalidInput
        If it cannot be read, or is too large.
    """
    text = _read_text(source, label)
    try:
        delimiter = next((each for each in _DELIMITERS if is_header(_first_record(text, each))), _DELIMITERS[0])
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        records = enumerate(map(tuple, reader), start=1)  # tuples of text are left out by the garbage collector
        found = {number: record for number, record in records if record}
    except csv.Error as error:
        raise DamagedFile(f"{label} is not valid CSV: {error}. {SAVE_AS_CSV}") from error
    if not found:
        return {}
    first = min(found)
    width = _width(found)
    check_cells(label, len(found) - 1, width)  # readers add missing cells to short rows
    return {
        number: record if len(record) <= width or any(record[width:]) else record[:width]
        for number, record in found.items()
        if number == first or len(record) == 1 == width or any(record)
    }


def _width(records: Mapping[int, Sequence[str]]) -> int:
    """Return the number of columns, without empty ones at the end, which spreadsheets add."""
    header = next(iter(records.values()))
    return max((at for at, name in enumerate(header, 1) if name), default=len(header))


def _first_record(text: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])


def _read_text(source: str | os.PathLike[str] | IO[str], label: str) -> str:
    try:
        text = (
            _decode(read_limited(source), label)
            if isinstance(source, str | os.PathLike)
            else read_limited_text(source, label)
        )
    except OSError as error:
        raise InvalidInput(f"Can't read {label}: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise DamagedFile(f"{label} is not valid UTF-8 ({error.reason}). {SAVE_AS_CSV}") from error
    text = text.removeprefix(BYTE_ORDER_MARK)
    if text.startswith(_MISREAD_MARKS):
        raise DamagedFile(f"{label} is UTF-8 that another program read in another encoding. {SAVE_AS_CSV}")
    return text


def _decode(content: bytes, label: str) -> str:
    if content.startswith(_WORKBOOK_STARTS):
        raise DamagedFile(f"{label} is a workbook, not a CSV file. {READ_WORKBOOK}")
    return content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8")
