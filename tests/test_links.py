"""No link in the Markdown documents and walkthroughs is broken."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.links import anchors, links, problems, prose

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "notebooks").glob("*.md")]

BINDER = "https://mybinder.org/v2/gh/a/b/HEAD?urlpath=lab/tree/gone.ipynb"


@pytest.mark.parametrize("path", sorted(DOCUMENTS), ids=lambda path: path.name)
def test_document_has_no_broken_link(path: Path) -> None:
    assert problems(path, ROOT) == []


def test_documents_and_their_links_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "00-start-here.ipynb"} <= {path.name for path in DOCUMENTS}
    assert {"CONTRIBUTING.md", "notebooks/pictures/console.png"} <= set(links(prose(ROOT / "README.md")))


def test_every_picture_is_used_in_a_document() -> None:
    shown = {Path(link).name for path in DOCUMENTS for link in links(prose(path))}
    assert [path.name for path in (ROOT / "notebooks" / "pictures").iterdir() if path.name not in shown] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[there](other.md)", None),
        ('[there](<other.md> "a title")', None),
        ("[there](other.md#two-words-2-of-them)", None),
        ("[there](#here)", None),
        ("[there](book.ipynb#Two-Words)", None),
        ("`[no link](gone.md)`", None),
        ("```text\n[no link](gone.md)\n```\n", None),
        ("[out](https://example.com/a?b=c#d)", None),
        ("[there](gone.md)", "gone.md: no such file in the project"),
        ("![there](gone.png)", "gone.png: no such file in the project"),
        ('<img src="gone.png">', "gone.png: no such file in the project"),
        ("[there][1]\n\n[1]: gone.md", "gone.md: no such file in the project"),
        ("[![badge](https://example.com/a.svg)](gone.md)", "gone.md: no such file in the project"),
        ("[there](../outside.md)", "../outside.md: no such file in the project"),
        ("[there](/other.md)", "/other.md: use a path relative to this document"),
        ("[there]()", ": use a path relative to this document"),
        ("[there](#gone)", "#gone: no such heading"),
        ("[there](other.md#not-code)", "other.md#not-code: no such heading"),
        ("[there](book.ipynb#two-words)", "book.ipynb#two-words: no such heading"),
        ("[out](http://example.com)", "http://example.com: use https:// and a host name"),
        ("[out](https://example)", "https://example: use https:// and a host name"),
        (f"[out]({BINDER})", f"{BINDER}: Binder would open gone.ipynb, which is not in the project"),
    ],
)
def test_broken_links_are_reported(text: str, problem: str | None, tmp_path: Path) -> None:
    top = tmp_path / "project"
    top.mkdir()
    (tmp_path / "outside.md").write_text("")
    (top / "other.md").write_text("# Two `words`, 2 of them\n\n```text\n# not code\n```\n")
    cells = [new_markdown_cell("# Two Words"), new_code_cell("# Not Prose")]
    nbformat.write(new_notebook(cells=cells), top / "book.ipynb")
    document = top / "document.md"
    document.write_text(f"# Here\n\n{text}\n")
    assert problems(document, top) == ([problem] if problem else [])


def test_headings_with_equal_text_have_different_anchors(tmp_path: Path) -> None:
    path = tmp_path / "document.md"
    path.write_text('# Again\n\n## Again\n\n<a id="by-name"></a>\n')
    assert anchors(path) == {"again", "again-1", "by-name"}
