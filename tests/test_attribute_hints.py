"""The error for an unknown name of the package suggests the nearest public names."""

from __future__ import annotations

import pytest

import kvs_notebook as kvs


def test_misspelt_name_suggests_the_right_one() -> None:
    for name in [name for name in kvs.__all__ if len(name) > 5 and not name.startswith("_")]:
        with pytest.raises(AttributeError, match=rf"kvs_notebook has no {name[:-1]}\. Did you mean {name}\?$"):
            getattr(kvs, name[:-1])


def test_misspelt_form_suggests_the_right_one() -> None:
    with pytest.raises(AttributeError, match=r"kvs_notebook\.forms has no create\. Did you mean create_channel\?"):
        kvs.forms.create  # noqa: B018


def test_unknown_name_leads_to_help() -> None:
    with pytest.raises(AttributeError, match=r"kvs_notebook has no xyzzy\. help\(kvs_notebook\) lists its names\."):
        kvs.xyzzy  # noqa: B018
    assert not hasattr(kvs, "_repr_html_")
