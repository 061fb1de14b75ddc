"""Piece: the texts of a saved notebook, wherever in it they stand: sources, outputs, widget state, metadata."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
SOURCE = ("source", "input")
"""What a cell's source is called, since nbformat 4 and before."""

TYPED_PASSWORD = "password in a form"  # noqa: S105 - the kind of one
"""ipywidgets keeps what was typed into its Password in the state that is saved."""

_NAME = re.compile("[a-z0-9_./+-]{1,60}")
_MODEL = re.compile("[A-Za-z]{1,40}Model")
_BINARY = re.compile(r"image/(?!svg)|audio/|video/|application/pdf|png$|jpeg$")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Piece(NamedTuple):
    """A text of a notebook; those of one group (a cell, a widget) are looked at together. ``kind`` says that it is a secret."""

    group: str
    place: str
    text: str
    kind: str | None = None


def pieces(notebook: Mapping[str, Any]) -> Iterator[Piece]:
    """Give every text of a notebook, wherever in it: what JSON says beside what is expected is looked at too."""
    shown_in: dict[str, int] = {}
    for number, cell in enumerate(_cells(notebook), 1):
        for model in re.findall(r'"model_id": "([\w-]+)"', json.dumps(cell)):
            shown_in.setdefault(model, number)
        yield from _of_cell(number, cell)
    rest = {key: value for key, value in notebook.items() if key not in ("cells", "worksheets")}
    metadata = rest.get("metadata")
    if isinstance(metadata, dict):
        yield from _of_widgets(metadata.get("widgets"), shown_in)
        rest["metadata"] = {key: value for key, value in metadata.items() if key != "widgets"}
    for text in _texts(rest):
        yield Piece("notebook", "metadata of the notebook", text)


def _cells(notebook: Mapping[str, Any]) -> list[Any]:
    """Give the cells; before nbformat 4 they stood in worksheets."""
    if isinstance(notebook.get("cells"), list):
        return list(notebook["cells"])
    return [cell for sheet in notebook["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells") or []]


def _of_cell(number: int, cell: Any) -> Iterator[Piece]:
    group = f"cell {number}"
    if not isinstance(cell, dict):
        cell = {"source": cell}
    for key, value in sorted(cell.items(), key=lambda member: member[0] not in SOURCE):
        if key == "outputs" and isinstance(value, list):
            for count, output in enumerate(value, 1):
                yield from (Piece(group, f"{group}, output {count}{form}", text) for form, text in _of_output(output))
        else:
            place = "source" if key in SOURCE else _shown(key)
            yield from (Piece(group, f"{group}, {place}", text) for text in _texts(value, key))


def _of_output(output: Any) -> Iterator[tuple[str, str]]:
    """Give the texts of an output, each with its form: a stream's name, a media type, or the traceback."""
    if not isinstance(output, dict):
        yield from (("", text) for text in _texts(output))
        return
    data = output.get("data")
    members = [member for member in output.items() if member[1] is not data]
    for key, value in [*members, *(data.items() if isinstance(data, dict) else [("data", data)])]:
        form = str(output.get("name", key)) if output.get("output_type") == "stream" else key
        yield from ((f" ({_shown(form)})", text) for text in _texts(value, key))


def _shown(name: str) -> str:
    """Give a media type or a member's name as a place may show it; what only could be one may be a secret itself."""
    return name if _NAME.fullmatch(name) else "other"


def _of_widgets(widgets: Any, shown_in: Mapping[str, int]) -> Iterator[Piece]:
    """Give the texts of the widgets that were saved, each with the cell that shows it, by itself or in another widget."""
    saved = widgets.get(WIDGET_STATE, widgets) if isinstance(widgets, dict) else {}
    models = saved.get("state") if isinstance(saved, dict) else None
    if not isinstance(models, dict):
        yield from (Piece("widgets", "widget state", text) for text in _texts(widgets))
        return
    cells = _cells_of(models, shown_in)
    for name, model in models.items():
        kind = str(model.get("model_name", "")) if isinstance(model, dict) else ""
        cell = f"cell {cells[name]}, " if name in cells else ""
        place = f"{cell}widget state{f' ({kind})' * bool(_MODEL.fullmatch(kind))}"
        state = model.get("state") if isinstance(model, dict) else None
        if kind == "PasswordModel" and isinstance(state, dict) and state.get("value"):
            yield Piece(name, place, str(state["value"]), TYPED_PASSWORD)
            state["value"] = ""
        yield from (Piece(name, place, text) for text in _texts(model))


def _cells_of(models: Mapping[str, Any], shown_in: Mapping[str, int]) -> dict[str, int]:
    """Give the cell of each widget: a widget names those that it holds."""
    cells = dict(shown_in)
    waiting = list(shown_in)
    while waiting:
        name = waiting.pop()
        for held in re.findall(r"IPY_MODEL_([\w-]+)", json.dumps(models.get(name))):
            if held not in cells:
                cells[held] = cells[name]
                waiting.append(held)
    return cells


def _texts(value: Any, key: str = "") -> Iterator[str]:
    """Give every text in a value, with the key that it stands under; lines of one text are joined."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = ("" if all(line.endswith("\n") for line in value[:-1]) else "\n").join(value)
    if isinstance(value, str):
        if not (_BINARY.match(key) and _BASE64.fullmatch(value)):
            yield html.unescape(_COLOUR.sub("", f"{key}: {value}"))
        return
    yield key
    if isinstance(value, list):
        for item in value:
            yield from _texts(item, key if isinstance(item, (str, list)) else "")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, name)
