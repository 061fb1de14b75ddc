"""The text of a frame in a terminal, where pandas leaves out columns from the middle."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pandas as pd
import pytest

from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.dataframes.frame import DataFrame

SCHEMAS = {
    name: schema
    for name, schema in vars(schemas).items()
    if isinstance(schema, dict) and name.isupper() and all(isinstance(each, str) for each in schema.values())
}
TERMINAL = ("display.max_columns", 0, "display.width", 80)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set pandas to what it is in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    with pd.option_context(*TERMINAL):
        yield


def row(schema: schemas.Schema) -> pd.DataFrame:
    """Return a frame with a row of missing values, but for the name and the ARN."""
    values = {
        "channel_name": "elderly-care_room.12",
        "channel_arn": "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/elderly-care_room.12/1767603600123",
    }
    return builders.rows_frame([[values.get(column) for column in schema]], schema)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_column_of_every_frame_is_shown_in_80_columns(name: str) -> None:
    shown = repr(row(SCHEMAS[name]))
    assert max(map(len, shown.splitlines())) <= 80
    assert {*SCHEMAS[name]} <= {*shown.split()} or len(SCHEMAS[name]) > 20


def test_what_users_look_for_is_in_the_first_two_blocks() -> None:
    shown = repr(row(schemas.CHANNELS)).split("\n\n")
    assert shown[0].split()[:4] == ["channel_name", "region", "channel_status", "message_ttl_seconds"]
    assert shown[1].split()[0] == "creation_time"
    assert "channel_arn" in shown[-1].split()


def test_rows_that_were_selected_are_shown_alike() -> None:
    frame = builders.concat([row(schemas.CHANNELS), row(schemas.CHANNELS)], schemas.CHANNELS)
    for made in (frame, frame.head(1), frame[frame["region"].isna()], frame.sort_values("version"), frame.assign(a=1)):
        assert "..." not in repr(made).partition("\n")[0]
    assert "creation_time" not in repr(pd.DataFrame(frame)), "pandas shows the first and the last column"


def test_wide_terminal_and_own_settings_show_what_pandas_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = row(schemas.CHANNELS)
    with pd.option_context("display.max_columns", 4):
        assert repr(frame) == repr(pd.DataFrame(frame))
    monkeypatch.setenv("COLUMNS", "400")
    with pd.option_context("display.width", 400):
        assert repr(frame) == repr(pd.DataFrame(frame))
        assert len(repr(frame).splitlines()) == 2
    assert repr(builders.empty(schemas.CHANNELS)) == repr(pd.DataFrame(builders.empty(schemas.CHANNELS)))


def test_frame_is_a_frame_of_pandas_everywhere_else() -> None:
    frame = row(schemas.CHANNELS)
    assert type(frame) is DataFrame
    plain = pd.DataFrame(frame)
    assert type(plain) is pd.DataFrame
    assert frame.equals(plain)
    assert plain.equals(frame)
    pd.testing.assert_frame_equal(frame, plain)
    pd.testing.assert_frame_equal(plain, frame)
    assert frame._repr_html_() == plain._repr_html_()
    assert type(pickle.loads(pickle.dumps(frame))) is DataFrame  # noqa: S301 - our own
    assert type(frame["region"]) is pd.Series
