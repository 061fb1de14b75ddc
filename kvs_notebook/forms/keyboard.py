"""Keyboard: what is typed in a form stays in the form.

JupyterLab takes the keys of whatever has the focus in a notebook in command mode: on a button ``b`` inserts a cell and ``d d``
deletes one, in a list of choices the arrow keys leave it. It leaves alone only an element that itself has the attribute
``data-lm-suppress-shortcuts``, which no widget can set from Python; so this one sets it, in the browser, on what gets the focus.
"""

from __future__ import annotations

import anywidget


class Keyboard(anywidget.AnyWidget):
    """Keep JupyterLab's shortcuts out of the form that holds this; it shows nothing."""

    _esm = """
    const keep = (event) => {
      if (event.target.closest?.(".kvs-form")) event.target.setAttribute("data-lm-suppress-shortcuts", "");
    };
    export default {
      render({ el }) {
        el.style.display = "none";
        document.addEventListener("focusin", keep, true);
        return () => document.removeEventListener("focusin", keep, true);
      },
    };
    """
