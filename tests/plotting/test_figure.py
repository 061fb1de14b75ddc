"""Chart: a picture that shows itself, is written whole or not at all, and leaves the rest of the kernel as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kvs_notebook.errors import ExportFailed, InvalidInput
from kvs_notebook.plotting.figure import Chart, figure_of


@pytest.fixture
def chart():
    with figure_of(3, 2) as figure:
        figure.add_subplot().plot([1, 2, 3])
    return Chart(figure, "a line")


def test_a_chart_says_in_words_what_it_shows(chart):
    assert repr(chart) == "<Chart: a line>"


@pytest.mark.parametrize(
    ("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")]
)
def test_a_chart_is_saved_in_the_format_of_its_name(chart, tmp_path, ending, begins):
    path = tmp_path / f"line.{ending}"
    chart.save(path)
    assert path.read_bytes().startswith(begins)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["line", "line.docx"])
def test_a_name_that_says_no_format_is_refused(chart, tmp_path, name):
    with pytest.raises(InvalidInput, match=r"end it with \..*, \.png"):
        chart.save(tmp_path / name)


def test_a_picture_that_cannot_be_written_leaves_what_was_there(chart, tmp_path):
    with pytest.raises(ExportFailed, match="Choose a file in a folder that exists"):
        chart.save(tmp_path / "nowhere" / "line.png")
    assert list(tmp_path.iterdir()) == []


QUIET = """
import kvs_notebook as kvs
from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import AGES
import matplotlib
before = dict(matplotlib.rcParams)
kvs.charts.channel_ages(empty(AGES))._repr_png_()
from matplotlib import pyplot
print(pyplot.get_fignums(), dict(matplotlib.rcParams) == before)
"""


def test_drawing_leaves_no_figure_open_and_no_setting_changed():
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True"]
