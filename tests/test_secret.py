"""Secrets: no output, file, pickle or traceback contains the value until the caller reveals it."""

from __future__ import annotations

import copy
import io
import json
import pickle
import traceback

import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.ultratb import VerboseTB

from kvs_notebook.dataframes import builders, files
from kvs_notebook.secret import PLACEHOLDER, Secret

VALUE = "aB3+correct/horse="
ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"
SERVERS = [{"Uris": ["turn:a", "turns:b"], "Username": f"user {VALUE}", "Password": VALUE, "Ttl": 300}]


@pytest.fixture
def secret() -> Secret:
    return Secret(VALUE)


@pytest.fixture
def frame() -> pd.DataFrame:
    return builders.ice_frame(ARN, SERVERS)


# --- a value


def test_reveal_returns_the_value(secret):
    assert secret.reveal() == VALUE


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        ascii,
        lambda secret: f"{secret}{secret!r}{secret!s}{secret:>40}",
        lambda secret: f"{secret}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - as logging does
        "{}".format,
        lambda secret: str([secret, {"password": secret}]),
        lambda secret: json.dumps({"password": secret}, default=str),
        lambda secret: secret._repr_html_(),
        lambda secret: str(DisplayFormatter().format(secret)),
        lambda secret: str(dir(secret)),
    ],
)
def test_no_representation_contains_the_value(secret, show):
    shown = show(secret)
    assert VALUE not in shown
    assert "<script" not in shown


def test_html_is_escaped_and_names_reveal(secret):
    assert secret._repr_html_() == "&lt;Secret: use <code>.reveal()</code>&gt;"
    assert f"{secret:>40}" == PLACEHOLDER.rjust(40)


def test_reveal_is_the_only_public_attribute(secret):
    assert not hasattr(secret, "__dict__")
    assert [name for name in dir(secret) if not name.startswith("_")] == ["reveal"]


def test_json_rejects_a_secret(secret):
    with pytest.raises(TypeError, match="Secret is not JSON serializable"):
        json.dumps({"password": secret})


def test_secrets_are_equal_if_their_values_are():
    assert Secret("a") == Secret("a")
    assert Secret("ü") != Secret("a")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


# --- copies and pickles


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda secret: copy.deepcopy({"a": [secret]})["a"][0]])
def test_copy_keeps_the_value(secret, copied):
    assert copied(secret).reveal() == VALUE


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_unpickled_secret_has_no_value_and_says_so(secret, protocol):
    stored = pickle.dumps([secret, {"url": secret}], protocol)
    assert VALUE.encode() not in stored
    again = pickle.loads(stored)[0]  # noqa: S301 - our own
    assert repr(again) == PLACEHOLDER
    with pytest.raises(ValueError, match="was not saved. Request a new one from the service"):
        again.reveal()


def test_unpickled_secret_equals_only_itself(secret):
    again, another = pickle.loads(pickle.dumps((secret, Secret("b"))))  # noqa: S301 - our own
    assert again == again  # noqa: PLR0124 - what is asked
    assert again != another
    assert again != secret
    assert copy.deepcopy(again) is again


# --- frames


def csv_of(frame: pd.DataFrame) -> str:
    stream = io.StringIO()
    files.to_csv(frame, stream)
    return stream.getvalue()


def json_of(frame: pd.DataFrame) -> str:
    stream = io.StringIO()
    files.to_json(frame, stream)
    return stream.getvalue()


WRITTEN = {
    "repr": lambda frame: repr(frame[["uri", "password"]]),
    "html": lambda frame: frame._repr_html_(),
    "to_html": lambda frame: frame.to_html(),
    "to_string": lambda frame: frame.to_string(),
    "a column": lambda frame: frame["password"].to_string(),
    "pandas' CSV": lambda frame: frame.to_csv(),
    "our CSV": csv_of,
    "our JSON": json_of,
    "to_json with str": lambda frame: frame.to_json(default_handler=str),
    "to_dict": lambda frame: str(frame.to_dict("records")),
    "as text": lambda frame: str(frame.astype("str").to_numpy().tolist()),
    "one row": lambda frame: repr(frame.iloc[0]) + str(frame.iloc[0].to_dict()),
    "describe": lambda frame: frame.describe(include="all").to_string(),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_written_dataframe_does_not_contain_the_value(frame, case):
    written = WRITTEN[case](frame)
    assert VALUE not in written
    assert ".reveal()" in written


def test_pandas_json_and_parquet_do_not_contain_the_value(frame):
    assert VALUE not in frame.to_json()
    with pytest.raises(Exception, match="Secret") as raised:  # pyarrow knows no such type
        frame.to_parquet(io.BytesIO())
    assert VALUE not in str(raised.value)


def test_our_parquet_contains_the_placeholder(frame, tmp_path):
    path = tmp_path / "ice.parquet"
    files.to_parquet(frame, path)
    stored = pd.read_parquet(path)
    assert stored["password"].tolist() == [PLACEHOLDER, PLACEHOLDER]
    assert stored["uri"].tolist() == ["turn:a", "turns:b"]
    assert VALUE.encode() not in path.read_bytes()
    assert frame["password"][0].reveal() == VALUE


def test_pickled_dataframe_does_not_contain_the_value(frame, tmp_path):
    path = tmp_path / "ice.pickle"
    frame.to_pickle(path)
    assert VALUE.encode() not in path.read_bytes()
    assert pd.read_pickle(path)["password"].map(repr).tolist() == [PLACEHOLDER, PLACEHOLDER]  # noqa: S301 - our own


@pytest.mark.parametrize("deep", [True, False])
def test_copied_dataframe_keeps_the_value(frame, deep):
    assert frame.copy(deep=deep)["password"][1].reveal() == VALUE
    assert copy.deepcopy(frame).equals(frame)


# --- tracebacks


def failing(secret: Secret, frame: pd.DataFrame) -> None:
    held = {"password": secret, "servers": frame}
    raise RuntimeError(f"with {held}")


def test_traceback_with_variables_does_not_contain_the_value(secret, frame):
    with pytest.raises(RuntimeError) as raised:
        failing(secret, frame)
    error = raised.value
    verbose = VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
    captured = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for shown in (verbose, captured):
        assert PLACEHOLDER in shown
        assert VALUE not in shown
