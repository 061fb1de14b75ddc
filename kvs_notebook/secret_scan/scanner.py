"""Scan: the secrets in saved notebooks, in their sources, outputs, widget state and metadata, each with the place where it is."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.secret_scan.notebook_text import TYPED_PASSWORD, Piece, pieces
from kvs_notebook.secret_scan.patterns import (
    KEY_ID,
    SECRET_KEY,
    SESSION_TOKEN,
    SIGNED_URL,
    TURN_PASSWORD,
    TURN_USERNAME,
    Leak,
    Lookout,
    names_a_key,
)

SUFFIX = ".ipynb"
LEFT_OUT = frozenset({".ipynb_checkpoints", ".venv", ".git", "node_modules"})
VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
"""The file that tells a virtual environment by any name."""

UNKNOWN = "What is in it is not known: mend it and scan it again."

CLEAR = "jupyter nbconvert --clear-output --inplace"
CLEAR_WIDGETS = f"{CLEAR} --ClearMetadataPreprocessor.enabled=True"

REVOKE: Mapping[str, frozenset[str]] = {
    "deactivate the key in IAM": frozenset({KEY_ID, SECRET_KEY}),
    "revoke the role's sessions in IAM": frozenset({SESSION_TOKEN}),
    "change the password": frozenset({TYPED_PASSWORD}),
    "let signed URLs and TURN passwords expire": frozenset({SIGNED_URL, TURN_USERNAME, TURN_PASSWORD}),
}
"""What becomes of a secret that others have seen, by its kind."""


class Finding(NamedTuple):
    """Secrets of one kind in one place of a notebook; ``excerpt`` tells none of them."""

    path: Path
    place: str
    kind: str
    excerpt: str
    times: int = 1

    def __str__(self) -> str:
        path = str(self.path) if str(self.path).isprintable() else ascii(str(self.path))
        return f"{path}: {self.place}: {self.kind}: {self.excerpt}{f' ({self.times} times)' * (self.times > 1)}"


class Scanned(NamedTuple):
    """A file that was looked through, and what was found there; ``problem`` says why it could not be."""

    path: Path
    findings: Sequence[Finding] = ()
    problem: str | None = None


# --- files


def scan(paths: Iterable[Path]) -> Iterator[Scanned]:
    """Look through notebooks, and the folders that hold some, one by one; each file once, whatever is wrong with another.

    In folders, notebooks are the files whose name ends in .ipynb; checkpoints and virtual environments are left out.
    """
    seen: set[str] = set()
    for path in paths:
        for file in _walk(path) if path.is_dir() else [Scanned(path)]:
            if (real := os.path.realpath(file.path)) not in seen:
                seen.add(real)
                yield file if file.problem else _scanned(file.path)


def _walk(folder: Path) -> Iterator[Scanned]:
    closed: list[OSError] = []
    for name, folders, files in os.walk(folder, onerror=closed.append):
        here = Path(name)
        folders[:] = sorted(
            each for each in folders if each not in LEFT_OUT and not (here / each / VIRTUAL_ENVIRONMENT).exists()
        )
        yield from (Scanned(here / file) for file in sorted(files) if file.endswith(SUFFIX))
    for error in closed:
        yield Scanned(Path(error.filename), (), f"Can't look into {error.filename}: {error.strerror}. {UNKNOWN}")


def _scanned(path: Path) -> Scanned:
    try:
        return Scanned(path, findings(path))
    except InvalidInput as error:
        return Scanned(path, (), str(error))


def summary(scanned: Sequence[Scanned]) -> str:
    """Say in one line what was found, and what to do next."""
    looked_at = _counted(sum(not file.problem for file in scanned), "notebook")
    found = [finding for file in scanned for finding in file.findings]
    unread = sum(bool(file.problem) for file in scanned)
    gap = f"; {_counted(unread, 'file')} could not be looked at" if unread else ""
    if not found:
        return f"No secret in {looked_at}{gap}." if scanned else "No notebook is there: nothing was looked at."
    files = len({finding.path for finding in found})
    secrets = _counted(sum(finding.times for finding in found), "secret")
    return f"{secrets} in {files} of {looked_at}{gap}. {_next_step(found)}"


def _next_step(found: Sequence[Finding]) -> str:
    kinds = {finding.kind for finding in found}
    in_widgets = [finding for finding in found if "widget state" in finding.place]
    saved = [finding for finding in found if ", output " in finding.place] + in_widgets
    clearing = CLEAR_WIDGETS if in_widgets else CLEAR
    first = [f"clear the outputs ({clearing} FILE)"] if saved else []
    first += [f"take {'the rest' if saved else 'them'} out of the source"] if len(saved) < len(found) else []
    said = " and ".join(first)
    *others, last = [step for step, of in REVOKE.items() if kinds & of]
    then = f"{', '.join(others)} and {last}" if others else last
    return f"{said[0].upper()}{said[1:]}; where others have seen the file, {then}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def findings(path: Path) -> list[Finding]:
    """Give the secrets in a notebook, in the order in which they stand there.

    Raises
    ------
    InvalidInput
        For a file that is no notebook.
    DamagedFile
        For one that cannot be read: nothing is known of what is in it.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from kvs_notebook.secret_scan.scanner import findings
    >>> source = "key_id = 'AKIA" + "J5Q7WZLMXN2RTVBC'"
    >>> path = Path("leaky.ipynb")
    >>> _ = path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    >>> print(findings(path)[0])
    leaky.ipynb: cell 1, source: access key id: AKIA...TVBC
    """
    try:
        cells = _by_cell(pieces(_read(path)))
    except RecursionError as error:
        raise DamagedFile(f"{path} is damaged: it is nested without end. {UNKNOWN}") from error
    whole = {cell: "\n".join(piece.text for piece in of_cell) for cell, of_cell in cells.items()}
    with_keys = any(map(names_a_key, whole.values()))
    found: Counter[tuple[str, str]] = Counter()
    excerpts: dict[tuple[str, str], str] = {}
    for cell, of_cell in cells.items():
        lookout = Lookout(whole[cell], with_keys=with_keys)
        for piece in of_cell:
            for leak in _leaks(piece, lookout):
                found[piece.place, leak.kind] += 1
                excerpts.setdefault((piece.place, leak.kind), leak.excerpt)
    return [Finding(path, *key, excerpts[key], times) for key, times in found.items()]


def _by_cell(texts: Iterable[Piece]) -> dict[str, list[Piece]]:
    """Give the pieces of each cell or widget, those of one place as one: data of many short texts is looked at once."""
    places: dict[tuple[str, str, str | None], list[str]] = {}
    for piece in texts:
        places.setdefault((piece.group, piece.place, piece.kind), []).append(piece.text)
    cells: dict[str, list[Piece]] = {}
    for (group, place, kind), of_place in places.items():
        cells.setdefault(group, []).append(Piece(group, place, "\n".join(of_place), kind))
    return cells


def _leaks(piece: Piece, lookout: Lookout) -> Iterable[Leak]:
    return lookout.leaks(piece.text) if piece.kind is None else [Leak(piece.kind, f"<{len(piece.text)} characters>")]


def _read(path: Path) -> Mapping[str, Any]:
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is no file.")
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidInput(f"Can't read {path}: {error.strerror}. {UNKNOWN}") from error
    except ValueError as error:
        raise DamagedFile(f"{path} is damaged, or no notebook: {error}. {UNKNOWN}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells", notebook.get("worksheets")), list):
        raise InvalidInput(f"{path} is no notebook: it has no cells.")
    return notebook
