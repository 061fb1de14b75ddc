"""Chart: saved completely or not at all; drawing leaves pyplot and its settings unchanged."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot as plt
from PIL import ImageShow

import kvs_notebook as kvs
from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import AGES
from kvs_notebook.errors import ExportFailed, InvalidInput
from kvs_notebook.plotting.figure import Chart, open_figure


@pytest.fixture
def chart():
    with open_figure(3, 2) as figure:
        figure.add_subplot().plot([1, 2, 3])
    return Chart(figure, "a line")


def test_repr_has_title(chart):
    assert repr(chart) == "<Chart: a line>"


@pytest.mark.draw(2)
@pytest.mark.parametrize(
    ("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")]
)
def test_save_writes_format_of_ending(chart, tmp_path, ending, begins):
    path = tmp_path / f"line.{ending}"
    chart.save(path)
    assert path.read_bytes().startswith(begins)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["line", "line.docx"])
def test_save_rejects_unknown_ending(chart, tmp_path, name):
    with pytest.raises(InvalidInput, match=r"Expected \..*, \.png"):
        chart.save(tmp_path / name)


def test_save_that_fails_leaves_no_file(chart, tmp_path):
    with pytest.raises(ExportFailed, match="Choose a file in an existing folder"):
        chart.save(tmp_path / "nowhere" / "line.png")
    assert list(tmp_path.iterdir()) == []


def test_show_displays_in_a_notebook(chart, monkeypatch):
    shell = InteractiveShell.instance()
    shown = []
    monkeypatch.setattr(shell.display_pub, "publish", lambda data, **_: shown.append(data))
    try:
        chart.show()
    finally:
        InteractiveShell.clear_instance()
    assert [each["image/png"][:4] for each in shown] == [b"\x89PNG"]


def test_show_opens_an_image_viewer_in_a_terminal(chart, monkeypatch):
    opened = []

    class Viewer(ImageShow.Viewer):
        def show(self, image, **options):
            opened.append((image.size, options["title"]))
            return True

    monkeypatch.setattr(ImageShow, "_viewers", [Viewer()])
    chart.show()
    assert opened == [((300, 200), "a line")]


def test_drawing_leaves_pyplot_and_settings_unchanged():
    plt.close("all")
    before = dict(mpl.rcParams)
    kvs.charts.channel_ages(empty(AGES))._repr_png_()
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before
