// A page of a table. Python has the rows: each action of the user is sent to it, and it sends the page that follows.

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== "") made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

const localTime = (iso) =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });

function render({ model, el }) {
  let current = "";  // the row that the arrow keys move from
  const act = (message) => {
    model.kvsSent = Math.max(model.kvsSent ?? 0, model.get("value")) + 1;
    model.set("value", model.kvsSent);
    model.send({ ...message, number: model.kvsSent });
  };

  const cellContent = (cell, id) => {
    if (typeof cell === "string") return cell;
    if (cell.status) return element("span", { class: `kvs-status kvs-status-${cell.status}` }, cell.text);
    if (cell.time) return element("time", { datetime: cell.time, title: localTime(cell.time) }, cell.text || localTime(cell.time));
    if (cell.open)
      return element("button", {
        type: "button", class: "kvs-open", tabindex: -1, title: `Open ${cell.text}`,
        onclick: (event) => { event.stopPropagation(); current = id; act({ do: "open", id }); },
      }, cell.text);
    return cell.text;
  };

  const headCell = (column, view) => {
    const sorted = view.sort === column.key;
    const arrow = sorted ? (view.ascending ? " ▲" : " ▼") : "";
    const button = element("button", {
      type: "button", title: column.tooltip, "data-key": `head ${column.key}`, onclick: () => act({ do: "sort", key: column.key }),
    }, column.heading, element("span", { "aria-hidden": "true" }, arrow));
    return element("th", {
      role: view.selectable && "columnheader", scope: "col",
      "aria-sort": sorted ? (view.ascending ? "ascending" : "descending") : "none",
    }, button);
  };

  const selectAll = (view) => {
    const box = element("input", {
      type: "checkbox", "data-key": "all", "aria-label": `Select all ${view.total.toLocaleString("en")} rows`,
      title: "Select the rows of all pages", onchange: () => act({ do: "all" }),
    });
    box.checked = view.all;
    box.indeterminate = !view.all && view.rows.some((row) => row.selected);
    box.disabled = !view.total;
    return element("th", { role: "columnheader", scope: "col", class: "kvs-box" }, box);
  };

  const choose = (event, id) => {
    current = id;
    if (event.shiftKey) act({ do: "extend", id });
    else act({ do: event.ctrlKey || event.metaKey ? "toggle" : "only", id });
  };

  const bodyRow = (row, at, view) => {
    const cells = row.cells.map((cell, column) => {
      const name = view.selectable && column === 0;
      return element(name ? "th" : "td", {
        role: view.selectable && (name ? "rowheader" : "gridcell"), scope: name && "row",
        class: view.columns[column].wrap && cell && "kvs-wrap",
      }, cellContent(cell, row.id));
    });
    if (!view.selectable) return element("tr", {}, ...cells);
    const box = element("input", {
      type: "checkbox", tabindex: -1, "aria-label": `Select ${row.cells[0].text ?? row.cells[0]}`,
      onclick: (event) => { event.stopPropagation(); current = row.id; act({ do: event.shiftKey ? "extend" : "toggle", id: row.id }); },
    });
    box.checked = row.selected;
    return element("tr", {
      role: "row", class: [row.selected && "kvs-selected", row.marked && "kvs-changed"].filter(Boolean).join(" "),
      tabindex: row.id === current ? 0 : -1, "data-key": `row ${row.id}`, "data-id": row.id,
      "aria-selected": String(row.selected), "aria-rowindex": view.start + at + 2,
      onmousedown: (event) => { if (event.shiftKey) event.preventDefault(); },  // else the browser selects text
      onclick: (event) => choose(event, row.id),
      ondblclick: () => act({ do: "open", id: row.id }),
    }, element("td", { role: "gridcell", class: "kvs-box", title: row.marked && "Changed a moment ago" }, box), ...cells);
  };

  const move = (to, event) => {
    event.preventDefault();
    if (!to) return;
    const from = current;
    current = to.dataset.id;
    for (const row of el.querySelectorAll("tbody tr")) row.tabIndex = row === to ? 0 : -1;
    to.focus();
    if (event.shiftKey) act({ do: "extend", id: current, from });
  };

  const pressed = (event) => {
    const row = event.target.closest("tbody tr");
    const view = model.get("view");
    if (!row || event.target !== row) return;
    event.stopPropagation();
    const id = row.dataset.id;
    const rows = [...el.querySelectorAll("tbody tr")];
    const steps = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: rows[0], End: rows.at(-1) };
    if (event.key in steps) move(steps[event.key], event);
    else if (event.key === " ") { event.preventDefault(); act({ do: "toggle", id }); }
    else if (event.key === "Enter") { event.preventDefault(); act({ do: "open", id }); }
    else if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      act({ do: "page", page: view.page + (event.key === "PageDown" ? 1 : -1) });
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); act({ do: "all" }); }
  };

  const footer = (view) => {
    const from = view.total ? view.start + 1 : 0;
    const number = (value) => value.toLocaleString("en");
    const turn = (name, key, page, enabled) =>
      element("button", { type: "button", "data-key": key, disabled: !enabled, onclick: () => act({ do: "page", page }) }, name);
    const size = element("select", { "aria-label": "Rows per page", "data-key": "size",
      onchange: (event) => act({ do: "size", size: Number(event.target.value) }) },
      ...view.sizes.map((each) => element("option", { value: each, selected: each === view.size }, `${each} per page`)));
    return element("div", { class: "kvs-pages" },
      element("span", {}, `rows ${number(from)}–${number(view.start + view.rows.length)} of ${number(view.total)}`),
      element("span", { class: "kvs-hidden-columns" }),
      ...(view.total > view.sizes[0] ? [size] : []),
      ...(view.last ? [
        turn("Previous", "previous", view.page - 1, view.page > 0),
        element("span", {}, `page ${number(view.page + 1)} of ${number(view.last + 1)}`),
        turn("Next", "next", view.page + 1, view.page < view.last),
      ] : []));
  };

  const paint = () => {
    const view = model.get("view");
    if (!view.columns) return;
    const focused = el.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : undefined;
    const left = el.querySelector(".kvs-scroll")?.scrollLeft ?? 0;
    if (!view.rows.some((row) => row.id === current)) current = view.rows[0]?.id ?? "";
    const head = view.columns.map((column) => headCell(column, view));
    const body = view.rows.length
      ? view.rows.map((row, at) => bodyRow(row, at, view))
      : [element("tr", { role: view.selectable && "row" },
          element("td", { role: view.selectable && "gridcell", colspan: head.length + 1, class: "kvs-empty" }, view.empty))];
    const table = element("table", view.selectable
      ? { role: "grid", "aria-multiselectable": "true", "aria-label": view.label, "aria-rowcount": view.total + 1, onkeydown: pressed }
      : { "aria-label": view.label },
      element("thead", { role: view.selectable && "rowgroup" },
        element("tr", { role: view.selectable && "row" }, ...(view.selectable ? [selectAll(view)] : []), ...head)),
      element("tbody", { role: view.selectable && "rowgroup" }, ...body));
    const scroll = element("div", { class: "kvs-scroll", tabindex: view.selectable ? undefined : 0, role: view.selectable ? undefined : "group",
      "aria-label": view.selectable ? undefined : view.label }, table);
    el.replaceChildren(scroll, footer(view));
    fit();
    scroll.scrollLeft = left;
    if (focused === undefined) return;
    const same = [...el.querySelectorAll("[data-key]")].find((each) => each.dataset.key === focused && !each.disabled);
    (same ?? el.querySelector('tbody tr[tabindex="0"]'))?.focus({ preventScroll: true });
  };

  const fit = () => {  // hide columns that may go, the last one first, until the others fit
    const scroll = el.querySelector(".kvs-scroll");
    if (!scroll) return;
    const view = model.get("view");
    const rows = [...scroll.querySelectorAll("tr")].filter((row) => row.cells.length > 1);
    const show = (at, shown) => { for (const row of rows) row.cells[view.selectable ? at + 1 : at].hidden = !shown; };
    const shown = [...view.columns.keys()].filter((at) => view.columns[at].spare);
    let hidden = 0;
    for (const at of shown) show(at, true);
    for (; shown.length && scroll.scrollWidth > scroll.clientWidth; hidden += 1) show(shown.pop(), false);
    const text = hidden === 1 ? "1 column" : `${hidden} columns`;
    el.querySelector(".kvs-hidden-columns").textContent = hidden ? `no room for ${text}` : "";
  };

  const processed = () => {  // Python may answer an earlier action while a later one is under way
    if (model.get("value") < (model.kvsSent ?? 0)) model.set("value", model.kvsSent);
  };
  const told = (message) => { if (message.focus) el.querySelector('tbody tr[tabindex="0"]')?.focus(); };

  el.classList.add("kvs-paged-table");
  model.on("change:view", paint);
  model.on("change:value", processed);
  model.on("msg:custom", told);
  paint();
  let width = 0;
  const resized = new ResizeObserver(([entry]) => {
    if (entry.contentRect.width === width) return;
    width = entry.contentRect.width;
    requestAnimationFrame(fit);
  });
  resized.observe(el);
  return () => {
    resized.disconnect();
    model.off("change:view", paint);
    model.off("change:value", processed);
    model.off("msg:custom", told);
  };
}

export default { render };
