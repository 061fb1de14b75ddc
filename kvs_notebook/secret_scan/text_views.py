"""Other readings of a text that may hide a secret: without escapes or markup, joined, decoded, or as the rows of a table.

Each reading keeps the line of what it shows, so that a finding can be located in a file.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import string
import sys
import unicodedata
from collections.abc import Iterator

MAX_ROUNDS = 4
"""How often escapes are removed: JSON in JSON in a URL takes three rounds; and how many characters in a row are overwritten."""

MAX_HEADER_LENGTH = 5_000
"""Longer lines are not the header of a table."""

_ESCAPE = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3})|(["'\\/`])|([nrt]))""")
_PERCENT = re.compile(r"%([2-7][0-9a-fA-F])")
_ENTITY = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|amp|quot|apos|lt|gt|sol|plus|equals|lowbar);")

_TERMINAL_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\]8;[^;\x07\x1b]*;|\x1b\][^\x07\x1b]*|\x1b[\\()#].?|\x07"
)
"""A colour or another control sequence; of a hyperlink, its address stays."""

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_OVERSTRIKE = re.compile(r"[^\n]\x08")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}={0,2}(?![A-Za-z0-9+/=])")

_LITERAL = r"""[bBrRfFuU]{0,2}(?:"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')"""
_LITERALS = re.compile(rf"{_LITERAL}(?:[ \t]*\+?[ \t]*(?:\\?\n)?[ \t]*\+?[ \t]*{_LITERAL})+")
_ITEMS = re.compile(rf"{_LITERAL}(?:\s{{0,99}},\s{{0,99}}{_LITERAL})+")
_PAIR = r"(?:0[xX])?[0-9a-fA-F]{2}"
_HEX = re.compile(rf"(?<![0-9A-Za-z]){_PAIR}(?:(?:, ?|[ :-])?{_PAIR}){{19,}}(?![0-9A-Za-z])")
_BYTES = r"(?:[0-9a-fA-F]{2} ){1,8} ?(?:[0-9a-fA-F]{2} ){0,8}|(?:[0-9a-fA-F]{4} ){1,8}"
_DUMPED = re.compile(rf"(?:^|: )[0-9a-fA-F]{{7,8}}:? {{1,2}}({_BYTES}).*\n?", re.MULTILINE)
"""A line of hexdump -C or xxd."""

_HEX_DUMP = re.compile(rf"(?:{_DUMPED.pattern})+", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n[ \t]*")
_WITHIN = frozenset(string.ascii_letters + string.digits + "+/=%_.-")
_LINE_START = re.compile(r"[ \t]*(?:#|//|>|\*)?[ \t]*(?=[A-Za-z0-9+/=%_.-])")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
_ROW = re.compile(r"<tr\b[^<>]*>(.*?)</tr>", re.DOTALL | re.IGNORECASE)
_CELL = re.compile(r"<t[hd]\b[^<>]*>(.*?)</t[hd]>", re.DOTALL | re.IGNORECASE)

_TITLE = re.compile(
    r"secret(?:[ _-]?access)?(?:[ _-]?key)?|client[ _-]?secret|(?:session|security|access|refresh)[ _-]?token"
    r"|password|credential",
    re.IGNORECASE,
)
"""The title of a column with secrets."""

_NAMES = ("secret", "token", "password", "credential", "x-amz-", "akia", "asia", "aws_key", "awskey")
"""What names a secret, or is the beginning of an access key id, in lower case."""

RAGGED = len("source: ")
"""How much shorter than the first one a broken line may be: a text follows the name of its member."""

_ENDS_IN_TITLE = re.compile(rf"(?:{_TITLE.pattern})$", re.IGNORECASE)
LONGEST_TITLE = 30
MAX_DISTANCE = 1_000
"""Characters from the name of a secret to the line break within its value."""


def visible_text(text: str) -> str:
    """Return what a terminal or a page shows of a text: without control sequences and invisible characters, with plain spaces."""
    if text.isascii() and not {"\x1b", "\x08", "\x07"} & set(text):
        return text
    text = _TERMINAL_SEQUENCE.sub("", text)
    for _ in range(MAX_ROUNDS if "\x08" in text else 0):
        text = _OVERSTRIKE.sub("", text)
    return text if text.isascii() else _NOT_ASCII.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category == "Zs" else character


def text_views(text: str) -> Iterator[str]:
    """Yield a text, then each other reading of it that differs."""
    seen = {text, ""}
    yield text
    decoded = remove_escapes(text)
    untagged = _remove_tags(decoded)
    for view in (
        decoded,
        remove_escapes(join_literals(text)),
        untagged,
        join_literals(untagged),
        pair_columns(decoded),
        decode_base64(decoded),
        decode_hex(text),
        join_lines(join_items(decoded)),
    ):
        if view not in seen:
            seen.add(view)
            yield view


def remove_escapes(text: str) -> str:
    r"""Return a text without the escapes of Python, JSON, HTML and URLs, also nested ones; ``\n`` becomes a space."""
    for _ in range(MAX_ROUNDS):
        plain = _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text
        plain = _ESCAPE.sub(_unescape, plain) if "\\" in plain else plain
        plain = _PERCENT.sub(lambda match: chr(int(match[1], 16)), plain) if "%" in plain else plain
        if plain == text:
            break
        text = plain
    return text


def _unescape(match: re.Match[str]) -> str:
    *numbers, octal, quote, blank = match.groups()
    if quote:
        return str(quote)
    if blank:
        return " "
    code = int(octal, 8) if octal else int(next(number for number in numbers if number), 16)
    return chr(code) if code <= sys.maxunicode and chr(code).isprintable() else " "


def join_literals(text: str) -> str:
    """Return source in which adjacent string literals, or literals that are added, are one; newlines follow it."""
    return _LITERALS.sub(_join, text)


def _join(match: re.Match[str]) -> str:
    parts = [literal[literal.index(literal[-1]) + 1 : -1] for literal in re.findall(_LITERAL, match[0])]
    return f'"{"".join(parts)}"' + "\n" * match[0].count("\n")


def decode_base64(text: str) -> str:
    """Return a text whose base64 is decoded if that gives one line of ASCII or several, as in an attachment or a header."""
    return _BASE64.sub(_decode, text)


def _decode(match: re.Match[str]) -> str:
    try:
        plain = base64.b64decode(match[0] + "=" * (-len(match[0]) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return match[0]
    return " ".join(plain.split()) if plain.isprintable() or "\n" in plain else match[0]


def decode_hex(text: str) -> str:
    """Return a text whose hexadecimal numbers are decoded if they are printable ASCII: digests and pictures never are."""
    return _HEX.sub(lambda match: _decode_pairs(match[0]), _HEX_DUMP.sub(_decode_dump, text))


def _decode_dump(match: re.Match[str]) -> str:
    digits = "".join(found[1] for found in _DUMPED.finditer(match[0]))
    return f" {_decode_pairs(digits)}" + "\n" * match[0].count("\n")


def _decode_pairs(hexadecimal: str) -> str:
    digits = re.sub("0[xX]|[^0-9a-fA-F]", "", hexadecimal)
    try:
        plain = bytes.fromhex(digits).decode("ascii")
    except ValueError:
        return hexadecimal
    return " ".join(plain.split()) if plain.isprintable() or "\n" in plain else hexadecimal


def join_items(text: str) -> str:
    """Return a text in which string literals that follow each other after commas are one, if one may be part of a secret."""
    return _ITEMS.sub(_join, text) if _names_secret(text) else text


def join_lines(text: str) -> str:
    """Return a text whose lines are joined where one may have been broken within a secret; newlines follow it.

    The name of the secret is in the line that is broken or in the line before. Lines that are broken at a width are equally
    long, except those that are broken after a hyphen; the last one is shorter.
    """
    if not _names_secret(text):
        return text
    joined = list[str]()
    before, last, lengths = "", "", [0]
    for line in _CONTINUED.sub("", text).split("\n"):
        is_full = lengths[-1] >= lengths[0] - RAGGED or last.endswith("-")
        start = _LINE_START.match(line) if is_full and _may_be_broken(before, last) else None
        if start:
            last += line[start.end() :]
            lengths.append(len(line))
        else:
            joined += [last, *[""] * (len(lengths) - 1)]
            before, last, lengths = last if len(lengths) == 1 else "", line, [len(line)]
    return "\n".join([*joined[1:], last, *[""] * (len(lengths) - 1)])


def _may_be_broken(before: str, last: str) -> bool:
    """Return whether the last line ends within a value that has the name of a secret before it."""
    if last[-1:] not in _WITHIN or _ENDS_IN_TITLE.search(last[-LONGEST_TITLE:]):
        return False
    return _names_secret(f"{before[-MAX_DISTANCE:]}\n{last[-MAX_DISTANCE:]}"[-MAX_DISTANCE:])


def _names_secret(text: str) -> bool:
    """Return whether a text may name a secret, 20 times as fast as a pattern does."""
    lowered = text.lower()
    return any(name in lowered for name in _NAMES)


def _remove_tags(text: str) -> str:
    """Return the text of HTML; a tag that spans lines leaves its newlines."""
    return _TAG.sub(lambda match: "\n" * match[0].count("\n"), text) if "</" in text else text


# --- tables


def pair_columns(text: str) -> str:
    """Return, for each row of each table in a text, its cells below a title that names a secret: ``title: cell``."""
    lowered = text.lower()
    if not any(word in lowered for word in ("secret", "token", "password", "credential")):
        return ""  # 20 times as fast as the search for a title
    is_html = "</tr>" in lowered
    if is_html:
        text = _ROW.sub(_join_cells, text)
    lines = text.split("\n")
    header, titles = "", list[re.Match[str]]()
    paired = []
    for line in lines:
        found = list(_TITLE.finditer(line)) if len(line) <= MAX_HEADER_LENGTH else []
        pairs = ""
        if found:
            header, titles = line, found
        elif titles and line.strip():
            cells = dict.fromkeys(_cells_below(header, titles, line))
            pairs = "; ".join(f"{title}: {cell}" for title, cell in cells)
        elif not is_html:
            titles = []  # a blank line ends a table
        paired.append(pairs)
    return "\n".join(paired)


def _cells_below(header: str, titles: list[re.Match[str]], line: str) -> Iterator[tuple[str, str]]:
    for delimiter in ",;|\t":
        columns, cells = header.split(delimiter), line.split(delimiter)
        if len(columns) == len(cells) > 1:
            for column, cell in zip(columns, cells, strict=True):
                if title := _TITLE.search(column):
                    yield title[0], cell.strip().strip("\"'")
    for title in titles:
        start, end = title.span()
        # Of printed columns, the title and the cells begin or end at the same place.
        for token in re.finditer(r"[^\s|]+", line[: end + 4_000]):
            if token.start() < end and token.end() > start:
                yield title[0], token[0]


def _join_cells(row: re.Match[str]) -> str:
    cells = (" ".join(_TAG.sub("", cell[1]).split()) for cell in _CELL.finditer(row[1]))
    return "\t".join(cells) + "\n" * row[0].count("\n")
