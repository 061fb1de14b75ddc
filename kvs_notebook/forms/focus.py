"""Move the focus to a widget, also to one that the browser does not show yet."""

from __future__ import annotations

import pathlib

import anywidget
import ipywidgets as widgets
import traitlets


class Focus(anywidget.AnyWidget):
    """Move the focus to another widget as soon as the page shows it; the widget itself is invisible.

    ``widget.focus()`` does nothing while the browser still makes the widget.

    Attributes
    ----------
    target
        The model id of the widget that will get the focus; empty if none is waited for.
    """

    _esm = pathlib.Path(__file__).parent / "focus.js"
    target = traitlets.Unicode().tag(sync=True)

    def move_to(self, widget: widgets.Widget) -> None:
        """Move the focus to a widget."""
        self.target = ""
        self.target = widget.model_id
