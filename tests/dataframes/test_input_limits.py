"""The memory of a reader is bounded, whatever the size of the file."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

import kvs_notebook as kvs
from kvs_notebook.dataframes import input_limits, workbook_archive, workbook_cells
from kvs_notebook.errors import DamagedFile, InvalidInput, KVSError
from kvs_notebook.fleet.accounts import accounts_to_read
from kvs_notebook.fleet.snapshot_files import COVERAGE_FILE, read_coverage_file
from kvs_notebook.plans.plan_folder import PlanFolder
from kvs_notebook.plans.sheet_table import SheetTable, read_channels
from kvs_notebook.plans.step_records import read_journal
from kvs_notebook.secret_scan.scanner import find_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Reader = Callable[[Path], Any]
    Part = Callable[[bytes, int], Iterator[bytes]]
    """Yields the new content of a part, given the old one and the share of the limits."""

MOST_MB = 220
"""What a file of less than 1 MB may take: 64 MiB that it may expand to, and what is kept of it."""

SHARE = 8
"""Most files here exceed an eighth of the limits, and may take an eighth of the memory: they cost an eighth of the time."""

LIMITS = (
    (input_limits, "MAX_CELLS"),
    (input_limits, "FREE_EXPANSION"),
    (workbook_archive, "MAX_PART_BYTES"),
    (workbook_archive, "MAX_PART_MARKUP"),
    (workbook_archive, "MAX_ITEMS"),
    (workbook_cells, "MAX_ROWS"),
)

TERABYTE = 2**40


def read_sheet(path: Path) -> Any:
    return SheetTable(path, "the sheet", "channel_name")


READERS: dict[str, tuple[Reader, str]] = {
    "read_csv": (kvs.read_csv, "a.csv"),
    "read_excel": (kvs.read_excel, "a.xlsx"),
    "sheet of a plan (CSV)": (read_sheet, "a.csv"),
    "sheet of a plan (workbook)": (read_sheet, "a.xlsx"),
    "channels of a plan (CSV)": (lambda path: read_channels(path, "channels"), "a.csv"),
    "channels of a plan (workbook)": (lambda path: read_channels(path, "channels"), "a.xlsx"),
    "channels of a plan (Parquet)": (lambda path: read_channels(path, "channels"), "a.parquet"),
    "accounts (CSV)": (lambda path: accounts_to_read(None, None, None, path), "a.csv"),
    "accounts (workbook)": (lambda path: accounts_to_read(None, None, None, path), "a.xlsx"),
    "read_terraform": (kvs.plans.read_terraform, "a.json"),
    "read_cloudformation": (kvs.plans.read_cloudformation, "a.json"),
    "steps of a plan": (lambda path: PlanFolder(path.parent).read(), "plan.csv"),
    "description of a plan": (lambda path: PlanFolder(path.parent).read(), "meta.json"),
    "journal": (read_journal, "journal.jsonl"),
    "scan of a notebook": (find_secrets, "a.ipynb"),
    "scan of a script": (find_secrets, "a.py"),
    "scan of a page": (find_secrets, "a.html"),
}


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> int:
    """Divide the limits by SHARE, and return it."""
    for module, name in LIMITS:
        monkeypatch.setattr(module, name, getattr(module, name) // SHARE)
    return SHARE


@pytest.fixture
def bounded_memory() -> Callable[..., AbstractContextManager[None]]:
    """Check that a block adds at most a share of MOST_MB to the memory of this process at any moment."""
    from contextlib import contextmanager

    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux, which tells the highest memory of a process")

    def memory(name: str) -> int:
        status = Path("/proc/self/status").read_text()
        return int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) // 1024

    @contextmanager
    def check(share: int = 1) -> Iterator[None]:
        Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        yield
        assert memory("VmHWM") - before < MOST_MB / share

    return check


def create_terabyte(path: Path) -> None:
    """Create a file without content that states a size, which takes no place on the disk."""
    path.touch()
    os.truncate(path, TERABYTE)


# --- large files


@pytest.mark.parametrize("reader", READERS)
def test_file_of_a_terabyte_is_refused_unread(tmp_path: Path, reader: str, bounded_memory: Any) -> None:
    read, name = READERS[reader]
    if reader == "steps of a plan":
        PlanFolder(tmp_path).save("", {"source": "a", "notes": [], "account_names": {}})
    create_terabyte(tmp_path / name)
    with (
        bounded_memory(),
        pytest.raises(KVSError, match=r"is too large: 1,099,511,627,776 bytes \(maximum [\d,]+\)\. \w"),
    ):
        read(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="a device without an end")
def test_endless_device_is_read_up_to_the_limit() -> None:
    with pytest.raises(
        InvalidInput, match=r"^/dev/zero is too large: over 1,000 bytes\. Split it into smaller files\.$"
    ):
        input_limits.read_limited("/dev/zero", 1_000)


def test_endless_text_stream_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_limits.read_limited_text, "__defaults__", (1_000,))
    with pytest.raises(InvalidInput, match=r"^The CSV is too large: over 1,000 bytes"):
        kvs.read_csv(io.StringIO("channel_name\n" + "a\n" * 1_000))


@pytest.mark.parametrize(
    "reader", ["read_terraform", "read_cloudformation", "description of a plan", "journal", "scan of a notebook"]
)
def test_deep_json_is_damaged(tmp_path: Path, reader: str) -> None:
    read, name = READERS[reader]
    path = tmp_path / name
    path.write_bytes(b"[" * 200_000 + b"]" * 200_000 + b"\n")
    with pytest.raises(DamagedFile, match=re.escape(str(path))):
        read(path)


# --- small files


def unchanged(content: bytes, share: int) -> Iterator[bytes]:
    yield content


def workbook(share: int = 1, /, **parts: Part) -> bytes:
    """Return a workbook whose parts have other content, named without their folder."""
    book, plain, changed = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    sheet: Any = book.active
    sheet.append(["channel_name", "account_id", "profile"])
    sheet.append(["front", "111122223333", "a"])
    book.save(plain)
    with zipfile.ZipFile(plain, "a") as target:  # openpyxl writes texts into their cells
        target.writestr("xl/sharedStrings.xml", f'<sst xmlns="{SHEET_MAIN_NS}"></sst>')
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for info in source.infolist():
            part = parts.get(Path(info.filename).stem, unchanged)
            with target.open(info.filename, "w", force_zip64=True) as stream:
                for chunk in part(source.read(info), share):
                    stream.write(chunk)
        assert parts.keys() <= {Path(name).stem for name in target.namelist()}
    return changed.getvalue()


def repeated(text: str, times: int, *, before: str) -> Part:
    """Return how a part is written with a text inserted many times before the first occurrence of another."""

    def write(content: bytes, share: int) -> Iterator[bytes]:
        start, found, end = content.partition(before.encode())
        assert found
        here = max(1, times // share)
        block = min(here, max(1, 1_000_000 // len(text)))
        yield start
        for _ in range(here // block):
            yield (text * block).encode()
        yield found + end

    return write


def cells(attributes: str = "", text: str = "a") -> str:
    return f'<row><c{attributes} t="inlineStr"><is><t>{text}</t></is></c></row>'


SHARED = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHARED_STRINGS}"/>'
ENTITIES = "".join(f'<!ENTITY a{at + 1} "{f"&a{at};" * 10}">' for at in range(8))
WORKBOOKS: dict[str, dict[str, Part]] = {
    "rows of text": {"sheet1": repeated(cells(text="a" * 900), 90_000, before="</sheetData>")},
    "rows that end in the last column": {"sheet1": repeated(cells(' r="XFD9"'), 90_000, before="</sheetData>")},
    "one row without an end": {"sheet1": repeated("<c/>", 2_000_000, before="</row>")},
    "elements beside the rows": {"sheet1": repeated("<a/>", 2_000_000, before="<sheetData>")},
    "number of a row": {"sheet1": repeated('<row r="1000000000000"><c><v>1</v></c></row>', 1, before="</sheetData>")},
    "shared strings": {
        "[Content_Types]": repeated(SHARED, 1, before="</Types>"),
        "sharedStrings": repeated(f"<si><t>{'a' * 900}</t></si>", 90_000, before="</sst>"),
    },
    "one shared string": {
        "[Content_Types]": repeated(SHARED, 1, before="</Types>"),
        "sharedStrings": repeated("<r><t>a</t></r>", 2_000_000, before="</sst>"),
    },
    "styles": {"styles": repeated("<a/>", 2_000_000, before="</styleSheet>")},
    "content types": {
        "[Content_Types]": repeated('<Default Extension="a" ContentType="b"/>', 600_000, before="</Types>")
    },
    "entities": {"sheet1": repeated(f"<!DOCTYPE worksheet [{ENTITIES}]>", 1, before="<worksheet")},
}


@pytest.mark.draw(1, of_each=("bomb",))
@pytest.mark.parametrize("reader", ["read_excel", "sheet of a plan (workbook)"])
@pytest.mark.parametrize("bomb", WORKBOOKS)
def test_workbook_does_not_expand_without_bound(
    tmp_path: Path, reader: str, bomb: str, share: int, bounded_memory: Any
) -> None:
    check_workbook(tmp_path, reader, bomb, share, bounded_memory)


@pytest.mark.draw(1)
@pytest.mark.parametrize("bomb", WORKBOOKS)
def test_limits_of_workbooks_bound_the_memory(tmp_path: Path, bomb: str, bounded_memory: Any) -> None:
    check_workbook(tmp_path, "read_excel", bomb, 1, bounded_memory)


def check_workbook(tmp_path: Path, reader: str, bomb: str, share: int, bounded_memory: Any) -> None:
    read, name = READERS[reader]
    path = tmp_path / name
    path.write_bytes(workbook(share, **WORKBOOKS[bomb]))
    assert path.stat().st_size < 1_000_000 / share
    with bounded_memory(share), pytest.raises(KVSError) as caught:
        read(path)
    assert re.search(r"\(maximum [\d,]+.*\)\. \w|is not a workbook that can be read", str(caught.value)), caught.value


def test_workbook_that_states_a_wrong_size_is_refused(tmp_path: Path, share: int, bounded_memory: Any) -> None:
    path = tmp_path / "a.xlsx"
    content = bytearray(workbook(share, **WORKBOOKS["rows of text"]))
    entry = content.rfind(b"xl/worksheets/sheet1.xml") - 46
    assert content[entry : entry + 4] == b"PK\x01\x02"
    content[entry + 24 : entry + 28] = (1_000).to_bytes(4, "little")
    path.write_bytes(content)
    with bounded_memory(share), pytest.raises(DamagedFile, match="is not a workbook that can be read"):
        kvs.read_excel(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_workbook_of_another_compression_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(io.BytesIO(workbook())) as source, zipfile.ZipFile(path, "w", method) as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
    with pytest.raises(DamagedFile, match="is not a workbook that can be read"):
        kvs.read_excel(path)


@pytest.mark.parametrize("reader", ["read_csv", "sheet of a plan (CSV)", "channels of a plan (CSV)", "accounts (CSV)"])
def test_long_header_does_not_widen_every_row(tmp_path: Path, reader: str, bounded_memory: Any) -> None:
    read, name = READERS[reader]
    path = tmp_path / name
    columns = ",".join(f"c{at}" for at in range(50_000))
    path.write_text(f"channel_name,account_id,profile,{columns}\n" + "a\n" * 50_000)
    with (
        bounded_memory(),
        pytest.raises(KVSError, match=r"has too many cells: 50,000 rows of 50,003 columns are 2,500,150,000 \(maximum"),
    ):
        read(path)


def test_long_header_does_not_widen_the_rows_of_a_workbook(tmp_path: Path, share: int, bounded_memory: Any) -> None:
    path = tmp_path / "a.xlsx"
    header = "".join(f'<c t="inlineStr"><is><t>{at}</t></is></c>' for at in range(9_000))
    rows = repeated('<row><c t="inlineStr"><is><t>a</t></is></c></row>', 90_000, before="</sheetData>")

    def sheet(content: bytes, share: int) -> Iterator[bytes]:
        return rows(content.replace(b"</row>", f"{header}</row>".encode(), 1), share)

    path.write_bytes(workbook(share, sheet1=sheet))
    with bounded_memory(share), pytest.raises(InvalidInput, match=r"has too many cells: .* \(maximum 2,000,000\)"):
        read_sheet(path)


def repeat(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    """Return many rows of one value, which is kept once."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), rows), pa.array([value], kind))


PARQUETS: dict[str, Callable[[int], pa.Table]] = {
    "many rows of one text": lambda share: pa.table({"channel_name": repeat("a", pa.string(), 20_000_000 // share)}),
    "many rows of one number": lambda share: pa.table({"message_ttl_seconds": pa.repeat(60, 40_000_000 // share)}),
    "rows of one long text": lambda share: pa.table(
        {"channel_name": repeat("a" * 1_000_000, pa.string(), 1_000 // share)}
    ),
    "a text that is longer when it is unpacked": lambda share: pa.table(
        {"channel_name": ["a" * (200_000_000 // share)]}
    ),
}


@pytest.mark.parametrize("bomb", PARQUETS)
def test_parquet_does_not_expand_without_bound(tmp_path: Path, bomb: str, share: int, bounded_memory: Any) -> None:
    check_parquet(tmp_path, bomb, share, bounded_memory)


@pytest.mark.draw(1)
@pytest.mark.parametrize("bomb", PARQUETS)
def test_limits_of_parquet_bound_the_memory(tmp_path: Path, bomb: str, bounded_memory: Any) -> None:
    check_parquet(tmp_path, bomb, 1, bounded_memory)


def check_parquet(tmp_path: Path, bomb: str, share: int, bounded_memory: Any) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(PARQUETS[bomb](share), path, compression="zstd", store_schema=False)
    pa.default_memory_pool().release_unused()
    assert path.stat().st_size < 1_000_000 / share
    with bounded_memory(share), pytest.raises(InvalidInput, match=r"\(maximum [\d,]+\)\. \w"):
        read_channels(path, "channels")


FLIPS = """
import sys, pathlib, pyarrow
from kvs_notebook.dataframes.input_limits import parquet_table
content = pathlib.Path(sys.argv[1]).read_bytes()
schema = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
damaged = 0
for place in range(schema, schema + 200):
    changed = bytearray(content)
    changed[place] ^= 1
    try:
        parquet_table(pyarrow.py_buffer(bytes(changed)), "a.parquet")
    except (OSError, ValueError, pyarrow.ArrowException):
        damaged += 1
print(damaged)
"""


def test_damaged_parquet_schema_does_not_end_the_process(connection: kvs.Connection, tmp_path: Path) -> None:
    kvs.create_channel("front-door", connection=connection)
    kvs.to_parquet(kvs.list_channels(connection=connection), tmp_path / "a.parquet")
    ended = subprocess.run(
        [sys.executable, "-c", FLIPS, tmp_path / "a.parquet"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 0


@pytest.mark.parametrize("cell", [[1, 2], [[1], [2]], [{"a": [1]}]])
def test_parquet_with_lists_is_refused(tmp_path: Path, cell: Any) -> None:
    pq.write_table(pa.table({"channel_name": ["front-door"], "sizes": [cell]}), tmp_path / "a.parquet")
    with pytest.raises(
        InvalidInput, match=r"Column 'sizes.*' of .*a\.parquet has lists\. Expected one value in each cell"
    ):
        read_channels(tmp_path / "a.parquet", "channels")


def test_parquet_is_read_as_pandas_reads_it(connection: kvs.Connection, tmp_path: Path) -> None:
    import pandas as pd

    for name in ("a", "b"):
        kvs.create_channel(name, tags={"Site": "hq"}, connection=connection)
    frame = kvs.list_channels(tags=True, connection=connection)
    for part in (frame, frame.iloc[:0]):
        kvs.to_parquet(part, tmp_path / "a.parquet")
        found: Any = read_channels(tmp_path / "a.parquet", "channels")[0]
        pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "a.parquet"))


def test_coverage_of_a_terabyte_is_damage_of_its_day(tmp_path: Path, bounded_memory: Any) -> None:
    create_terabyte(tmp_path / COVERAGE_FILE)
    create_terabyte(tmp_path / "111122223333_us-east-1.parquet")
    with bounded_memory():
        coverage = read_coverage_file(tmp_path)
    assert coverage["status"].tolist() == ["error"]
    assert "is too large: 1,099,511,627,776 bytes" in coverage["message"][0]


def test_journal_is_read_line_by_line(tmp_path: Path, bounded_memory: Any) -> None:
    event = {"at": "2026-01-05T09:00:00+00:00", "event": "started", "steps": [1], "seen": {"tags": {"a": "b" * 90_000}}}
    with (tmp_path / "journal.jsonl").open("w") as file:
        file.writelines([json.dumps(event) + "\n"] * 600)
    with bounded_memory(SHARE):
        digest, records = read_journal(tmp_path / "journal.jsonl")
    assert (digest, list(records)) == (None, [1])
