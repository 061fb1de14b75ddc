"""The zip archive of an ``.xlsx`` workbook, read within bounds: openpyxl keeps what it parses, however much that is."""

from __future__ import annotations

import io
import re
import zipfile
from typing import IO, TYPE_CHECKING, Any

from kvs_notebook.dataframes.input_limits import MEBIBYTE, check_expansion, check_size
from kvs_notebook.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_PART_BYTES = 16 * MEBIBYTE
MAX_PART_MARKUP = 500_000
"""For what the parser keeps at once: a row of a sheet, a shared string, or a whole part of another kind. A row of 16,384 cells
has 200,000 tags."""

MAX_ITEMS = 4_000_000
"""For the rows of a sheet or the shared strings, of which the parser keeps empty elements."""

_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What workbooks use; zipfile bounds no other compression."""

_ITEM_END = re.compile(rb"</(?:\w+:)?(?:row|si)\s*>|<(?:\w+:)?row\b[^<>]{0,200}/>")
_NO_ELEMENT = re.compile(rb"<!|<\?(?!xml )")
"""A document type can define entities; in comments and CDATA the end of a row would be text. Workbooks have none of them."""

_OVERLAP = 220
"""What is searched again with the next chunk: a match may be divided."""


class BoundedArchive(zipfile.ZipFile):
    """Open the parts of a workbook; raise InvalidInput for what expands to too much.

    Parameters
    ----------
    source
        A binary stream.
    label
        How messages name it.

    Raises
    ------
    InvalidInput
        If the parts together have more bytes than the size of the file allows.
    zipfile.BadZipFile
        If it is not a zip archive.
    """

    def __init__(self, source: IO[bytes], label: str) -> None:
        self._label = label
        self._size = source.seek(0, io.SEEK_END)
        check_size(label, self._size)
        super().__init__(source)
        check_expansion(label, sum(info.file_size for info in self.infolist()), self._size)
        self._read = 0

    def open(self, name: str | zipfile.ZipInfo, *args: Any, **options: Any) -> IO[bytes]:
        """Open a part that the parser reads row by row; what is read of it is counted."""
        info = name if isinstance(name, zipfile.ZipInfo) else self.getinfo(name)
        if info.compress_type not in _COMPRESSIONS:
            raise zipfile.BadZipFile(f"compression {info.compress_type} is not that of a workbook")
        return io.BufferedReader(_BoundedPart(super().open(info, *args, **options), self))

    def read(self, name: str | zipfile.ZipInfo, *args: Any) -> bytes:
        """Return a part that the parser keeps as a whole."""
        size = self.getinfo(name if isinstance(name, str) else name.filename).file_size
        if size > MAX_PART_BYTES:
            raise self.too_large(f"{size:,} bytes")
        content = super().read(name, *args)
        if content.count(b"<") > MAX_PART_MARKUP:
            raise self.too_large(f"{content.count(b'<'):,} tags")
        return content

    def count(self, size: int) -> None:
        """Add to what was read; raise InvalidInput if parts are read again and again."""
        self._read += size
        check_expansion(self._label, self._read, self._size)

    def too_large(self, found: str) -> InvalidInput:
        """Return the error for a part that is too large for the parser, which keeps it in memory."""
        return InvalidInput(
            f"{self._label} has a row, or a part such as its styles, of {found} (maximum {MAX_PART_BYTES:,} bytes and "
            f"{MAX_PART_MARKUP:,} tags). In the spreadsheet, copy the values to a new workbook."
        )


class _BoundedPart(io.RawIOBase):
    """Read a part; raise InvalidInput if it has too much between two ends of rows or shared strings."""

    def __init__(self, part: IO[bytes], archive: BoundedArchive) -> None:
        self._part = part
        self._archive = archive
        self._bytes = 0
        self._markup = 0
        self._items = 0
        self._tail = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read the next bytes."""
        view = memoryview(buffer).cast("B")
        chunk = self._part.read(len(view))
        view[: len(chunk)] = chunk
        self._archive.count(len(chunk))
        self._check(chunk.replace(b"\0", b""))  # of UTF-16
        return len(chunk)

    def close(self) -> None:
        """Close the part."""
        self._part.close()
        super().close()

    def _check(self, chunk: bytes) -> None:
        text = self._tail + chunk
        if _NO_ELEMENT.search(text):
            raise zipfile.BadZipFile("a part has other markup than elements")
        kept, since_end = chunk, text
        ends = [match.end() for match in _ITEM_END.finditer(text)]
        if ends:
            self._items += len(ends)
            self._bytes = self._markup = 0
            kept = since_end = text[ends[-1] :]
        self._bytes += len(kept)
        self._markup += kept.count(b"<")
        self._tail = since_end[-_OVERLAP:]
        if self._bytes > MAX_PART_BYTES or self._markup > MAX_PART_MARKUP:
            raise self._archive.too_large(f"over {self._bytes:,} bytes and {self._markup:,} tags")
        if self._items > MAX_ITEMS:
            raise self._archive.too_large(f"over {self._items:,} rows or texts")
