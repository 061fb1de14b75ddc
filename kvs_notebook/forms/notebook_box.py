"""A box of widgets that a notebook shows with a sentence for the time when its kernel is gone.

Widgets live in the kernel. After a restart their views stay on the page and do nothing; in a notebook that is opened again
JupyterLab shows "Error displaying widget: model not found". So each form is followed by an output of HTML, which is hidden while
the form is connected, and else says what to do. It hides by CSS, so that it needs neither the kernel nor scripts.
"""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

_OUTPUT = ".jp-OutputArea-child"
_CONNECTED = ".kvs-form:not(.jupyter-widgets-disconnected)"

SENTENCE = (
    "This form is not connected to a kernel. Click this cell, choose Run > Run All Above Selected Cell in the menu, then press "
    "Shift+Enter to open the form again."
)
"""What is shown in place of a form; "this cell" is the one above the output, which is shown with it."""

DISCONNECTED_HTML = f"""<style>
{_OUTPUT}:has({_CONNECTED}) + {_OUTPUT}:has(.kvs-disconnected) {{ display: none; }}
{_OUTPUT}:has(+ {_OUTPUT} .kvs-disconnected) .jupyter-widgets:not(.kvs-form, .kvs-form *) {{ display: none; }}
.kvs-form.jupyter-widgets-disconnected {{ opacity: 0.6; pointer-events: none; }}
.kvs-form.jupyter-widgets-disconnected::before, .kvs-form .jupyter-widgets-disconnected::before {{ content: none; }}
</style><p class="kvs-disconnected">{SENTENCE}</p>"""


class NotebookBox(widgets.VBox):
    """Show a form in a notebook, and below it, when its kernel is gone, what to do."""

    def _ipython_display_(self) -> None:
        from IPython.display import display

        bundle: dict[str, Any] = self._repr_mimebundle_()
        display(bundle, raw=True)  # type: ignore[no-untyped-call] # IPython
        display({"text/html": DISCONNECTED_HTML, "text/plain": SENTENCE}, raw=True)  # type: ignore[no-untyped-call] # as above
