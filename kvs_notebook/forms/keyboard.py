"""The keyboard in a form: JupyterLab's shortcuts stay out, and what was typed reaches Python before the next click.

JupyterLab takes the keys of the focused element of a notebook in command mode: on a button ``b`` inserts a cell and ``d d``
deletes one, in a list of choices the arrow keys leave it. It leaves alone only an element that itself has the attribute
``data-lm-suppress-shortcuts``, which no widget can set from Python; so this widget sets it, in the browser, on what gets focused.

ipywidgets sends a click at once, but of what is typed only the first letter, until the kernel has processed that; and ipykernel
processes the messages of different widgets on different threads (subshells), so that a click overtakes what was typed before it.
On a slow kernel a click after ``90`` would act on ``9``. So this widget holds a click back until the inputs in Python have the
values that the browser shows.
"""

from __future__ import annotations

import anywidget
import ipywidgets as widgets

_VISIBLE_TRAITS = {"value", "index"}
"""The traits with what the user sees in an input; a list of choices keeps its index."""


class Keyboard(anywidget.AnyWidget):
    """Keep JupyterLab's shortcuts out of a form, and its clicks behind its keys; the widget itself is invisible.

    Parameters
    ----------
    form
        The form that contains this widget; its inputs are looked up at each click.
    """

    _esm = """
    const suppressShortcuts = (event) => {
      if (event.target.closest?.(".kvs-form")) event.target.setAttribute("data-lm-suppress-shortcuts", "");
    };
    export default {
      render({ model, el }) {
        el.style.display = "none";
        const held = [];
        let releasing = false;
        const holdBack = (event) => {
          const button = event.target.closest?.("button");
          if (releasing || !button || button.closest(".kvs-form") !== el.closest(".kvs-form")) return;
          event.stopImmediatePropagation();
          held.push(button);
          model.send("click");
        };
        const isShown = async ([id, state]) => {
          const input = await model.widget_manager.get_model(id);
          return Object.entries(state).every(([name, value]) => input.get(name) === value);
        };
        const release = async (inputs) => {
          if (!held.length) return;  // another view of this form holds the click
          const shown = await Promise.all(Object.entries(inputs).map(isShown)).catch(() => [false]);  // one is not created yet
          if (shown.includes(false)) return setTimeout(() => model.send("click"), 50);
          releasing = true;
          held.shift()?.click();
          releasing = false;
        };
        document.addEventListener("focusin", suppressShortcuts, true);
        document.addEventListener("click", holdBack, true);
        model.on("msg:custom", release);
        return () => {
          document.removeEventListener("focusin", suppressShortcuts, true);
          document.removeEventListener("click", holdBack, true);
          model.off("msg:custom", release);
        };
      },
    };
    """

    def __init__(self, form: widgets.Box) -> None:
        super().__init__()
        self._form = form
        self.on_msg(self._send_inputs)

    def _send_inputs(self, *_: object) -> None:
        self.send(
            {each.model_id: each.get_state(_VISIBLE_TRAITS.intersection(each.keys)) for each in inputs_in(self._form)}
        )


def inputs_in(widget: widgets.Widget) -> list[widgets.Widget]:
    """Return all widgets in a box, at any depth, that can be disabled."""
    if isinstance(widget, widgets.Box):
        return [found for child in widget.children for found in inputs_in(child)]
    return [widget] if widget.has_trait("disabled") else []
