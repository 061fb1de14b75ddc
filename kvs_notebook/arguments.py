"""Check arguments that many functions take: paths, streams, texts, lists of texts and numbers of seconds."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import IO, Any

from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_value

MAX_PATH_PARTS = 200
"""Python creates and removes nested folders by recursion, which has a limit of 1,000 calls."""


def check_path(argument: str, path: object) -> Path:
    """Return a path; raise InvalidInput if an argument is not one, or has too many folders."""
    if isinstance(path, str | os.PathLike):
        text = os.fspath(path)
        if isinstance(text, str) and "\0" not in text and _is_encodable(text):
            parts = len(Path(text).parts)
            if parts > MAX_PATH_PARTS:
                raise InvalidInput(
                    f"{argument} is too deep: {parts} nested folders (maximum {MAX_PATH_PARTS}). Shorten the path."
                )
            return Path(text)
    raise InvalidInput(f"{argument}={format_value(path)} is not a path. Pass a string or a pathlib.Path.")


def path_exists(path: str | os.PathLike[str], *, as_folder: bool = False) -> bool:
    """Return whether a path exists (``as_folder``: as a folder); False, too, if its name is too long for a file."""
    return os.path.isdir(path) if as_folder else os.path.exists(path)  # noqa: PTH110, PTH112 - pathlib raises OSError then


def _is_encodable(text: str) -> bool:
    """Return whether a file can have a name: one with half of a surrogate pair cannot."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def check_file(path: object, method: str) -> Path | IO[Any]:
    """Return the path, or the stream that has a method; raise InvalidInput if the argument ``path`` is neither."""
    if isinstance(path, str | os.PathLike):
        return check_path("path", path)
    if callable(getattr(path, method, None)):
        return path  # type: ignore[return-value]
    raise InvalidInput(
        f"path={format_value(path)} is not a path or a stream. Pass a string, a pathlib.Path or an open file."
    )


def check_text(argument: str, value: object, example: str) -> str:
    """Return a string; raise InvalidInput for another type."""
    if isinstance(value, str):
        return value
    raise InvalidInput(f"{argument}={format_value(value)} is not a string. Pass one, such as {example!r}.")


def check_texts(argument: str, values: object, example: str) -> list[str]:
    """Return the strings of a list, a Series or an array; raise InvalidInput for another type, such as a string or a mapping."""
    if isinstance(values, str):
        example = f"[{values!r}]"
    elif isinstance(values, Iterable) and not isinstance(values, bytes | Mapping) and not hasattr(values, "columns"):
        texts = list(values)
        wrong = [text for text in texts if not isinstance(text, str) or not text]
        if wrong:
            raise InvalidInput(f"{argument} contains {format_value(wrong[0])}. Expected strings that are not empty.")
        return [str(text) for text in texts]
    raise InvalidInput(f"{argument} is not a list: {format_value(values)}. Pass a list, such as {example}.")


def check_seconds(
    argument: str, seconds: Any, least: float = 0.0, *, most: float = math.inf, above: bool = False
) -> float:
    """Return a number of seconds as a float; raise InvalidInput if it is not a number from ``least`` to ``most``.

    With ``above``, ``least`` itself is not valid either.
    """
    is_number = isinstance(seconds, Real) and not isinstance(seconds, bool)
    if is_number and least <= seconds <= most and not (above and seconds == least):  # NaN is not
        try:
            return float(seconds)
        except OverflowError:  # of an int
            return math.inf
    limits = f"{'more than' if above else 'at least'} {least:g}"
    if most < math.inf:
        limits += f" and at most {most:,g}"
    raise InvalidInput(f"{argument}={format_value(seconds)} is not valid. Expected seconds, {limits}.")
