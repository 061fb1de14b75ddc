"""A file has its old content or its new one, never a part, and its permissions from the first byte on."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvs_notebook.atomic_file import OWNER_ONLY, replace_file


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def permissions_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_failed_write_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "fleet.csv"
    path.write_text("before")
    with pytest.raises(TypeError), replace_file(path) as stream:
        stream.writelines(["half", None])
    assert path.read_text() == "before"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("binary", [False, True])
def test_content_is_written_as_given(tmp_path, binary):
    path = tmp_path / "fleet.csv"
    content = "a\r\nb\n\N{EURO SIGN}"
    with replace_file(path, binary=binary) as stream:
        stream.write(content.encode() if binary else content)
    assert path.read_bytes() == content.encode()
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.usefixtures("umask")
def test_permissions_hold_from_the_first_byte(tmp_path):
    path = tmp_path / "key.pem"
    with replace_file(path, permissions=OWNER_ONLY) as stream:
        (part,) = tmp_path.iterdir()
        assert permissions_of(part) == OWNER_ONLY
        stream.write("secret")
    assert permissions_of(path) == OWNER_ONLY


@pytest.mark.usefixtures("umask")
def test_without_permissions_umask_or_old_file_decides(tmp_path):
    path = tmp_path / "fleet.csv"
    with replace_file(path):
        pass
    assert permissions_of(path) == 0o640
    path.chmod(0o604)
    with replace_file(path) as stream:
        (part,) = (each for each in tmp_path.iterdir() if each != path)
        assert permissions_of(part) == 0o604
        stream.write("new")
    assert permissions_of(path) == 0o604


def test_symbolic_link_is_replaced_not_followed(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_text("theirs")
    link = tmp_path / "link"
    link.symlink_to(target)
    with replace_file(link) as stream:
        stream.write("ours")
    assert (link.is_symlink(), link.read_text(), target.read_text()) == (False, "ours", "theirs")


def test_missing_folder_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "none" / "fleet.csv"):
        pass
    assert [*tmp_path.iterdir()] == []
