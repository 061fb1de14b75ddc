"""The cells of ``.xlsx`` workbooks: columns written as text, numbers and times, and sheets read as text (extra ``excel``)."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from kvs_notebook.dataframes.csv_text import guard_text_cell, parse_cell
from kvs_notebook.dataframes.input_limits import check_cells
from kvs_notebook.dataframes.workbook_archive import BoundedArchive
from kvs_notebook.errors import DamagedFile, InvalidInput, MissingExtra
from kvs_notebook.formatting import format_value

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_CHARACTERS = 32_767
"""The limits of a sheet of Excel; the characters of a cell are counted in UTF-16 units."""

EXACT_DIGITS = 15
"""The digits of an integer that Excel keeps; a longer one is written as text."""

TEXT_FORMAT = "@"
"""The number format of text: a spreadsheet converts nothing that is typed into the cell."""

OTHER_FORMATS = "Write it with to_parquet() or to_json()."

_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML, and so a workbook, cannot contain."""

_ESCAPES = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NEEDS_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}[_\r])")
"""A text that would be read as the escape of a character."""

EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
"""openpyxl opens an archive by itself; ours takes its place."""

_WIDEST = 60
_LONGEST_SAMPLE = 50

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column to write.

    Attributes
    ----------
    name
        Its header.
    values
        Texts, which are written as text whatever they look like, numbers, and None for an empty cell.
    number_format
        How a spreadsheet displays it.
    """

    name: str
    values: Sequence[Value]
    number_format: str = TEXT_FORMAT


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as it was read.

    Attributes
    ----------
    header
        The names in its first row that is not empty.
    rows
        The cells of each row that has a value, by the number of the row; numbers, times and booleans as text.
    converted
        The rows by column whose cell is a number, a time or a boolean.
    """

    header: list[str]
    rows: dict[int, list[str | None]]
    converted: dict[str, set[int]] = field(default_factory=dict)


# --- writing


def write_workbook(sheets: Mapping[str, Sequence[Column]], stream: IO[bytes]) -> None:
    """Write sheets of columns as a workbook.

    Raises
    ------
    InvalidInput
        If a sheet cannot hold the columns: too many rows, or a text that is too long or has a control character.
    MissingExtra
        If openpyxl is not installed.
    """
    openpyxl = import_openpyxl()
    for title, columns in sheets.items():
        _check_size(title, columns)
    book = openpyxl.Workbook(write_only=True)
    for title, columns in sheets.items():
        _write_sheet(book.create_sheet(title), columns)
    book.save(stream)


def _write_sheet(sheet: Any, columns: Sequence[Column]) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.freeze_panes = "A2"
    cells = []
    for position, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(position)].width = _width_of(column)
        cell = WriteOnlyCell(sheet)
        cell.number_format = column.number_format
        cells.append(cell)
    heading = WriteOnlyCell(sheet)
    heading.font, heading.number_format = Font(bold=True), TEXT_FORMAT
    sheet.append(_fill(heading, column.name, f"the name of column {column.name!r}") for column in columns)
    names = [column.name for column in columns]
    # openpyxl writes a row cell by cell: one styled cell for each column is enough, and ten times faster.
    for number, values in enumerate(zip(*(column.values for column in columns), strict=True), 2):
        sheet.append(
            _fill(cell, value, f"row {number}, column {name!r}")
            for cell, value, name in zip(cells, values, names, strict=True)
        )
    if columns:
        count = len(columns[0].values)
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count + 1}"


def _fill(cell: Any, value: Value, place: str) -> Any:
    """Put a value into a cell: a text stays one, also if it looks like a formula, and a number keeps all its digits."""
    if isinstance(value, str):
        cell.value, cell.data_type = _cell_text(value, place), "s"
    elif isinstance(value, bool):
        cell.value, cell.data_type = value, "b"
    elif value is None:
        cell.value = None
    else:
        cell.value, cell.data_type = repr(value), "n"
    return cell


def _cell_text(text: str, place: str) -> str:
    """Return a text as a workbook has it: guarded, and with escapes; a workbook has no other way to write a CR."""
    refused = _REFUSED.search(text)
    if refused:
        raise InvalidInput(
            f"{place[0].upper()}{place[1:]} has the character {refused[0]!r}, which a workbook cannot contain. {OTHER_FORMATS}"
        )
    written = _NEEDS_ESCAPE.sub("_x005F_", guard_text_cell(text)).replace("\r", "_x000D_")
    length = len(written) if written.isascii() else len(written.encode("utf-16-le")) // 2
    if length > MAX_CHARACTERS:
        raise InvalidInput(
            f"{place[0].upper()}{place[1:]} is too long for a workbook: {length:,} characters (maximum {MAX_CHARACTERS:,}). "
            f"{OTHER_FORMATS}"
        )
    return written


def _check_size(title: str, columns: Sequence[Column]) -> None:
    rows = 1 + max((len(column.values) for column in columns), default=0)
    for count, most, what in ((rows, MAX_ROWS, "rows"), (len(columns), MAX_COLUMNS, "columns")):
        if count > most:
            raise InvalidInput(
                f"Too many {what} for the sheet {title!r}: {count:,} (maximum {most:,} with the header). "
                f"{OTHER_FORMATS.removesuffix('.')}, or write parts of the frame."
            )


def _width_of(column: Column) -> float:
    """Return a column's width in characters, by its header and its first values."""
    texts = [column.name, *(str(value) for value in column.values[:_LONGEST_SAMPLE] if value is not None)]
    formatted = len(column.number_format) if column.number_format not in {TEXT_FORMAT, "General"} else 0
    return min(max(formatted, *map(len, texts)), _WIDEST) + 2


# --- reading


def read_sheet(source: Any, label: str, title: str | None) -> Sheet:
    """Return the cells of a sheet of a workbook, of the first one if title is None.

    Raises
    ------
    DamagedFile
        If it is not a workbook, or a cell has a formula or an error such as ``#N/A``.
    InvalidInput
        If it has no sheet of this title, or cannot be read.
    MissingExtra
        If openpyxl is not installed.
    """
    import_openpyxl()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="openpyxl")  # of styles and extensions, which are not read here
        try:
            book = _open_workbook(source, label)
            try:
                return _read_cells(_choose_sheet(book, label, title), label)
            finally:
                book.close()
        except (InvalidInput, MissingExtra):
            raise
        except OSError as error:
            if error.strerror is None:  # openpyxl's own, of a file that it does not know
                raise _not_a_workbook(label) from error
            raise InvalidInput(f"Can't read {label}: {error.strerror}. Check the path.") from error
        except Exception as error:  # zipfile, XML and openpyxl raise anything for a file that is not a workbook
            if isinstance(error.__cause__, InvalidInput):  # openpyxl raises a ValueError from any other
                raise error.__cause__ from None
            raise _not_a_workbook(label) from error


def _not_a_workbook(label: str) -> DamagedFile:
    return DamagedFile(
        f"{label} is not a workbook that can be read. Read a CSV file with kvs.read_csv(), or save it in the spreadsheet as an "
        "Excel workbook (.xlsx) without a password."
    )


def _open_workbook(source: Any, label: str) -> Workbook:
    from openpyxl.cell.text import Text
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
    from openpyxl.xml.functions import iterparse

    class Reader(ExcelReader):
        """Read shared strings unchanged: openpyxl removes ``x005F_`` from them, also within a text of the user."""

        archive: BoundedArchive

        def __init__(self, archive: BoundedArchive) -> None:
            super().__init__(io.BytesIO(EMPTY_ZIP), read_only=True, keep_links=False)
            self.archive = archive
            self.valid_files = archive.namelist()

        def read_strings(self) -> None:
            part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
            if part is None:
                return
            with self.archive.open(part.PartName[1:]) as content:
                for _, node in iterparse(content):
                    if node.tag == f"{{{SHEET_MAIN_NS}}}si":
                        text = Text.from_tree(node)
                        self.shared_strings.append(text.content if text else "")
                        node.clear()

    reader = Reader(BoundedArchive(source, label))
    reader.read()
    return reader.wb


def _choose_sheet(book: Workbook, label: str, title: str | None) -> Any:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if not sheets:
        raise DamagedFile(f"{label} has no sheet with cells. Open it in a spreadsheet and add one.")
    if title is None:
        return next(iter(sheets.values()))
    if title not in sheets:
        raise InvalidInput(
            f"{label} has no sheet {format_value(title)}. Expected one of: {', '.join(map(repr, sheets))}."
        )
    return sheets[title]


def _read_cells(sheet: Any, label: str) -> Sheet:
    sheet.reset_dimensions()  # the size that the file states may be wrong
    header: list[str] = []
    rows: dict[int, list[str | None]] = {}
    converted: dict[str, set[int]] = {}
    refused: list[str] = []
    beside = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if number > MAX_ROWS:
            raise InvalidInput(f"{label} has a row {number:,} (maximum {MAX_ROWS:,}). Remove it in a spreadsheet.")
        texts = [_text_of(cell, refused) for cell in cells]
        while texts and texts[-1] is None:
            texts.pop()
        if not texts:
            continue
        if not header:
            header = [text or "" for text in texts]
            continue
        rows[number] = texts + [None] * (len(header) - len(texts))
        beside += max(len(texts) - len(header), 0)
        check_cells(label, len(rows), len(header) + beside // len(rows))
        for name, cell in zip(header, cells, strict=False):
            if cell.value is not None and cell.data_type != "s":
                converted.setdefault(name, set()).add(number)
    if refused:
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""  # noqa: PLR2004
        raise DamagedFile(
            f"{label} has formulas or errors, whose values are not read: {', '.join(refused[:5])}{more}. "
            "In the spreadsheet, copy these cells and paste them as values only."
        )
    return Sheet(header, rows, converted)


def _text_of(cell: Any, refused: list[str]) -> str | None:
    """Return a cell's value as text, None if it is empty; add a formula or an error to ``refused``."""
    value = cell.value
    if value is None:
        return None
    match cell.data_type:
        case "s":
            return parse_cell(_ESCAPES.sub(lambda found: chr(int(found[1], 16)), value))
        case "n" if isinstance(value, float) and value.is_integer():
            return str(int(value))
        case "d" if isinstance(value, datetime):
            return f"{value.isoformat(timespec='milliseconds')}Z"
        case "f" | "e":
            refused.append(f"{cell.coordinate} ({str(getattr(value, 'text', value))[:40]})")
            return ""
    return str(value)


def import_openpyxl() -> Any:
    """Import openpyxl; raise MissingExtra if it is not installed."""
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtra(
            f"Workbooks require an optional dependency ({error}). Run: pip install 'kvs-notebook[excel]'"
        ) from error
    return openpyxl
