"""Values, counts and texts of the service as messages show them, and the names that a misspelt one may mean."""

from __future__ import annotations

from collections.abc import Sequence

MAX_LENGTH = 90
"""Characters of a value that a message shows uncut."""

MAX_LINE = 2_000
"""Characters of a line of a log that are shown uncut: a peer or a service may send any number of them."""


def format_value(value: object) -> str:
    """Return a value for a message: its repr, cut if it is long, or its type if it has several lines."""
    text = repr(value)
    if "\n" in text:  # a DataFrame
        return f"of type {type(value).__name__}"
    if len(text) <= MAX_LENGTH:
        return text
    return f"{text[:70]}...{text[-15:]} ({format_count(len(text) - 2, 'character')})"


def format_count(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless the number is 1: ``1 channel``, ``1,200 channels``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def closest_names(name: str, known: Sequence[str], most: int = 3) -> list[str]:
    """Return the known names that a misspelt one may mean, the nearest first: only those one edit away, if there are some."""
    import difflib  # takes 10 ms, and a message is rarely needed

    if name in known:
        return [name]
    candidates = [each for each in known if is_one_edit_away(name, each)] or known
    return difflib.get_close_matches(name, candidates, n=most)


def is_one_edit_away(one: str, other: str) -> bool:
    """Return whether one character was added, left out or replaced, or two neighbours were swapped."""
    start = _common_length(one, other)
    one, other = one[start:], other[start:]
    end = _common_length(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    are_swapped = len(one) == len("ab") and one == other[::-1]
    return max(len(one), len(other)) == 1 or are_swapped


def _common_length(one: str, other: str) -> int:
    """Return how many characters at the beginning of two texts are the same."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


def printable(text: str) -> str:
    """Return a text that a terminal only shows: control and formatting characters are replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or _is_space(each) else "\N{REPLACEMENT CHARACTER}" for each in text)


def _is_space(character: str) -> bool:
    """Return whether a character is a space of any width, which a tag may have; Python calls only U+0020 printable."""
    import unicodedata  # takes a millisecond, and few texts need it

    return unicodedata.category(character) == "Zs"


def one_line(value: object, most: int = MAX_LINE) -> str:
    """Return a text of the service or of another program as one line, as logs show it: a second one would look like a record.

    A line of more than ``most`` characters is cut.
    """
    line = printable(" ".join(str(value).split()))
    return line if len(line) <= most else f"{line[: most - 20]}...{line[-15:]} ({format_count(len(line), 'character')})"


def printable_lines(text: str) -> str:
    """Return a text of several lines that a terminal only shows; newlines and tabs are kept."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
