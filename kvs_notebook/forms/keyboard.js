// The keyboard and the clicks of a form; see keyboard.py.

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

const elementsOf = (nodes) => [...nodes].filter((node) => node.nodeType === Node.ELEMENT_NODE);
const sourceOf = (element) => {  // without what is changed in the page only
  const copied = element.cloneNode(true);
  for (const each of [copied, ...copied.querySelectorAll("*")]) {
    for (const name of ["open", "data-lm-suppress-shortcuts"]) each.removeAttribute(name);
    if (each.matches(".kvs-copy")) each.replaceChildren();
  }
  return copied.outerHTML;
};
const putBack = (removed, added) => {  // an HTML widget replaces all that it shows: keep the elements that are as before
  const before = elementsOf(removed).map((element) => ({ element, source: sourceOf(element) }));
  const take = (test) => {
    const at = before.findIndex(test);
    return at < 0 ? undefined : before.splice(at, 1)[0].element;
  };
  const changed = elementsOf(added).filter((fresh) => {
    const wanted = sourceOf(fresh);
    const same = take(({ source }) => source === wanted);
    if (same) fresh.replaceWith(same);
    return !same;
  });
  for (const fresh of changed) {
    const like = take(({ element }) => element.tagName === fresh.tagName && element.className === fresh.className);
    if (like) putBack(like.childNodes, fresh.childNodes);
  }
};

export default {
  render({ model, el }) {
    el.style.display = "none";
    const held = [];
    let releasing = false;
    const isOurs = (element) => {
      const form = el.closest(".kvs-form");  // null once the form has left the page
      return form !== null && element?.closest?.(".kvs-form") === form;
    };
    const hold = (event, button) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      held.push(button);
      model.send("click");
    };
    const clicked = (event) => {
      const button = event.target.closest?.("button");
      if (event.isTrusted && pressed?.contains(event.target)) pressed = undefined;
      if (releasing || !button || !isOurs(button)) return;
      if (button.matches(".kvs-copy")) copy(button);
      else hold(event, button);
    };
    const enterButton = (input) =>
      input.closest(".kvs-enter")?.querySelector("button")
      ?? [...el.closest(".kvs-form").querySelectorAll("button.kvs-submit")].find(isOurs);
    const keyed = (event) => {
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
    let pressed, focused;  // buttons and summaries of HTML widgets of this form
    let isAway = false;
    const inHtml = (element) => {
      const found = element.closest?.(".widget-html-content :is(button, summary)") ?? undefined;
      return isOurs(found) ? found : undefined;
    };
    const repainted = (records) => {
      for (const { target, removedNodes, addedNodes } of records)
        if (target.matches(".widget-html-content") && isOurs(target)) putBack(removedNodes, addedNodes);
      observer.takeRecords();  // of what was put back
      isAway = true;
      if (document.activeElement === document.body && focused?.isConnected) focused.focus({ preventScroll: true });
    };
    const observer = new MutationObserver(repainted);
    const watch = ({ target }) => {  // from now on the user may have opened, focused or pressed something
      if (isOurs(target)) observer.observe(el.closest(".kvs-form"), { childList: true, subtree: true });
    };
    const noteFocus = ({ target }) => { focused = inHtml(target); };
    const noteBlur = () => setTimeout(() => { if (document.activeElement !== focused) focused = undefined; });
    const press = ({ target, button, key }) => {
      pressed = button === 0 || key === " " ? inHtml(target) : undefined;
      isAway = false;
    };
    const released = ({ target }) => {  // the browser sends no click to an element that was away for a moment
      const lost = isAway && pressed?.contains(target) ? pressed : undefined;
      setTimeout(() => {
        if (lost && lost === pressed) lost.click();
        pressed = undefined;
      });
    };
    const listeners = [
      ["focusin", prepareInput], ["focusin", watch], ["focusin", noteFocus], ["focusout", noteBlur],
      ["pointerdown", watch], ["pointerdown", press], ["pointerup", released], ["keyup", released],
      ["click", clicked], ["keydown", keyed], ["keydown", press],
    ];
    for (const [name, listener] of listeners) document.addEventListener(name, listener, true);
    model.on("msg:custom", release);
    return () => {
      observer.disconnect();
      for (const [name, listener] of listeners) document.removeEventListener(name, listener, true);
      model.off("msg:custom", release);
    };
  },
};
