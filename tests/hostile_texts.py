"""Texts that others choose and that users read: statuses, tags, names and messages that act on a terminal, a page or a chart."""

from __future__ import annotations

import unicodedata

HOSTILE: dict[str, str] = {
    "escape sequence": "\x1b]0;pwned\x07\x1b[2J",
    "C1 control": "\x9b31m\x85",
    "carriage return": "a\r\b\bgone",
    "zero byte": "a\0b",
    "override": "\u202egpj.exe",
    "isolate": "\u2066a\u2069",
    "zero width": "a\u200bb\u2060\ufeff",
    "lines": "two\nlines\r\nor\u2028more\tthan that",
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "end of a style": "</style></td></table><b>",
    "comment": "<!--",
    "entity": "&lt;u&gt;&copy;",
    "Markdown": "[a](javascript:alert(1)) ![b](http://x/y.png)",
    "cells": "a|b\\|c | --- |",
    "emphasis": "**b** _i_ ~~s~~ `c` # h",
    "mathtext": r"$\frac$ $\undefined{$",
    "formula": '=HYPERLINK("http://x")',
    "underscore": "_hidden",
    "placeholder": "%s %(a)s {0} {a}",
    "long": "x" * 256,
    "wide": "\N{DOOR}\N{FULLWIDTH LATIN CAPITAL LETTER A}\N{CJK UNIFIED IDEOGRAPH-6771}",
    "half of a pair": "\ud800",
}

STORABLE = {name: text for name, text in HOSTILE.items() if name != "half of a pair"}
"""Those that a frame and a file can have; a reply with any other is refused."""


def is_shown_only(text: str) -> bool:
    """Return whether a terminal only shows a text, in lines and columns."""
    return all(each.isprintable() or each in "\n\t" or unicodedata.category(each) == "Zs" for each in text)
