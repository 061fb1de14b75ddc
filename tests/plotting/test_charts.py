"""Charts draw the values of reports, and note what is not shown."""

from __future__ import annotations

from io import BytesIO

import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import kvs_notebook as kvs
from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.errors import InvalidInput
from kvs_notebook.plotting.figure import INK

ACCOUNT = "111122223333"
REQUIRED = {"Owner": None, "Env": ["prod", "dev"]}
DRAWN = ["channel_counts", "channel_ages", "creation_by_month", "headroom", "tag_coverage"]


@pytest.fixture(scope="module")
def fleet(shared):
    """The inventory of the example fleet, read once for the tests, which change nothing."""
    sandbox, connection = shared
    sandbox.seed()
    return kvs.inventory(regions=["us-east-1", "eu-west-1"], connection=connection)


def chart_of(name, fleet):
    required = [REQUIRED] if name.startswith("tag_") else []
    return getattr(kvs.charts, name)(getattr(kvs.reports, name)(fleet, *required))


def bars(chart):
    """Return the length of each bar by its label, for each part of the stacked bars."""
    axes = chart.figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    return {
        part.get_label(): dict(zip(labels, [bar.get_width() for bar in part], strict=True)) for part in axes.containers
    }


def contrast(one, other):
    """Return the contrast of two colours by WCAG 2."""

    def luminance(color):
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in to_rgb(color)]
        return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def texts(chart):
    return {text.get_text() for text in chart.figure.axes[0].texts}


@pytest.mark.draw(1)
@pytest.mark.parametrize("name", DRAWN)
def test_chart_is_not_blank_and_has_no_background(fleet, name):
    with Image.open(BytesIO(chart_of(name, fleet)._repr_png_())) as picture:
        shown = picture.convert("RGBA")
    assert shown.size[0] == 700
    assert len(shown.getcolors(100_000)) > 5
    assert shown.getpixel((0, 0))[3] == 0


def test_text_is_as_readable_in_both_themes():
    contrasts = [contrast(INK, background) for background in ("white", "#111111")]
    assert min(contrasts) >= 4.3
    assert contrasts[0] == pytest.approx(contrasts[1], rel=0.05)


def test_segments_have_numbers_that_contrast_with_their_color(fleet):
    chart = chart_of("tag_coverage", fleet)
    drawn = {text.get_text(): text for text in chart.figure.axes[0].texts}
    met = next(part for part in chart.figure.axes[0].containers if part.get_label() == "met")
    shown = drawn[f"{met[0].get_width():.0f}"]
    assert contrast(shown.get_color(), met[0].get_facecolor()) >= 4.5


def test_narrow_segment_has_no_number():
    rows = [(ACCOUNT, "us-east-1", 9_000), ("444455556666", "us-east-1", 12)]
    assert "12" not in texts(kvs.charts.channel_counts(builders.rows_frame(rows, schemas.COUNTS)))


@pytest.mark.draw(2)
@pytest.mark.parametrize("name", DRAWN)
def test_chart_of_empty_report_has_zero_in_title(fleet, name):
    nothing = kvs.Inventory(fleet.channels.iloc[:0], fleet.tags.iloc[:0], fleet.coverage.iloc[:0])
    chart = chart_of(name, nothing)
    assert chart._repr_png_().startswith(b"\x89PNG")
    assert "0 " in chart.title


def test_channel_counts_draw_accounts_with_largest_region_on_top():
    counts = builders.rows_frame(
        [
            (ACCOUNT, "eu-west-1", 5),
            (ACCOUNT, "us-east-1", 2),
            ("444455556666", "us-east-1", 4),
            ("444455556666", "eu-north-1", 0),
            ("444455556666", "sa-east-1", None),
        ],
        schemas.COUNTS,
    )
    chart = kvs.charts.channel_counts(counts)
    assert bars(chart) == {
        ACCOUNT: {"eu-west-1": 5, "us-east-1": 2},
        "444455556666": {"eu-west-1": 0, "us-east-1": 4},
    }
    assert [label.get_text() for label in chart.figure.axes[0].get_yticklabels()][-1] == "us-east-1"
    assert texts(chart) == {"5", "2", "4", "6", ""}  # of the segments and their sums, none for zero
    assert chart.figure.axes[0].get_xlabel() == "Not shown: 1 account-region not read"
    assert chart.title == "11 channels in 2 regions of 2 accounts"


def test_channel_counts_combine_accounts_beyond_colors():
    rows = [(f"{number:012}", "us-east-1", 1 + number) for number in range(20)]
    drawn = bars(kvs.charts.channel_counts(builders.rows_frame(rows, schemas.COUNTS)))
    assert list(drawn)[:2] == ["000000000019", "000000000018"]
    assert drawn["14 other accounts"] == {"us-east-1": sum(range(1, 15))}


def test_channel_counts_note_regions_not_shown():
    rows = [(ACCOUNT, f"region-{number:02}", number) for number in range(1, 41)]
    chart = kvs.charts.channel_counts(builders.rows_frame([*rows, (ACCOUNT, "sa-east-1", None)], schemas.COUNTS))
    assert repr(chart) == "<Chart: 820 channels in 40 regions of 1 account>"
    assert list(bars(chart)[ACCOUNT]) == [f"region-{number:02}" for number in range(11, 41)]
    note = "Not shown: 10 regions with fewer channels, 1 account-region not read"
    assert chart.figure.axes[0].get_xlabel() == note


def test_headroom_notes_account_regions_not_shown():
    rows = [(ACCOUNT, f"region-{number:02}", number, 100, 100 - number, number / 100, None) for number in range(1, 32)]
    chart = kvs.charts.headroom(builders.rows_frame(rows, schemas.HEADROOM))
    assert chart.title == "31 account-regions, none near its quota"
    assert chart.figure.axes[0].get_xlabel() == "Not shown: 1 account-region with a smaller share"


def test_ages_are_grouped_by_days():
    days = [0, 7, 8, 30, 365, 366, 731, None]
    ages = builders.empty(schemas.AGES).reindex(range(len(days))).assign(age_days=pd.array(days, dtype="Int64"))
    groups = bars(kvs.charts.channel_ages(ages))["channels"]
    assert groups == {
        "up to a week": 2,
        "up to a month": 2,
        "up to 3 months": 0,
        "up to a year": 1,
        "up to 2 years": 1,
        "older": 1,
    }


def test_months_without_channel_are_drawn_and_earlier_ones_counted():
    rows = [
        ("2020-01", ACCOUNT, "us-east-1", 4),
        ("2025-11", ACCOUNT, "us-east-1", 1),
        ("2025-11", ACCOUNT, "eu-west-1", 2),
    ]
    chart = kvs.charts.creation_by_month(builders.rows_frame(rows, schemas.MONTHS))
    assert chart.title == "7 channels created from 2020-01 to 2025-11"
    drawn = bars(chart)["channels"]
    assert (len(drawn), drawn["2025-11"], drawn["2025-10"]) == (30, 3, 0)
    assert chart.figure.axes[0].get_xlabel() == "Not shown: 4 channels of 41 earlier months"


def test_tag_coverage_draws_counts_of_report(fleet):
    coverage = kvs.reports.tag_coverage(fleet, REQUIRED)
    drawn = bars(kvs.charts.tag_coverage(coverage))
    for name in ("met", "not_allowed", "missing"):
        assert drawn[name] == dict(zip(coverage["key"], coverage[name], strict=True))
    assert "unknown" not in drawn


def test_headroom_draws_near_quota_in_own_color(fleet):
    shares = kvs.reports.headroom(fleet, quotas={(ACCOUNT, "us-east-1"): 13, (ACCOUNT, "eu-west-1"): 90})
    chart = kvs.charts.headroom(shares)
    drawn = bars(chart)
    assert drawn["below"] == {f"{ACCOUNT} eu-west-1": 10, f"{ACCOUNT} us-east-1": 0}
    assert drawn["near"] == {f"{ACCOUNT} eu-west-1": 0, f"{ACCOUNT} us-east-1": pytest.approx(84.6, abs=0.1)}
    assert texts(chart) == {"9 of 90", "11 of 13"}
    assert chart.title == "2 account-regions, 1 near its quota"


def growth(*days):
    rows = [(f"2026-01-0{number + 1}", ACCOUNT, "us-east-1", count, None) for number, count in enumerate(days)]
    rows += [(f"2026-01-0{number + 1}", ACCOUNT, "eu-west-1", 10, None) for number in range(len(days))]
    return kvs.charts.growth(builders.rows_frame(rows, schemas.GROWTH))


def test_growth_keeps_level_on_unread_day():
    chart = growth(5, None, 9)
    line, complete, incomplete = chart.figure.axes[0].lines
    assert line.get_ydata().tolist() == [15, 15, 19]
    assert complete.get_ydata().tolist() == [15, 19]
    assert incomplete.get_ydata().tolist() == [15]
    assert chart.title == "15 to 19 channels from 2026-01-01 to 2026-01-03"


def test_growth_does_not_rise_by_account_region_read_later():
    chart = growth(None, 5, 6)
    line, complete, incomplete = chart.figure.axes[0].lines
    assert line.get_ydata().tolist() == [15, 15, 16]
    assert (complete.get_ydata().tolist(), incomplete.get_ydata().tolist()) == ([15, 16], [15])
    assert chart.title == "15 to 16 channels from 2026-01-01 to 2026-01-03"


def test_region_not_enabled_is_no_gap_in_charts(tmp_path):
    with kvs.Sandbox(clock="stepped", assumptions=kvs.Assumptions(disabled_regions=("eu-west-1",))) as sandbox:
        sandbox.seed()
        for day in ("2026-01-05", "2026-01-06"):
            found = kvs.inventory(regions=["us-east-1", "eu-west-1"], connection=sandbox.connection())
            kvs.save_snapshot(found, tmp_path, date=day)
    days = kvs.charts.growth(kvs.reports.growth(kvs.read_coverage(tmp_path)))
    _, complete = days.figure.axes[0].lines
    assert complete.get_ydata().tolist() == [11, 11]
    counts = kvs.charts.channel_counts(kvs.reports.channel_counts(found))
    assert counts.figure.axes[0].get_xlabel() == ""


def test_growth_marks_days_of_failed_accounts_only():
    rows = [(f"2026-01-0{day}", ACCOUNT, "us-east-1", day, None) for day in (1, 2, 3)]
    rows += [("2026-01-02", account, None, None, None) for account in ("444455556666", None, None)]
    rows += [("2026-01-04", "444455556666", None, None, None)]
    chart = kvs.charts.growth(builders.rows_frame(rows, schemas.GROWTH))
    line, complete, incomplete = chart.figure.axes[0].lines
    assert line.get_ydata().tolist() == [1, 2, 3, 3]
    assert complete.get_ydata().tolist() == [1, 3]
    assert incomplete.get_ydata().tolist() == [2, 3]


def test_growth_draws_one_day_and_many():
    assert growth(5)._repr_png_().startswith(b"\x89PNG")
    days = pd.date_range("2026-01-01", periods=400)
    rows = [(day, ACCOUNT, "us-east-1", number, None) for number, day in enumerate(days)]
    chart = kvs.charts.growth(builders.rows_frame(rows, schemas.GROWTH))
    chart.figure.draw_without_rendering()
    assert len(chart.figure.axes[0].get_xticks()) <= 8


def test_growth_rejects_empty_report():
    with pytest.raises(InvalidInput, match="no day to draw"):
        kvs.charts.growth(builders.empty(schemas.GROWTH))


def test_chart_rejects_frame_of_another_report(fleet):
    for name in [*DRAWN, "growth"]:
        with pytest.raises(InvalidInput, match=rf"kvs.reports.{name}\(\)"):
            getattr(kvs.charts, name)(fleet.tags)
