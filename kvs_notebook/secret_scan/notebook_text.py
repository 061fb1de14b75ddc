"""Every text of a saved notebook, with its cell and location: sources, outputs, widget state, metadata."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kvs_notebook.secret_scan.text_views import visible_text

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
SOURCE = ("source", "input")
"""The member with a cell's source: since nbformat 4, and before."""

TYPED_PASSWORD = "password in a form"  # noqa: S105 - a kind of secret
"""ipywidgets saves what was typed into its Password in the widget state."""

_NAME = re.compile("[a-z0-9_./+-]{1,60}")
_MODEL = re.compile("[A-Za-z]{1,40}Model")
_TEXT_MODELS = frozenset({"TextModel", "TextareaModel", "ComboboxModel"})
_PASSWORD = re.compile(r"\bpass(?:word|phrase)\b", re.IGNORECASE)
_DESCRIPTIONS = {
    "secret access key": re.compile("secret|access key", re.IGNORECASE),
    "client secret": re.compile("secret", re.IGNORECASE),
    "session token": re.compile(r"\b(?:session|security)[ _-]?token|^\W*(?:aws\W)?token\b", re.IGNORECASE),
    "access token": re.compile(r"\b(?:access|refresh|id|sso)[ _-]?token", re.IGNORECASE),
    "password": re.compile("password|credential", re.IGNORECASE),
}
"""How the description of a widget names a secret."""

_EMBEDDED_WIDGETS = re.compile(rf"<script type=.{re.escape(WIDGET_STATE)}.>(.*?)</script>", re.DOTALL)
_BINARY = re.compile(r"image/(?!svg)|audio/|video/|application/pdf|png$|jpeg$")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


class NotebookText(NamedTuple):
    """A text of a notebook.

    Texts of one group (a cell or a widget) are searched together. ``secret_kind`` is set if the whole text is a secret, and
    ``is_repetition`` if the text joins pieces that are texts themselves. A location that is empty is the line of the secret.
    """

    group: str
    cell: int | None
    location: str
    text: str
    secret_kind: str | None = None
    is_repetition: bool = False


def iterate_texts(notebook: Mapping[str, Any]) -> Iterator[NotebookText]:
    """Yield every text of a notebook, also in members that nbformat does not define."""
    cell_of_widget: dict[str, int] = {}
    for number, cell in enumerate(_cells(notebook), 1):
        for widget in re.findall(r'"model_id": "([\w-]+)"', json.dumps(cell)):
            cell_of_widget.setdefault(widget, number)
        yield from _cell_texts(number, cell)
    rest = {key: value for key, value in notebook.items() if key not in ("cells", "worksheets")}
    rest["worksheets"] = [_beside_cells(sheet) for sheet in _list_of(notebook.get("worksheets"))]
    metadata = rest.get("metadata")
    if isinstance(metadata, dict):
        yield from _widget_texts(metadata.get("widgets"), cell_of_widget)
        rest["metadata"] = {key: value for key, value in metadata.items() if key != "widgets"}
    for text in _texts(rest):
        yield NotebookText("notebook", None, "metadata of the notebook", text)


def iterate_export_texts(content: str) -> Iterator[NotebookText]:
    """Yield the texts of a script or HTML page that was made from a notebook: all of it, and the widget state in it."""
    yield NotebookText("file", None, "", visible_text(html.unescape(content)))
    for match in _EMBEDDED_WIDGETS.finditer(content):
        try:
            widgets = json.loads(match[1])
        except ValueError:
            continue  # it was searched as text above
        yield from _widget_texts(widgets, {})


def _cells(notebook: Mapping[str, Any]) -> list[Any]:
    """Return the cells, or what stands in their place; before nbformat 4 they were in worksheets."""
    sheets = [notebook, *_list_of(notebook.get("worksheets"))]
    return [cell for sheet in sheets if isinstance(sheet, dict) for cell in _list_of(sheet.get("cells"))]


def _beside_cells(sheet: Any) -> Any:
    """Return what a worksheet has beside its cells."""
    return {key: value for key, value in sheet.items() if key != "cells"} if isinstance(sheet, dict) else sheet


def _list_of(value: Any) -> list[Any]:
    """Return a list as it is, nothing for null, and another value as the only item."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _cell_texts(number: int, cell: Any) -> Iterator[NotebookText]:
    members = cell if isinstance(cell, dict) else {"source": cell}
    for location, text in _located_texts(members):
        yield NotebookText(f"cell {number}", number, location, text)
    for location, text in _joined_pieces(members):
        yield NotebookText(f"cell {number}", number, location, text, is_repetition=True)


def _located_texts(cell: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts of a cell with their locations, its source first."""
    for key, value in sorted(cell.items(), key=lambda member: member[0] not in SOURCE):
        if key == "outputs" and isinstance(value, list):
            for count, output in enumerate(value, 1):
                yield from ((f"output {count}{detail}", text) for detail, text in _output_texts(output))
        else:
            location = "source" if key in SOURCE else _safe_name(key)
            yield from ((location, text) for text in _texts(value, key))


def _output_texts(output: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts of an output, each with its detail: the stream, the media type, or the traceback."""
    if not isinstance(output, dict):
        yield from (("", text) for text in _texts(output))
        return
    data = output.get("data")
    members = [member for member in output.items() if member[1] is not data]
    for key, value in [*members, *(data.items() if isinstance(data, dict) else [("data", data)])]:
        name = str(output.get("name", key)) if output.get("output_type") == "stream" else key
        yield from ((f" ({_safe_name(name)})", text) for text in _texts(value, key))


def _joined_pieces(cell: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield texts that were saved in pieces: lists without newlines, and the parts of a stream that was written slowly.

    Notebooks save a text as a list of its lines, but may break it anywhere: nbformat joins the list.
    """
    for key in SOURCE:
        if _is_broken(cell.get(key)):
            yield "source", "".join(cell[key])
    outputs = cell.get("outputs")
    streams: dict[str, list[tuple[int, str]]] = {}
    for count, output in enumerate(outputs if isinstance(outputs, list) else [], 1):
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        for key, value in {**output, **(data if isinstance(data, dict) else {})}.items():
            if _is_broken(value) and not _BINARY.match(key):
                yield f"output {count} ({_safe_name(key)})", "".join(value)
        if output.get("output_type") == "stream":
            text = output.get("text", "")
            joined = "".join(part for part in text if isinstance(part, str)) if isinstance(text, list) else str(text)
            streams.setdefault(str(output.get("name", "text")), []).append((count, joined))
    for name, parts in streams.items():
        if len(parts) > 1:
            yield f"output {parts[0][0]} ({_safe_name(name)})", visible_text("".join(text for _, text in parts))


def _is_broken(value: Any) -> bool:
    """Return whether a value is a text that was saved as a list, not broken at its newlines."""
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        return False
    return not all(part.endswith("\n") for part in value[:-1])


def _safe_name(name: str) -> str:
    """Return a media type or a member's name for a location; a name of another form may be a secret itself."""
    return name if _NAME.fullmatch(name) else "other"


def _widget_texts(widgets: Any, cell_of_widget: Mapping[str, int]) -> Iterator[NotebookText]:
    """Yield the texts of saved widgets, each with the cell that shows it, directly or in another widget."""
    saved = widgets.get(WIDGET_STATE, widgets) if isinstance(widgets, dict) else {}
    models = saved.get("state") if isinstance(saved, dict) else None
    if not isinstance(models, dict):
        yield from (NotebookText("widgets", None, "widget state", text) for text in _texts(widgets))
        return
    cells = _with_contained_widgets(cell_of_widget, models)
    for widget, model in models.items():
        name = str(model.get("model_name", "")) if isinstance(model, dict) else ""
        location = f"widget state ({name})" if _MODEL.fullmatch(name) else "widget state"
        state = model.get("state") if isinstance(model, dict) else None
        if isinstance(state, dict) and state.get("value") and _asks_for_password(name, state):
            yield NotebookText(widget, cells.get(widget), location, str(state["value"]), TYPED_PASSWORD)
            state["value"] = ""
        yield from (NotebookText(widget, cells.get(widget), location, text) for text in _texts(model))
        if isinstance(state, dict):
            for text in _described_values(state, models):
                yield NotebookText(widget, cells.get(widget), location, text, is_repetition=True)
            for _, text in _joined_pieces(state):
                yield NotebookText(widget, cells.get(widget), location, text, is_repetition=True)


def _asks_for_password(model_name: str, state: Mapping[str, Any]) -> bool:
    """Return whether a widget is a Password, or a text field that is described as one."""
    described = f"{state.get('description')} {state.get('placeholder')}"
    return model_name == "PasswordModel" or (model_name in _TEXT_MODELS and _PASSWORD.search(described) is not None)


def _described_values(state: Mapping[str, Any], models: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was typed into a widget, after the name in its description, its placeholder or a label beside it."""
    typed = state.get("value")
    if isinstance(typed, str) and typed:
        for key in ("description", "placeholder", "description_tooltip", "tooltip"):
            yield from (f"{name}: {typed}" for name in _secret_names(state.get(key)))
    children = state.get("children")
    names: list[str] = []
    for child in children if isinstance(children, list) else ():
        model = models.get(str(child).removeprefix("IPY_MODEL_"))
        beside = model.get("state") if isinstance(model, dict) else None
        value = beside.get("value") if isinstance(beside, dict) else None
        if isinstance(value, str):
            yield from (f"{name}: {value}" for name in names)
            names = list(_secret_names(value))


def _secret_names(description: Any) -> Iterator[str]:
    """Yield what a description says a value is, as the patterns name it."""
    for name, words in _DESCRIPTIONS.items():
        if isinstance(description, str) and words.search(description):
            yield name


def _with_contained_widgets(cell_of_widget: Mapping[str, int], models: Mapping[str, Any]) -> dict[str, int]:
    """Return the cell of each widget: a widget that another one contains is in the same cell."""
    cells = dict(cell_of_widget)
    waiting = list(cells)
    while waiting:
        widget = waiting.pop()
        for contained in re.findall(r"IPY_MODEL_([\w-]+)", json.dumps(models.get(widget))):
            if contained not in cells:
                cells[contained] = cells[widget]
                waiting.append(contained)
    return cells


def _texts(value: Any, key: str = "") -> Iterator[str]:
    """Yield every text in a value, after the key that it belongs to; lists of lines are joined."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = ("" if all(line.endswith("\n") for line in value[:-1]) else "\n").join(value)
    if isinstance(value, str):
        if not (_BINARY.match(key) and _BASE64.fullmatch(value)):
            yield visible_text(html.unescape(f"{key}: {value}"))
        return
    yield key
    if isinstance(value, list):
        for item in value:
            yield from _texts(item, key if isinstance(item, (str, list)) else "")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, name)
