"""Client ids stay the same for a notebook, and differ between views that play at the same time."""

from __future__ import annotations

from kvs_notebook.aws.validation import check_viewer_id
from kvs_notebook.live.client_ids import ClientIds, notebook_digest


def test_views_share_no_client_id_and_reuse_free_ones(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/a.ipynb")
    ids = ClientIds()
    first, second, elsewhere = ids.take("door"), ids.take("door"), ids.take("dock")
    assert first == elsewhere != second
    ids.release("door", first)
    assert ids.take("door") == first == ClientIds().take("door")
    assert check_viewer_id(second) == second


def test_digest_differs_between_notebooks_and_tells_nothing(monkeypatch):
    digests = set()
    for name in ("/home/me/a.ipynb", "/home/me/b.ipynb"):
        monkeypatch.setenv("JPY_SESSION_NAME", name)
        digests.add(notebook_digest())
    assert len(digests) == 2
    assert {len(each) for each in digests} == {8}
