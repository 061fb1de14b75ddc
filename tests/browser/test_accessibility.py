"""axe-core finds no violation in the forms, in the light and in the dark theme."""

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
console.open_form("Delete")
console""",
}


@pytest.mark.draw(1)
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_no_violation_in_any_form(notebook, connection, theme):
    kvs.create_channel("front-door", tags={"Site": "hq"}, connection=connection)
    kvs.create_channel("back-door", connection=connection)
    page = notebook.run(IMPORTS, *FORMS.values(), theme=theme)
    outputs = page.locator(".jp-OutputArea-output > .kvs-form")
    expect(outputs).to_have_count(len(FORMS))
    for number in range(len(FORMS)):
        expect(outputs.nth(number).locator(".kvs-header").first).to_contain_text("account 111122223333")
    expect(page.get_by_role("row", name="Tags Site=hq")).to_be_visible()
    expect(page.get_by_label("To apply, type: delete 2 of 2")).to_be_visible()
    check(page, ".kvs-form")
    size = page.viewport_size
    try:
        for width in (1400, 900, 450):  # 450 is 900 at a zoom of 200 %
            page.set_viewport_size({"width": width, "height": 1400})
            check(page, ".kvs-console")
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
