"""The memory that a reader takes is bounded, however small or large the file is that it is given."""

from __future__ import annotations

import io
import json
import os
import re
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
from kvs_notebook.dataframes import input_limits
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

MOST_MB = 220
"""What a file of less than 1 MB may take: 64 MiB that it may expand to, and what is kept of it."""

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
def bounded_memory() -> Callable[[], AbstractContextManager[None]]:
    """Check that a block adds at most MOST_MB to the memory of this process at any moment."""
    from contextlib import contextmanager

    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux, which tells the highest memory of a process")

    def memory(name: str) -> int:
        status = Path("/proc/self/status").read_text()
        return int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) // 1024

    @contextmanager
    def check() -> Iterator[None]:
        Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        yield
        assert memory("VmHWM") - before < MOST_MB

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


def unchanged(content: bytes) -> Iterator[bytes]:
    yield content


def workbook(**parts: Callable[[bytes], Iterator[bytes]]) -> bytes:
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
                for chunk in part(source.read(info)):
                    stream.write(chunk)
        assert parts.keys() <= {Path(name).stem for name in target.namelist()}
    return changed.getvalue()


def repeated(text: str, times: int, *, before: str) -> Callable[[bytes], Iterator[bytes]]:
    """Return how a part is written with a text inserted many times before the first occurrence of another."""

    def write(content: bytes) -> Iterator[bytes]:
        start, found, end = content.partition(before.encode())
        assert found
        block = min(times, max(1, 1_000_000 // len(text)))
        yield start
        for _ in range(times // block):
            yield (text * block).encode()
        yield found + end

    return write


def cells(attributes: str = "", text: str = "a") -> str:
    return f'<row><c{attributes} t="inlineStr"><is><t>{text}</t></is></c></row>'


SHARED = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHARED_STRINGS}"/>'
ENTITIES = "".join(f'<!ENTITY a{at + 1} "{f"&a{at};" * 10}">' for at in range(8))
WORKBOOKS: dict[str, dict[str, Callable[[bytes], Iterator[bytes]]]] = {
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
        "[Content_Types]": repeated('<Default Extension="a" ContentType="b"/>', 500_000, before="</Types>")
    },
    "entities": {"sheet1": repeated(f"<!DOCTYPE worksheet [{ENTITIES}]>", 1, before="<worksheet")},
}


@pytest.mark.draw(6)
@pytest.mark.parametrize("bomb", WORKBOOKS)
@pytest.mark.parametrize("reader", ["read_excel", "sheet of a plan (workbook)"])
def test_workbook_does_not_expand_without_bound(tmp_path: Path, reader: str, bomb: str, bounded_memory: Any) -> None:
    read, name = READERS[reader]
    path = tmp_path / name
    path.write_bytes(workbook(**WORKBOOKS[bomb]))
    assert path.stat().st_size < 1_000_000
    with bounded_memory(), pytest.raises(KVSError) as caught:
        read(path)
    assert re.search(r"\(maximum [\d,]+.*\)\. \w|is not a workbook that can be read", str(caught.value)), caught.value


def test_workbook_that_states_a_wrong_size_is_refused(tmp_path: Path, bounded_memory: Any) -> None:
    path = tmp_path / "a.xlsx"
    content = bytearray(workbook(**WORKBOOKS["rows of text"]))
    entry = content.rfind(b"xl/worksheets/sheet1.xml") - 46
    assert content[entry : entry + 4] == b"PK\x01\x02"
    content[entry + 24 : entry + 28] = (1_000).to_bytes(4, "little")
    path.write_bytes(content)
    with bounded_memory(), pytest.raises(DamagedFile, match="is not a workbook that can be read"):
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


def test_long_header_does_not_widen_the_rows_of_a_workbook(tmp_path: Path, bounded_memory: Any) -> None:
    path = tmp_path / "a.xlsx"
    header = "".join(f'<c t="inlineStr"><is><t>{at}</t></is></c>' for at in range(16_000))
    rows = repeated('<row><c t="inlineStr"><is><t>a</t></is></c></row>', 90_000, before="</sheetData>")
    path.write_bytes(workbook(sheet1=lambda content: rows(content.replace(b"</row>", f"{header}</row>".encode(), 1))))
    with bounded_memory(), pytest.raises(InvalidInput, match=r"has too many cells: .* \(maximum 16,000,000\)"):
        read_sheet(path)


PARQUETS: dict[str, Callable[[], pa.Table]] = {
    "many rows of one text": lambda: pa.table({"channel_name": pa.repeat("a", 20_000_000)}),
    "many rows of one number": lambda: pa.table({"message_ttl_seconds": pa.repeat(60, 40_000_000)}),
    "rows of one long text": lambda: pa.table({"channel_name": pa.repeat("a" * 1_000_000, 1_000)}),
    "a text that is longer when it is unpacked": lambda: pa.table({"channel_name": ["a" * 200_000_000]}),
    "a long list": lambda: pa.table({"channel_name": pa.array([[1] * 100]).take(pa.repeat(0, 400_000))}),
}


@pytest.mark.draw(2)
@pytest.mark.parametrize("bomb", PARQUETS)
def test_parquet_does_not_expand_without_bound(tmp_path: Path, bomb: str, bounded_memory: Any) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(PARQUETS[bomb](), path, compression="zstd", compression_level=9)
    pa.default_memory_pool().release_unused()
    assert path.stat().st_size < 1_000_000
    with bounded_memory(), pytest.raises(InvalidInput, match=r"\(maximum [\d,]+\)\. \w"):
        read_channels(path, "channels")


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
        file.writelines(json.dumps(event) + "\n" for _ in range(4_000))
    with bounded_memory():
        digest, records = read_journal(tmp_path / "journal.jsonl")
    assert (digest, list(records)) == (None, [1])
