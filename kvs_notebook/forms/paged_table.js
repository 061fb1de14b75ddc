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

const PRESSES = ["pointerdown", "keydown"];
const RELEASES = ["pointerup", "pointercancel", "keyup", "blur"];

const localTime = (iso) =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });

function render({ model, el }) {
  let current = "";  // the row that the arrow keys move from
  let fitted = "";  // the widths for which columns are hidden
  let whole;  // the layout when no row was filtered out: filtering moves nothing
  let pressed = false;  // while a button or key is down, painting would remove what it was pressed on, and lose the click
  let stale = false;
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

  const bodyRows = (row, at, view) => {
    const columns = [...view.columns.keys()];
    const cells = columns.filter((column) => !view.columns[column].below).map((column) => {
      const cell = row.cells[column];
      const name = view.selectable && column === 0;
      return element(name ? "th" : "td", {
        role: view.selectable && (name ? "rowheader" : "gridcell"), scope: name && "row",
      }, cellContent(cell, row.id));
    });
    const below = columns.filter((column) => view.columns[column].below && row.cells[column]).map((column) =>
      element("tr", { class: "kvs-below" }, element("td", { colspan: cells.length }, cellContent(row.cells[column], row.id))));
    if (!view.selectable) return [element("tr", {}, ...cells), ...below];
    const box = element("input", {
      type: "checkbox", tabindex: -1, "aria-label": `Select ${row.cells[0].text ?? row.cells[0]}`,
      onclick: (event) => { event.stopPropagation(); current = row.id; act({ do: event.shiftKey ? "extend" : "toggle", id: row.id }); },
    });
    box.checked = row.selected;
    return [element("tr", {
      role: "row", class: [row.selected && "kvs-selected", row.marked && "kvs-changed"].filter(Boolean).join(" "),
      tabindex: row.id === current ? 0 : -1, "data-key": `row ${row.id}`, "data-id": row.id,
      "aria-selected": String(row.selected), "aria-rowindex": view.start + at + 2,
      onmousedown: (event) => { if (event.shiftKey) event.preventDefault(); },  // else the browser selects text
      onclick: (event) => choose(event, row.id),
      ondblclick: () => act({ do: "open", id: row.id }),
    }, element("td", { role: "gridcell", class: "kvs-box", title: row.marked && "Changed a moment ago" }, box), ...cells)];
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

  const keyed = (event) => {
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
    const number = (value) => value.toLocaleString("en");
    const turn = (name, key, page, enabled) =>
      element("button", { type: "button", "data-key": key, disabled: !enabled, onclick: () => act({ do: "page", page }) }, name);
    const size = element("select", { "aria-label": "Rows per page", "data-key": "size",
      onchange: (event) => act({ do: "size", size: Number(event.target.value) }) },
      ...view.sizes.map((each) => element("option", { value: each, selected: each === view.size }, `${each} per page`)));
    return element("div", { class: "kvs-pages" },
      element("span", {}, view.total ? `rows ${number(view.start + 1)}–${number(view.start + view.rows.length)} of ${number(view.total)}` : ""),
      element("span", { class: "kvs-hidden-columns" }),
      ...(view.total > view.sizes[0] ? [size] : []),
      ...(view.last ? [
        turn("Previous", "previous", view.page - 1, view.page > 0),
        element("span", {}, `page ${number(view.page + 1)} of ${number(view.last + 1)}`),
        turn("Next", "next", view.page + 1, view.page < view.last),
      ] : []));
  };

  const widths = () => `${el.clientWidth} ${el.querySelector("table")?.offsetWidth}`;
  const resized = new ResizeObserver(() => { if (widths() !== fitted) requestAnimationFrame(fit); });

  const paint = () => {
    const view = model.get("view");
    if (!view.columns) return;
    stale = pressed;
    if (stale) return;
    const focused = el.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : undefined;
    const left = el.querySelector(".kvs-scroll")?.scrollLeft ?? 0;
    if (!view.rows.some((row) => row.id === current)) current = view.rows[0]?.id ?? "";
    const head = view.columns.filter((column) => !column.below).map((column) => headCell(column, view));
    const body = view.rows.length
      ? view.rows.flatMap((row, at) => bodyRows(row, at, view))
      : [element("tr", { role: view.selectable && "row" },
          element("td", { role: view.selectable && "gridcell", colspan: head.length + 1, class: "kvs-empty" }, view.empty))];
    const table = element("table", view.selectable
      ? { role: "grid", "aria-multiselectable": "true", "aria-label": view.label, "aria-rowcount": view.total + 1, onkeydown: keyed }
      : { "aria-label": view.label },
      element("thead", { role: view.selectable && "rowgroup" },
        element("tr", { role: view.selectable && "row" }, ...(view.selectable ? [selectAll(view)] : []), ...head)),
      element("tbody", { role: view.selectable && "rowgroup" }, ...body));
    const scroll = element("div", { class: "kvs-scroll", tabindex: view.selectable ? undefined : 0, role: view.selectable ? undefined : "group",
      "aria-label": view.selectable ? undefined : view.label }, table);
    for (const old of el.querySelectorAll("table")) resized.unobserve(old);
    el.replaceChildren(scroll, footer(view));
    fit();
    resized.observe(table);  // another theme has other letters
    scroll.scrollLeft = left;
    if (focused === undefined) return;
    const same = [...el.querySelectorAll("[data-key]")].find((each) => each.dataset.key === focused && !each.disabled);
    (same ?? el.querySelector('tbody tr[tabindex="0"]'))?.focus({ preventScroll: true });
  };

  const fit = () => {  // hide columns that may go, the last one first, until the others fit
    const scroll = el.querySelector(".kvs-scroll");
    if (!scroll) return;
    const view = model.get("view");
    const heads = [...scroll.querySelectorAll("thead th")];
    const place = JSON.stringify([view.columns.map((column) => column.key), el.clientWidth]);
    const held = view.filtered && whole?.place === place ? whole : undefined;
    heads.forEach((head, at) => { head.style.width = held ? `${held.widths[at]}px` : ""; });
    scroll.style.minHeight = held ? `${held.height}px` : "";
    const rows = [...scroll.querySelectorAll("tr")].filter((row) => row.cells.length > 1);
    const cell = (at) => (view.selectable ? at + 1 : at);
    const show = (at, shown) => { for (const row of rows) row.cells[cell(at)].hidden = !shown; };
    const spare = [...view.columns.keys()].filter((at) => view.columns[at].spare);
    for (const at of spare) show(at, !held || held.widths[cell(at)] > 0);
    const shown = spare.filter((at) => !heads[cell(at)].hidden);
    while (shown.length && scroll.scrollWidth > scroll.clientWidth) show(shown.pop(), false);
    const box = (each) => each.getBoundingClientRect();
    if (!view.filtered) whole = { place, widths: heads.map((head) => box(head).width), height: box(scroll).height };
    const hidden = spare.length - shown.length;
    const text = hidden === 1 ? "1 column" : `${hidden} columns`;
    el.querySelector(".kvs-hidden-columns").textContent = hidden ? `no space for ${text}` : "";
    fitted = widths();
  };

  const processed = () => {  // Python may answer an earlier action while a later one is under way
    if (model.get("value") < (model.kvsSent ?? 0)) model.set("value", model.kvsSent);
  };
  const told = (message) => { if (message.focus) el.querySelector('tbody tr[tabindex="0"]')?.focus(); };

  const press = (event) => { pressed = event.button === 0 || event.key === " "; };
  const release = () => setTimeout(() => {  // the click follows the release
    pressed = false;
    if (stale) paint();
  });

  el.classList.add("kvs-paged-table");
  for (const name of PRESSES) el.addEventListener(name, press, true);
  for (const name of RELEASES) window.addEventListener(name, release, name !== "blur");
  model.on("change:view", paint);
  model.on("change:value", processed);
  model.on("msg:custom", told);
  resized.observe(el);
  paint();
  return () => {
    resized.disconnect();
    for (const name of RELEASES) window.removeEventListener(name, release, name !== "blur");
    model.off("change:view", paint);
    model.off("change:value", processed);
    model.off("msg:custom", told);
  };
}

export default { render };
