// Move the focus to another widget as soon as the page shows it.

const GIVE_UP_MS = 5_000;

async function shownElement(widget) {
  for (const view of Object.values(widget.views ?? {})) {
    const { el } = await view;
    if (el.isConnected && el.checkVisibility()) return el.matches("button, input, select") ? el : el.querySelector("input, select, button");
  }
  return null;
}

function render({ model, el }) {
  el.style.display = "none";
  const move = async () => {
    const target = model.get("target");
    if (!target) return;
    const widget = await model.widget_manager.get_model(target);
    const deadline = Date.now() + GIVE_UP_MS;
    const look = async () => {
      if (model.get("target") !== target) return;
      const found = await shownElement(widget);
      if (!found && Date.now() < deadline) return requestAnimationFrame(look);
      found?.focus();
      model.set("target", "");
      model.save_changes();
    };
    look();
  };
  model.on("change:target", move);
  move();
  return () => model.off("change:target", move);
}

export default { render };
