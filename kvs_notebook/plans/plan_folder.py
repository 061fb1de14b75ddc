"""The folder of a plan: plan.csv, and meta.json with its digest, so that a plan that was edited by hand is not applied."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kvs_notebook.arguments import check_path, path_exists
from kvs_notebook.atomic_file import OWNER_ONLY, replace_file
from kvs_notebook.dataframes.input_limits import read_limited
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput, KVSError

FORMAT = 1
OWNER_ONLY_FOLDER = 0o700
MEMBERS = {"source": str, "notes": list, "account_names": dict, "sha256": str}
PLAN_AGAIN = "Make the plan again."


class PlanFolder:
    """The files of a plan and of its application.

    Attributes
    ----------
    path
        The folder.
    plan, meta
        The steps, and what else belongs to the plan, with the digest of the steps.
    journal, result, undo
        What a run of apply_plan() writes.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = check_path("folder", folder)
        self.plan = self.path / "plan.csv"
        self.meta = self.path / "meta.json"
        self.journal = self.path / "journal.jsonl"
        self.result = self.path / "result.csv"
        self.undo = self.path / "undo.csv"

    @property
    def exists(self) -> bool:
        """Whether the folder holds a plan."""
        return path_exists(self.meta)

    @property
    def is_begun(self) -> bool:
        """Whether a run of apply_plan() has begun in this folder."""
        return os.path.lexists(self.journal)

    def outcomes(self) -> Counter[str]:
        """Count the outcomes in result.csv; none if another program has changed the file so that they cannot be read."""
        try:
            header, *rows = csv.reader(io.StringIO(read_limited(self.result).decode("utf-8-sig"), newline=""))
            column = header.index("outcome")
            return Counter(row[column] for row in rows)
        except (OSError, ValueError, LookupError, csv.Error, KVSError):
            return Counter()

    def save(self, steps: str, about: Mapping[str, Any]) -> None:
        """Write the CSV text of the steps and what else belongs to the plan.

        Raises
        ------
        InvalidInput
            If the folder has a plan that was already applied or partly applied.
        ExportFailed
            If the folder cannot be written.
        """
        if self.is_begun:
            raise InvalidInput(
                f"{self.path} has a plan that was already applied or partly applied. Save the new plan to another folder."
            )
        self._write({self.plan: steps, self.meta: _to_json({"format": FORMAT, "sha256": digest(steps), **about})})

    def begin(self, run: Mapping[str, Any]) -> None:
        """Add to meta.json how the plan is applied: the identities and the limits.

        Raises
        ------
        InvalidInput, DamagedFile
            As read() does.
        ExportFailed
            If the folder cannot be written.
        """
        self._write({self.meta: _to_json({**self._read_meta(), "run": dict(run)})})

    def write_result(self, result: str, undo: str) -> None:
        """Write the CSV text of the outcome of each step, and of the steps that undo it.

        Raises
        ------
        ExportFailed
            If the folder cannot be written; the journal has all of it.
        """
        self._write({self.result: result, self.undo: undo})

    def _write(self, texts: Mapping[Path, str]) -> None:
        try:
            self.path.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
            for path, text in texts.items():
                with replace_file(path, permissions=OWNER_ONLY) as stream:
                    stream.write(text)
        except OSError as error:
            reason = error.strerror or error
            raise ExportFailed(
                f"Can't write {self.path}: {reason}. Choose a folder that you may write to, on a disk with space left."
            ) from error

    def read(self) -> tuple[str, dict[str, Any]]:
        """Return what save() was given.

        Raises
        ------
        InvalidInput
            If the folder does not exist or holds no plan.
        DamagedFile
            If a file was changed since the plan was saved.
        """
        about = self._read_meta()
        steps = self._read_text(self.plan)
        if about["sha256"] != digest(steps):
            raise DamagedFile(f"{self.plan} was changed since the plan was saved. {PLAN_AGAIN}")
        return steps, about

    def _read_meta(self) -> dict[str, Any]:
        text = self._read_text(self.meta)
        try:
            meta = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DamagedFile(f"{self.meta} is not valid JSON: {error}. {PLAN_AGAIN}") from error
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise DamagedFile(f"{self.meta} does not describe a plan of format {FORMAT}. {PLAN_AGAIN}")
        wrong = [name for name, kind in MEMBERS.items() if not isinstance(meta.get(name), kind)]
        wrong += [name for name in ("notes", "account_names") if name not in wrong and not _has_texts_only(meta[name])]
        if wrong:
            raise DamagedFile(f"{self.meta} was changed since the plan was saved: {', '.join(wrong)}. {PLAN_AGAIN}")
        return meta

    def _read_text(self, path: Path) -> str:
        try:
            return read_limited(path, only_regular=True).decode("utf-8")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InvalidInput(
                f"{self.path} holds no plan: {path.name} does not exist. Save one with plan.save({str(self.path)!r})."
            ) from error
        except UnicodeDecodeError as error:
            raise DamagedFile(f"{path} is not valid UTF-8. {PLAN_AGAIN}") from error
        except OSError as error:
            reason = error.strerror or error
            raise InvalidInput(f"Can't read {path}: {reason}. Check its name and its permissions.") from error


def _has_texts_only(value: list[Any] | dict[str, Any]) -> bool:
    return all(isinstance(text, str) for text in (value.values() if isinstance(value, dict) else value))


def _to_json(meta: Mapping[str, Any]) -> str:
    return json.dumps(meta, indent=2, ensure_ascii=False) + "\n"


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
