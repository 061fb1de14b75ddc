"""The keyboard in a form: JupyterLab's shortcuts stay out, and what was typed reaches Python before the next click.

JupyterLab takes the keys of the focused element of a notebook in command mode: on a button ``b`` inserts a cell and ``d d``
deletes one, and in a list of choices the arrow keys select another cell. It leaves alone only an element that itself has the
attribute ``data-lm-suppress-shortcuts``, which no widget can set from Python; so this widget sets it, in the browser, on what
gets focused.

ipywidgets sends a click at once, but of typed text it sends only the first letter until the kernel has processed that letter.
Also, ipykernel processes the messages of different widgets on different threads (subshells). So a click can overtake the text
that was typed before it. On a slow kernel a click after ``90`` would act on ``9``. So this widget holds a click back until the
inputs in Python have the values that the browser shows.

Enter in a text field presses the form's button, which has the class ``kvs-submit``; a field with a button of its own is with
it in a box of the class ``kvs-enter``. This widget also copies the texts of the buttons of copy_html(), and names the lines
below a field as its description, for screen readers.

An HTML widget that changes replaces all of its elements. What the user has opened in it would close, the focus would go to the
page, and a click would be lost if the change comes between its press and its release. So this widget puts back the elements that
are as before.
"""

from __future__ import annotations

import pathlib

import anywidget
import ipywidgets as widgets

_VISIBLE_TRAITS = {"value", "index"}
"""The traits with what the user sees in an input; a list of choices keeps its index."""


class Keyboard(anywidget.AnyWidget):
    """Handle keys and clicks of a form in the browser; the widget itself is invisible.

    Parameters
    ----------
    form
        The form that contains this widget; its inputs are looked up at each click.
    """

    _esm = pathlib.Path(__file__).parent / "keyboard.js"

    def __init__(self, form: widgets.Box) -> None:
        super().__init__()
        self._form = form
        self.on_msg(self._send_inputs)

    def _send_inputs(self, *_: object) -> None:
        self.send(
            {each.model_id: each.get_state(_VISIBLE_TRAITS.intersection(each.keys)) for each in inputs_in(self._form)}
        )


SUBMIT_CLASS = "kvs-submit"
"""The class of the button that Enter presses."""

ENTER_CLASS = "kvs-enter"
"""The class of a box with a field and a button of its own, which Enter presses in that field."""


def inputs_in(widget: widgets.Widget) -> list[widgets.Widget]:
    """Return all widgets in a box, at any depth, that can be disabled."""
    if isinstance(widget, widgets.Box):
        return [found for child in widget.children for found in inputs_in(child)]
    return [widget] if widget.has_trait("disabled") else []
