"""Keyboard: what is typed in a form stays in the form, and reaches Python before the click that comes after it.

JupyterLab takes the keys of whatever has the focus in a notebook in command mode: on a button ``b`` inserts a cell and ``d d``
deletes one, in a list of choices the arrow keys leave it. It leaves alone only an element that itself has the attribute
``data-lm-suppress-shortcuts``, which no widget can set from Python; so this one sets it, in the browser, on what gets the focus.

ipywidgets sends a click at once, but of what is typed only the first letter, until the kernel has dealt with that: on a slow
kernel a click after ``90`` would act on ``9``. So a click waits here until the kernel has answered a question that went the same
way; with the answers before that one the rest of what was typed has left.
"""

from __future__ import annotations

from typing import Any

import anywidget


class Keyboard(anywidget.AnyWidget):
    """Keep JupyterLab's shortcuts out of the form that holds this, and its clicks behind its keys; it shows nothing."""

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
        const letGo = () => {
          const button = held.shift();
          letting = true;
          button?.click();
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

    def __init__(self) -> None:
        super().__init__()
        self.on_msg(self._answer)

    def _answer(self, _: Keyboard, content: Any, __: list[Any]) -> None:
        self.send(content)
