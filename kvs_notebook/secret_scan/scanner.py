"""Find secrets in saved notebooks: walk folders, read each notebook, and report every secret with its cell and location."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kvs_notebook.arguments import check_path, path_exists
from kvs_notebook.dataframes.input_limits import read_limited
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.formatting import format_count
from kvs_notebook.secret_scan import patterns
from kvs_notebook.secret_scan.notebook_text import (
    TYPED_PASSWORD,
    NotebookText,
    iterate_export_texts,
    iterate_texts,
)
from kvs_notebook.secret_scan.patterns import DetectedSecret, SecretDetector, has_key_id
from kvs_notebook.secret_scan.text_views import text_views

if TYPE_CHECKING:
    import pandas as pd

StrPath = str | os.PathLike[str]

EXPORT_SUFFIXES = frozenset({".py", ".html", ".htm"})
SUFFIXES = frozenset({".ipynb", *EXPORT_SUFFIXES})
EXCLUDED_FOLDERS = frozenset({".ipynb_checkpoints", ".venv", ".git", "node_modules"})
VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
"""The file that marks the folder of a virtual environment, whatever its name."""

MAX_NOTEBOOK_BYTES = 100_000_000
"""GitHub accepts no larger file."""

NOT_SCANNED = "It was not scanned: repair it and scan it again."

CLEAR = "jupyter nbconvert --clear-output --inplace"
CLEAR_WIDGETS = f"{CLEAR} --ClearMetadataPreprocessor.enabled=True"

REVOKE: Mapping[str, frozenset[str]] = {
    "deactivate the key in IAM": frozenset({patterns.KEY_ID, patterns.SECRET_KEY}),
    "revoke the role's sessions in IAM": frozenset({patterns.SESSION_TOKEN}),
    "change the password": frozenset({TYPED_PASSWORD}),
    "sign out (aws sso logout)": frozenset({patterns.ACCESS_TOKEN}),
    "replace the private key": frozenset({patterns.PRIVATE_KEY}),
    "let signed URLs and TURN passwords expire": frozenset(
        {patterns.SIGNED_URL, patterns.TURN_USERNAME, patterns.TURN_PASSWORD}
    ),
}
"""What to do about a secret that others have seen, by its kind."""


class Finding(NamedTuple):
    """The secrets of one kind in one location of a notebook; ``excerpt`` contains none of them."""

    path: Path
    cell: int | None
    location: str
    kind: str
    excerpt: str
    occurrences: int = 1

    def __str__(self) -> str:
        path = str(self.path) if str(self.path).isprintable() else ascii(str(self.path))
        location = self.location if self.cell is None else f"cell {self.cell}, {self.location}"
        times = f" ({self.occurrences} times)" if self.occurrences > 1 else ""
        return f"{path}: {location}: {self.kind}: {self.excerpt}{times}"


class ScannedFile(NamedTuple):
    """A file and its findings; if it could not be scanned, ``problem`` says why."""

    path: Path
    findings: Sequence[Finding] = ()
    problem: str | None = None


def scan_notebooks(paths: StrPath | Iterable[StrPath]) -> pd.DataFrame:
    """Return the secrets that were saved in notebooks.

    Secrets are signed URLs, AWS keys, session and access tokens, and TURN
    passwords.

    Sources, outputs of every kind, widget state and metadata are searched, and
    scripts and HTML pages that were made from notebooks. The secrets of a
    sandbox are not reported: they are valid only on the machine that it ran
    on. No request is sent.

    Parameters
    ----------
    paths
        A notebook or a folder, or several. In folders, the files that end in
        ``.ipynb``, ``.py`` or ``.html`` are scanned, except those of
        checkpoints and virtual environments.

    Returns
    -------
    pandas.DataFrame
        One row for the secrets of one kind in one location, with the columns
        ``path``, ``cell`` (Int64; counted from 1, missing if the location is
        in no cell), ``location``, ``kind``, ``excerpt`` (never the secret
        itself), ``occurrences`` (Int64) and ``problem``. A file that could not
        be scanned has one row, which has only ``path`` and ``problem``. So an
        empty frame means that every file was scanned and no secret was found.

    Raises
    ------
    InvalidInput
        If a path does not exist.

    Examples
    --------
    >>> import json
    >>> import kvs_notebook as kvs
    >>> source = f"key_id = 'AKIA{'J5Q7WZLMXN2RTVBC'}'"
    >>> with open("leaky.ipynb", "w") as file:
    ...     json.dump({"cells": [{"cell_type": "code", "source": source}]}, file)
    >>> kvs.scan_notebooks("leaky.ipynb")[["path", "cell", "location", "kind", "excerpt"]]
              path  cell location           kind      excerpt
    0  leaky.ipynb     1   source  access key id  AKIA...TVBC
    """
    from kvs_notebook.dataframes.builders import rows_frame
    from kvs_notebook.dataframes.schemas import SECRET_FINDINGS

    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
        paths = [paths]
    given = [check_path("paths", path) for path in paths]
    for path in given:
        if not path_exists(path):
            raise InvalidInput(f"Can't find {path}. Pass a notebook or a folder that exists.")
    rows: list[tuple[Any, ...]] = []
    for file in scan_files(given):
        name = _storable(str(file.path))
        rows += [(name, *finding[1:], None) for finding in file.findings]
        if file.problem:
            rows.append((name, None, None, None, None, None, _storable(file.problem)))
    return rows_frame(rows, SECRET_FINDINGS)


def _storable(text: str) -> str:
    """Return a text that a frame can have: the bytes of a file's name that are not UTF-8 as escapes."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


# --- files


def scan_files(paths: Iterable[Path]) -> Iterator[ScannedFile]:
    """Scan notebooks, and those in folders, one by one; yield each file once, also if it cannot be scanned."""
    seen: set[str] = set()
    for path in paths:
        for file in _walk(path) if path.is_dir() else [ScannedFile(path)]:
            if (real := os.path.realpath(file.path)) not in seen:
                seen.add(real)
                yield file if file.problem else _scan_file(file.path)


def _walk(folder: Path) -> Iterator[ScannedFile]:
    errors: list[OSError] = []
    for name, folders, files in os.walk(folder, onerror=errors.append):
        parent = Path(name)
        folders[:] = sorted(
            each
            for each in folders
            if each not in EXCLUDED_FOLDERS and not (parent / each / VIRTUAL_ENVIRONMENT).exists()
        )
        yield from (ScannedFile(parent / file) for file in sorted(files) if Path(file).suffix.lower() in SUFFIXES)
    for error in errors:
        problem = f"Can't list {error.filename}: {error.strerror}. {NOT_SCANNED}"
        yield ScannedFile(Path(error.filename), problem=problem)


def _scan_file(path: Path) -> ScannedFile:
    try:
        return ScannedFile(path, find_secrets(path))
    except InvalidInput as error:
        return ScannedFile(path, problem=str(error))


def find_secrets(path: Path) -> list[Finding]:
    """Return the secrets of a notebook or an export of one, in the order of their locations in it.

    Raises
    ------
    InvalidInput
        If the file is not a notebook, or cannot be read.
    DamagedFile
        If the file is not in UTF-8, is a notebook and not JSON, or is nested too deeply.
    """
    try:
        groups = _group_texts(_file_texts(path))
    except RecursionError as error:
        raise DamagedFile(f"{path} is damaged: it is nested too deeply. {NOT_SCANNED}") from error
    views = {group: [[*text_views(text.text)] for text in texts] for group, texts in groups.items()}
    joined = {group: "\n".join(chain.from_iterable(of_texts)) for group, of_texts in views.items()}
    file_has_key_id = any(map(has_key_id, joined.values()))
    counts: Counter[tuple[int | None, str, str]] = Counter()
    excerpts: dict[tuple[int | None, str, str], str] = {}
    for group, texts in groups.items():
        detector = SecretDetector(joined[group], notebook_has_key_id=file_has_key_id)
        for text, of_text in sorted(zip(texts, views[group], strict=True), key=lambda each: each[0].is_repetition):
            for secret in _detect(text, of_text, detector):
                key = (text.cell, text.location or f"line {secret.line}", secret.kind)
                counts[key] += 1
                excerpts.setdefault(key, secret.excerpt)
    return [Finding(path, *key, excerpts[key], count) for key, count in counts.items()]


def _group_texts(texts: Iterable[NotebookText]) -> dict[str, list[NotebookText]]:
    """Return the texts of each cell or widget, those of one location joined, so that many short texts are searched at once."""
    locations: dict[NotebookText, list[str]] = {}
    for text in texts:
        locations.setdefault(text._replace(text=""), []).append(text.text)
    groups: dict[str, list[NotebookText]] = {}
    for location, parts in locations.items():
        groups.setdefault(location.group, []).append(location._replace(text="\n".join(parts)))
    return groups


def _detect(text: NotebookText, views: Sequence[str], detector: SecretDetector) -> Iterable[DetectedSecret]:
    if text.secret_kind is None:
        return detector.detect(views, is_repetition=text.is_repetition)
    return [DetectedSecret(text.secret_kind, f"<{len(text.text)} characters>", 1)]


def _file_texts(path: Path) -> Iterator[NotebookText]:
    """Return the texts of a notebook, or of a script or an HTML page that was made from one."""
    content = _read_file(path)
    if path.suffix.lower() in EXPORT_SUFFIXES:
        return iterate_export_texts(_decode_export(path, content))
    return iterate_texts(_parse_notebook(path, content))


def _read_file(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a file. Pass a notebook, a script or a folder.")
    try:
        return read_limited(path, MAX_NOTEBOOK_BYTES, remedy=NOT_SCANNED)
    except OSError as error:
        raise InvalidInput(f"Can't read {path}: {error.strerror}. {NOT_SCANNED}") from error


def _decode_export(path: Path, content: bytes) -> str:
    """Return the text of a script or a page, in UTF-16 or in any encoding that extends ASCII, in which secrets are written."""
    if b"\0" not in content:
        return content.decode("utf-8-sig", errors="replace")
    try:
        return content.decode("utf-16")
    except ValueError as error:
        raise DamagedFile(f"{path} is not a text: {error}. {NOT_SCANNED}") from error


def _parse_notebook(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise DamagedFile(f"{path} is damaged or not a notebook: {error}. {NOT_SCANNED}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells", notebook.get("worksheets")), list):
        raise InvalidInput(f"{path} is not a notebook: it has no cells. {NOT_SCANNED}")
    return notebook


# --- summary


def summarize(files: Sequence[ScannedFile]) -> str:
    """Return one line: how many secrets are in how many notebooks, and what to do about them."""
    if not files:
        return "No notebooks found."
    noun = "notebook" if all(file.path.suffix.lower() not in EXPORT_SUFFIXES for file in files) else "file"
    scanned = format_count(sum(not file.problem for file in files), noun)
    failed = sum(bool(file.problem) for file in files)
    gap = f"; {format_count(failed, 'file')} could not be scanned" if failed else ""
    findings = [finding for file in files for finding in file.findings]
    if not findings:
        return f"No secrets in {scanned}{gap}."
    secrets = format_count(sum(finding.occurrences for finding in findings), "secret")
    return f"{secrets} in {len({finding.path for finding in findings})} of {scanned}{gap}. {_next_step(findings)}"


def _next_step(findings: Sequence[Finding]) -> str:
    in_widgets = sum(finding.location.startswith("widget state") for finding in findings)
    in_outputs = sum(finding.location.startswith("output ") for finding in findings)
    saved = in_widgets + in_outputs
    steps = [f"clear the outputs ({CLEAR_WIDGETS if in_widgets else CLEAR} FILE)"] if saved else []
    if saved < len(findings):
        steps.append(f"remove {'the rest' if saved else 'them'} from the source")
    first = " and ".join(steps)
    kinds = {finding.kind for finding in findings}
    *others, last = [step for step, of_kinds in REVOKE.items() if kinds & of_kinds]
    then = f"{', '.join(others)} and {last}" if others else last
    return f"{first[0].upper()}{first[1:]}; if others have seen the file, {then}."
