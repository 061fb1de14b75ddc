"""The keyboard in a form: JupyterLab's shortcuts stay out, and what was typed reaches Python before the next click.

JupyterLab takes the keys of the focused element of a notebook in command mode: on a button ``b`` inserts a cell and ``d d``
deletes one, in a list of choices the arrow keys leave it. It leaves alone only an element that itself has the attribute
``data-lm-suppress-shortcuts``, which no widget can set from Python; so this widget sets it, in the browser, on what gets focused.

ipywidgets sends a click at once, but of what is typed only the first letter, until the kernel has processed that; and ipykernel
processes the messages of different widgets on different threads (subshells), so that a click overtakes what was typed before it.
On a slow kernel a click after ``90`` would act on ``9``. So this widget holds a click back until the inputs in Python have the
values that the browser shows.

Enter in a text field presses the form's button, which has the class ``kvs-submit``; a field with a button of its own stands with
it in a box of the class ``kvs-enter``. This widget also copies the texts of the buttons of copy_html(), and names the
lines below a field as its description, for screen readers.
"""

from __future__ import annotations

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

    _esm = """
    let named = 0;
    const prepareInput = (event) => {
      const input = event.target;
      if (!input.closest?.(".kvs-form")) return;
      input.setAttribute("data-lm-suppress-shortcuts", "");
      const notes = input.closest(".kvs-field")?.querySelectorAll(":scope > .widget-html") ?? [];
      for (const note of notes) note.id ||= `kvs-note-${(named += 1)}`;
      if (notes.length) input.setAttribute("aria-describedby", [...notes].map((note) => note.id).join(" "));
    };
    const copy = async (button) => {
      const text = button.dataset.copy;
      try {
        await navigator.clipboard.writeText(text);
      } catch {  // no permission, or the page is not served by HTTPS
        const area = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
        area.select();
        document.execCommand("copy");
        area.remove();
        button.focus();
      }
      const label = button.textContent;
      if (label === "Copied") return;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    };
    export default {
      render({ model, el }) {
        el.style.display = "none";
        const held = [];
        let releasing = false;
        const isOurs = (element) => element?.closest(".kvs-form") === el.closest(".kvs-form");
        const hold = (event, button) => {
          event.preventDefault();
          event.stopImmediatePropagation();
          held.push(button);
          model.send("click");
        };
        const clicked = (event) => {
          const button = event.target.closest?.("button");
          if (releasing || !button || !isOurs(button)) return;
          if (button.matches(".kvs-copy")) copy(button);
          else hold(event, button);
        };
        const enterButton = (input) =>
          input.closest(".kvs-enter")?.querySelector("button")
          ?? [...el.closest(".kvs-form").querySelectorAll("button.kvs-submit")].find(isOurs);
        const pressed = (event) => {
          const input = event.target;
          if (event.key !== "Enter" || event.isComposing || !input.matches?.("input[type=text]") || !isOurs(input)) return;
          const button = enterButton(input);
          if (button) hold(event, button);
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
        document.addEventListener("focusin", prepareInput, true);
        document.addEventListener("click", clicked, true);
        document.addEventListener("keydown", pressed, true);
        model.on("msg:custom", release);
        return () => {
          document.removeEventListener("focusin", prepareInput, true);
          document.removeEventListener("click", clicked, true);
          document.removeEventListener("keydown", pressed, true);
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


SUBMIT_CLASS = "kvs-submit"
"""The class of the button that Enter presses."""

ENTER_CLASS = "kvs-enter"
"""The class of a box with a field and a button of its own, which Enter presses in that field."""


def inputs_in(widget: widgets.Widget) -> list[widgets.Widget]:
    """Return all widgets in a box, at any depth, that can be disabled."""
    if isinstance(widget, widgets.Box):
        return [found for child in widget.children for found in inputs_in(child)]
    return [widget] if widget.has_trait("disabled") else []
