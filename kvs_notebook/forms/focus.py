"""Move the focus to a widget, also to one that the browser does not show yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets


def focus_when_shown(widget: widgets.DOMWidget) -> None:
    """Move the focus to a widget that the browser does not show yet."""

    def shown(_: Mapping[str, Any]) -> None:
        widget.unobserve(shown, "_view_count")
        widget.focus()

    widget._view_count = 0  # noqa: SLF001 - ipywidgets' documented counter of the places that show a widget, off until set
    widget.observe(shown, "_view_count")
