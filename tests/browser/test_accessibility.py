"""axe-core finds no violation in the forms, in the light and in the dark theme."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import kvs_notebook as kvs
from tests.browser.lab import DARK, LIGHT

FORMS = {
    "create_channel": "form = kvs.forms.create_channel()\nform.tags.value = {'aws:x': ''}\nform.submit.click()\nform",
    "update_channel": "kvs.forms.update_channel('front-door')",
    "delete_channel": "kvs.forms.delete_channel('front-door')",
    "edit_tags": "kvs.forms.edit_tags('front-door')",
    "get_endpoints": "form = kvs.forms.get_endpoints('front-door')\nform.submit.click()\nform",
    "connection": "kvs.forms.connection()",
    "console": "console = kvs.forms.console()\nconsole.open_form('Create')\nconsole",
}


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_no_violation_in_any_form(notebook, connection, theme):
    kvs.create_channel("front-door", tags={"Site": "hq"}, connection=connection)
    page = notebook.run("import kvs_notebook as kvs", *FORMS.values(), theme=theme)
    outputs = page.locator(".jp-OutputArea-output > .kvs-form")
    expect(outputs).to_have_count(len(FORMS))
    for number in range(len(FORMS)):
        expect(outputs.nth(number).locator(".kvs-header").first).to_contain_text("account 111122223333")
    expect(page.get_by_role("row", name="Tags Site=hq")).to_be_visible()
    expect(page.get_by_text(re.compile("rows 1.1 of 1$"))).to_be_visible()
    found = Axe().run(page, context=".kvs-form")
    violations = {
        f"{violation['id']}: {violation['help']}": [node["html"][:300] for node in violation["nodes"]]
        for violation in found.response["violations"]
    }
    assert len(found.response["passes"]) > 10
    assert violations == {}
