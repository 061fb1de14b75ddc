"""Keyboard: what is typed in a form stays in the form, and reaches Python before the click that comes after it.

JupyterLab takes the keys of whatever has the focus in a notebook in command mode: on a button ``b`` inserts a cell and ``d d``
deletes one, in a list of choices the arrow keys leave it. It leaves alone only an element that itself has the attribute
``data-lm-suppress-shortcuts``, which no widget can set from Python; so this one sets it, in the browser, on what gets the focus.

ipywidgets sends a click at once, but of what is typed only the first letter, until the kernel has dealt with that; and ipykernel
hears one widget on this thread and the next on that (subshells), so that a click overtakes what left before it. On a slow kernel
a click after ``90`` would act on ``9``. So a click waits here until the inputs in Python are what the browser shows.
"""

from __future__ import annotations

import anywidget
import ipywidgets as widgets

_SHOWN = {"value", "index"}
"""Where an input keeps what its user sees: a list of choices by its index."""


class Keyboard(anywidget.AnyWidget):
    """Keep JupyterLab's shortcuts out of the form that holds this, and its clicks behind its keys; it shows nothing.

    Parameters
    ----------
    form
        That form; what is in it is asked for at each click.
    """

    _esm = """
    const keep = (event) => {
      if (event.target.closest?.(".kvs-form")) event.target.setAttribute("data-lm-suppress-shortcuts", "");
    };
    export default {
      render({ model, el }) {
        el.style.display = "none";
        const held = [];
        let letting = false;
        const hold = (event) => {
          const button = event.target.closest?.("button");
          if (letting || !button || button.closest(".kvs-form") !== el.closest(".kvs-form")) return;
          event.stopImmediatePropagation();
          held.push(button);
          model.send("click");
        };
        const isShown = async ([id, state]) => {
          const input = await model.widget_manager.get_model(id);
          return Object.entries(state).every(([name, value]) => input.get(name) === value);
        };
        const letGo = async (inputs) => {
          if (!held.length) return;  // it was asked where the form is shown, too
          const shown = await Promise.all(Object.entries(inputs).map(isShown)).catch(() => [false]);  // one is not here yet
          if (shown.includes(false)) return setTimeout(() => model.send("click"), 50);
          letting = true;
          held.shift()?.click();
          letting = false;
        };
        document.addEventListener("focusin", keep, true);
        document.addEventListener("click", hold, true);
        model.on("msg:custom", letGo);
        return () => {
          document.removeEventListener("focusin", keep, true);
          document.removeEventListener("click", hold, true);
          model.off("msg:custom", letGo);
        };
      },
    };
    """

    def __init__(self, form: widgets.Box) -> None:
        super().__init__()
        self._form = form
        self.on_msg(self._answer)

    def _answer(self, *_: object) -> None:
        self.send({each.model_id: each.get_state(_SHOWN.intersection(each.keys)) for each in inputs(self._form)})


def inputs(widget: widgets.Widget) -> list[widgets.Widget]:
    """Give everything in a box that can be disabled, however deep."""
    if isinstance(widget, widgets.Box):
        return [found for child in widget.children for found in inputs(child)]
    return [widget] if widget.has_trait("disabled") else []
