"""axe-core finds no violation in the forms, in the light and in the dark theme; every text is whole and can be read."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import kvs_notebook as kvs
from tests.browser.lab import DARK, LIGHT

IMPORTS = "import kvs_notebook as kvs\nfrom kvs_notebook.forms.job import Outcome"
FORMS = {
    "create_channel": "form = kvs.forms.create_channel()\nform.tags.value = {'aws:x': ''}\nform.submit.click()\nform",
    "update_channel": "kvs.forms.update_channel('front-door')",
    "delete_channel": "kvs.forms.delete_channel('front-door')",
    "edit_tags": "kvs.forms.edit_tags('front-door')",
    "get_endpoints": "form = kvs.forms.get_endpoints('front-door')\nform.submit.click()\nform",
    "connection": "kvs.forms.connection()",
    "console": """console = kvs.forms.console()
console.future.result()
console.table.select("front-door", "back-door")
console.columns.button.click()
console.activity.add(Outcome("Created front-door.", code="kvs"))
ttl = console.open_form("TTL")
ttl.message_ttl_seconds.value = "75"
ttl.submit.click()
ttl.future.result()
console.open_form("Delete")
console""",
}

UNREADABLE = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const parts = (color) => {
    if (!known.has(color)) known.set(color, read(color));
    return [...known.get(color)];
  };
  const read = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3]));
  const linear = (value) => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const contrast = (element) => {
    const chain = [];
    for (let each = element; each; each = each.parentElement) chain.unshift(getComputedStyle(each));
    const under = chain.reduce((below, style) => over(parts(style.backgroundColor), below), [255, 255, 255]);
    const ink = parts(chain.at(-1).color);
    ink[3] *= chain.reduce((product, style) => product * style.opacity, 1);
    const [dark, light] = [luminance(over(ink, under)), luminance(under)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const texts = [];
  for (const form of document.querySelectorAll(".jp-OutputArea-output > .kvs-form")) {
    const walker = document.createTreeWalker(form, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      const isShown = element.checkVisibility({ visibilityProperty: true }) && getComputedStyle(element).clipPath === "none"
        && getComputedStyle(element).fontSize !== "0px" && !element.closest("select, style");
      const text = walker.currentNode.data.trim();
      if (text && isShown) texts.push([text, element, [...range.getClientRects()]]);
    }
  }
  const meet = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 6;  // lines of text touch
  const found = [];
  texts.forEach(([text, element, boxes], at) => {
    const ratio = element.closest(":disabled") ? 21 : contrast(element);
    if (ratio < 4.5) found.push(`${text}: contrast ${ratio.toFixed(1)}`);
    for (const [other, , others] of texts.slice(at + 1))
      if (boxes.some((box) => others.some((each) => meet(box, each)))) found.push(`${text}: lies on ${other}`);
  });
  return found;
}"""
"""Axe checks the contrast of few of these elements, and not whether texts lie on each other."""


@pytest.mark.draw(1)
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_no_violation_in_any_form(notebook, sandbox, connection, theme):
    kvs.create_channel("front-door", tags={"Site": "hq"}, connection=connection)
    kvs.create_channel("back-door", connection=connection)
    page = notebook.run(IMPORTS, *FORMS.values(), theme=theme)
    outputs = page.locator(".jp-OutputArea-output > .kvs-form")
    expect(outputs).to_have_count(len(FORMS))
    for number in range(len(FORMS)):
        expect(outputs.nth(number).locator(".kvs-header").first).to_contain_text("account 111122223333")
    page.get_by_role("row", name="Tags Site=hq").wait_for()
    page.get_by_label("To apply, type: delete 2 of 2").wait_for()
    check(page, ".kvs-form")
    size = page.viewport_size
    try:
        for width in (1400, 900, 450):  # 450 pixels: a width of 900 at a zoom of 200 %
            page.set_viewport_size({"width": width, "height": 1400})
            check(page, ".kvs-console")
            assert page.evaluate(UNREADABLE) == []
        page.set_viewport_size(size)
        sandbox.deny("kinesisvideo:List*")
        page.locator(".kvs-title-row").get_by_role("button", name="Refresh").click()
        page.get_by_role("alert").filter(has_text="The table shows the previous listing.").wait_for()
        page.locator(".kvs-panel .kvs-tabs").get_by_role("button", name="TTL").click()
        page.get_by_role("button", name="Apply to 2 channels").wait_for()
        assert page.evaluate(UNREADABLE) == []
    finally:
        page.set_viewport_size(size)


def check(page: Page, context: str) -> None:
    found = Axe().run(page, context=context)
    violations = {
        f"{violation['id']}: {violation['help']}": [node["html"][:300] for node in violation["nodes"]]
        for violation in found.response["violations"]
    }
    assert len(found.response["passes"]) > 10
    assert violations == {}
