// A button that downloads the text that Python sends after a click.
export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "jupyter-widgets jupyter-button widget-button";
    button.textContent = model.get("description");
    button.title = model.get("tooltip");
    button.addEventListener("click", () => model.send("clicked"));
    const save = (text) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      link.download = model.get("file_name");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    };
    model.on("msg:custom", save);
    el.append(button);
    return () => model.off("msg:custom", save);
  },
};
