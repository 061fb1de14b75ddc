"""A timer that runs in the browser, while the page shows the form that contains it."""

from __future__ import annotations

from collections.abc import Callable

import anywidget
import traitlets


class VisibleTimer(anywidget.AnyWidget):
    """Call a listener regularly while a view of the form is on the screen; the widget itself is invisible.

    A kernel does not know whether its page is hidden, scrolled away or closed; the browser does. If the form was hidden for
    longer, the listener is called as soon as it is visible again.

    Attributes
    ----------
    seconds
        The time between two calls.
    """

    _esm = """
    export default {
      render({ model, el }) {
        el.style.height = "0";
        let last = Date.now();
        const isSeen = () => {
          const box = el.closest(".kvs-form")?.getBoundingClientRect();
          return !document.hidden && box?.height > 0 && box.bottom > 0 && box.top < window.innerHeight;
        };
        const look = () => {
          if (Date.now() - last < 1000 * model.get("seconds") || !isSeen()) return;
          last = Date.now();
          model.send("seen");
        };
        const timer = setInterval(look, 250);
        document.addEventListener("visibilitychange", look);
        return () => {
          clearInterval(timer);
          document.removeEventListener("visibilitychange", look);
        };
      },
    };
    """
    seconds = traitlets.Float(30.0).tag(sync=True)

    def __init__(self, listener: Callable[[], object], seconds: float) -> None:
        super().__init__(seconds=seconds)
        self.on_msg(lambda *_: listener())
