"""CSV without formulas that reads back to the same frame; Parquet and JSON."""

from __future__ import annotations

import io
import json
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvs_notebook.dataframes import builders, files, schemas
from kvs_notebook.errors import DamagedFile, ExportFailed, InvalidInput, KVSError
from kvs_notebook.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600123"


def info(name: str = "front-door", account: str = "111122223333", **more: Any) -> dict[str, Any]:
    """Return a ChannelInfo as the service does."""
    return {
        "ChannelName": name,
        "ChannelARN": f"arn:aws:kinesisvideo:us-east-1:{account}:channel/{name}/1767603600123",
        "ChannelType": "SINGLE_MASTER",
        "ChannelStatus": "ACTIVE",
        "CreationTime": datetime(2026, 1, 5, 9, 0, 0, 123_000, tzinfo=UTC),
        "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
        "Version": "aB3dE5fG7hJ9kL1mN3pQ",
        **more,
    }


def csv_of(frame: pd.DataFrame) -> str:
    stream = io.StringIO()
    files.to_csv(frame, stream)
    return stream.getvalue()


def round_trip(frame: pd.DataFrame) -> pd.DataFrame:
    return files.read_csv(io.StringIO(csv_of(frame), newline=""))


def with_column(frame: pd.DataFrame, name: str, values: list[str | None]) -> pd.DataFrame:
    return frame.assign(**{name: pd.array(values, dtype="str")})


# --- the round trip

names = st.one_of(
    st.sampled_from(["NA", "null", "None", "nan", "1E5", "007", "-", "--", ".", "1.0", "TRUE", "inf", "_"]),
    st.text("abcXYZ019_.-", min_size=1, max_size=40),
)
accounts = st.one_of(
    st.sampled_from(["000000000000", "012345678901", "111122223333"]),
    st.text("0123456789", min_size=12, max_size=12),
)
tag_texts = st.one_of(
    st.sampled_from(["", " ", "'", "''", "=1+1", "+1", "-1", "@x", "\t", "\r", "\n", '"', '""', ",", "NA", "null"]),
    st.sampled_from(["'=1", "\r\n", "a\rb", "a\nb", " x ", "1E5", "007", "Küche", "鍵", "x\u2028y", "x\x0by"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
infos = st.builds(
    info,
    names,
    accounts,
    CreationTime=st.one_of(
        st.none(),
        st.datetimes(datetime(1970, 1, 2), datetime(2120, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    SingleMasterConfiguration=st.one_of(st.none(), st.builds(dict, MessageTtlSeconds=st.integers(5, 120))),
    Version=st.one_of(st.none(), st.text("abcABC0189", min_size=1, max_size=20), st.sampled_from(["1E5", "00"])),
    ChannelStatus=st.one_of(st.none(), st.just("ACTIVE")),
)


@settings(max_examples=15)
@given(st.lists(infos, max_size=6))
def test_csv_round_trip_keeps_channels_frame(rows: list[dict[str, Any]]) -> None:
    frame = builders.channels_frame(rows)
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@settings(max_examples=15)
@given(st.data())
def test_csv_round_trip_keeps_wide_frame(data: st.DataObject) -> None:
    frame = builders.channels_frame(data.draw(st.lists(infos, max_size=4)))
    for key in data.draw(st.lists(tag_texts.filter(bool), unique=True, max_size=3)):
        column = st.lists(st.one_of(st.none(), tag_texts), min_size=len(frame), max_size=len(frame))
        frame = with_column(frame, f"tag:{key}", data.draw(column))
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@settings(max_examples=15)
@given(st.dictionaries(names, st.dictionaries(tag_texts.filter(bool), tag_texts, max_size=3), max_size=3))
def test_csv_round_trip_keeps_tags_frame(tags: dict[str, dict[str, str]]) -> None:
    frame = builders.tags_frame({info(name)["ChannelARN"]: pairs for name, pairs in tags.items()})
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_csv_round_trip_keeps_empty_frames_and_columns() -> None:
    empty = with_column(builders.channels_frame([]), "tag:Site", [])
    pd.testing.assert_frame_equal(round_trip(empty), empty)
    untagged = with_column(builders.channels_frame([info("a"), info("b")]), "tag:Site", [None, None])
    pd.testing.assert_frame_equal(round_trip(untagged), untagged)


def test_csv_of_other_column_order_is_read_by_name() -> None:
    text = (
        "account_id,region,channel_name,channel_arn,channel_type,channel_status,creation_time,message_ttl_seconds,version\n"
        f"111122223333,us-east-1,front-door,{ARN},SINGLE_MASTER,ACTIVE,2026-01-05T09:00:00.123Z,60,aB3dE5fG7hJ9kL1mN3pQ\n"
    )
    frame = files.read_csv(io.StringIO(text, newline=""))
    pd.testing.assert_frame_equal(frame[[*schemas.CHANNELS]], builders.channels_frame([info()]))


def test_csv_round_trip_keeps_missing_rows_of_single_column() -> None:
    frame = pd.DataFrame({"version": pd.array([None, "a", None, ""], dtype="str")})
    pd.testing.assert_frame_equal(round_trip(frame), frame)


# --- the format


def test_csv_has_iso_times_and_blank_missing_values() -> None:
    frame = with_column(builders.channels_frame([info(Version=None)]), "tag:Site", ["hq"])
    assert csv_of(frame) == (
        "channel_name,region,channel_status,message_ttl_seconds,creation_time,account_id,channel_type,"
        "version,channel_arn,tag:Site\n"
        f"front-door,us-east-1,ACTIVE,60,2026-01-05T09:00:00.123Z,111122223333,SINGLE_MASTER,,{ARN},hq\n"
    )


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", '"\'\rx"'),
        ("\n=1", "\"'\n'=1\""),
        (" =1", "' =1"),
        ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        ("\N{FULLWIDTH COMMERCIAL AT}x", "'\N{FULLWIDTH COMMERCIAL AT}x"),
        ("x;=1", "x;'=1"),
        ("x; =1", "x;' =1"),
        ("x;'y", "x;''y"),
        ("a;b", "a;b"),
        ("007", "'007"),
        ("2026-01-05", "'2026-01-05"),
        ("MAR1", "'MAR1"),
        ("true", "'true"),
        ("camera-5", "camera-5"),
        ("KÃ¶ln", "'KÃ¶ln"),
        ("Köln", "Köln"),
        ("'x", "''x"),
        ("", "'"),
        (None, ""),
        ("a=b", "a=b"),
        ('say "hi"', '"say ""hi"""'),
    ],
)
def test_csv_cell_never_starts_formula(value: str | None, cell: str) -> None:
    frame = with_column(builders.tags_frame({ARN: {"k": "v"}}), "value", [value])
    assert csv_of(frame).split("\n", 1)[1] == f"front-door,us-east-1,k,{cell},111122223333,{ARN}\n"


def test_failed_write_keeps_old_file(tmp_path: Path) -> None:
    path = tmp_path / "inventory.csv"
    path.write_text("before")

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("stopped in the middle")

    with pytest.raises(RuntimeError, match="stopped"):
        files.to_csv(pd.DataFrame({"channel_name": [Unprintable()]}), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_new_file_follows_umask_and_old_file_keeps_permissions(tmp_path: Path) -> None:
    path = tmp_path / "inventory.csv"
    before = os.umask(0o027)
    try:
        files.to_csv(builders.channels_frame([]), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    files.to_csv(builders.channels_frame([info()]), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_symbolic_link_and_pipe_are_kept(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    files.to_csv(builders.channels_frame([info()]), tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert len(files.read_csv(tmp_path / "real.csv")) == 1
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.to_csv(builders.channels_frame([info()]), tmp_path / "pipe")
        assert os.read(reader, 10_000).startswith(b"channel_name,")
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("write", [files.to_csv, files.to_json, files.to_parquet])
def test_export_error_has_path_and_what_to_do(tmp_path: Path, write: Any) -> None:
    for path, why in [(tmp_path / "no" / "such.csv", "No such file"), (tmp_path, "directory")]:
        with pytest.raises(ExportFailed, match=f"Can't write .*: .*{why}.* Choose a file") as caught:
            write(builders.channels_frame([info()]), path)
        assert isinstance(caught.value, (KVSError, OSError))
        assert isinstance(caught.value.__cause__, OSError)
    assert list(tmp_path.iterdir()) == []


# --- damaged files


def damaged(tmp_path: Path, old: str, new: str) -> str:
    path = tmp_path / "fleet.csv"
    frame = builders.channels_frame([info("front-door"), info("1E5", "000000000000"), info("007")])
    files.to_csv(with_column(frame, "tag:Site", ["hq", "1.5E+10", ""]), path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DamagedFile) as caught:
        files.read_csv(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            ",111122223333,",
            ",1.11122E+11,",
            "account_id in rows 3, 4 ('1.11122E+11', but '111122223333' in channel_arn)",
        ),
        (",000000000000,", ",0,", "account_id in row 2 ('0', but '000000000000' in channel_arn)"),
        (f"{ARN},", "1.11E+11,", "spreadsheet: channel_arn in row 4 ('1.11E+11'). Export"),
        (ARN[-14:], "", "spreadsheet: channel_arn in rows 2, 3, 4 ('arn:"),
        (":000000000000:", ":00000000000:", "account_id in row 2 ('000000000000', but '00000000000' in channel_arn)"),
        ("\n1E5,", "\n1.00E+05,", "channel_name in row 2 ('1.00E+05', but '1E5' in channel_arn)"),
        ("\n1E5,", "\n100000,", "channel_name in row 2 ('100000', but '1E5' in channel_arn)"),
        ("\n007,", "\n7,", "channel_name in row 3 ('7', but '007' in channel_arn)"),
        ("\nfront-door,", "\nfront door,", "channel_name in row 4 ('front door', but 'front-door' in channel_arn)"),
        ("\nfront-door,", "\n,", "channel_name in row 4 (nothing, but 'front-door' in channel_arn)"),
        (f",{ARN}", ",", "channel_name in row 4 ('front-door', but nothing in channel_arn)"),
        (",us-east-1,", ",us-west-2,", "region in rows 2, 3, 4 ('us-west-2', but 'us-east-1' in channel_arn)"),
        (",000000000000,", ",444455556666,", "account_id in row 2 ('444455556666', but '000000000000' in channel_arn)"),
        (
            "2026-01-05T09:00:00.123Z",
            "05.01.2026 09:00",
            "creation_time in rows 2, 3, 4 ('05.01.2026 09:00')",
        ),
        (",aB3dE5fG7hJ9kL1mN3pQ,", ",1.23E+19,", "version in rows 2, 3, 4 ('1.23E+19')"),
        (",60,", ",sixty,", "message_ttl_seconds in rows 2, 3, 4 ('sixty')"),
    ],
)
def test_damage_is_named_by_column_and_row(tmp_path: Path, old: str, new: str, found: str) -> None:
    message = damaged(tmp_path, old, new)
    assert found in message
    assert message.count("fleet.csv") == 1
    assert message.count("Export the frame again") == 1


def test_large_number_in_tag_is_not_damage() -> None:
    frame = with_column(builders.channels_frame([info()]), "tag:Serial", ["1.5E+10"])
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (",", "|", "header that to_csv() did not write"),
        (",region", ", region", "spaces around its separators"),
        ("channel_name,region", "region,region", "header that to_csv() did not write"),
        (",tag:Site", ",tag:Site,x", "wrong number of cells in rows 2, 3, 4"),
        ("\n1E5,", "\nextra,1E5,", "wrong number of cells in row 2"),
        (",hq\n", ',"hq"x\n', "is not valid CSV"),
        ("2026-01-05T", "2026-02-31T", "a value that to_csv() did not write"),
        (",60,", f",{10**30},", "a value that to_csv() did not write"),
    ],
)
def test_file_of_other_format_is_rejected(tmp_path: Path, old: str, new: str, found: str) -> None:
    assert found in damaged(tmp_path, old, new)


def test_empty_file_and_other_encoding_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DamagedFile, match="no header"):
        files.read_csv(tmp_path / "empty.csv")
    (tmp_path / "latin.csv").write_bytes(b"account_id,tag:Room\n000000000000,K\xfcche\n")
    with pytest.raises(DamagedFile, match="not valid UTF-8"):
        files.read_csv(tmp_path / "latin.csv")


def test_byte_order_mark_crlf_and_blank_lines_are_accepted(tmp_path: Path) -> None:
    frame = builders.channels_frame([info()])
    path = tmp_path / "saved.csv"
    path.write_bytes(b"\xef\xbb\xbf" + csv_of(frame).replace("\n", "\r\n").encode() + b"\r\n\r\n")
    pd.testing.assert_frame_equal(files.read_csv(path), frame)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"Can't read .*none\.csv: No such file"):
        files.read_csv(tmp_path / "none.csv")


# --- secrets and messages

SERVERS = [{"Uris": ["turn:a", "turns:b"], "Username": "u", "Password": "=aB3/x+y=", "Ttl": 300}]


@pytest.mark.parametrize("servers", [SERVERS, []])
def test_files_have_no_secret(tmp_path: Path, servers: list[dict[str, Any]]) -> None:
    frame = builders.ice_frame(ARN, servers)
    expected = frame.assign(**{name: frame[name].astype("str") for name in ("username", "password")})
    pd.testing.assert_frame_equal(round_trip(frame), expected)
    files.to_parquet(frame, tmp_path / "ice.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "ice.parquet"), expected)
    stream = io.StringIO()
    files.to_json(frame, stream)
    assert [row["password"] for row in json.loads(stream.getvalue())] == expected["password"].tolist()
    assert "aB3" not in csv_of(frame) + stream.getvalue()
    assert frame["password"].map(type).tolist() == [Secret] * len(frame)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 4_000_000_000_000), *[st.one_of(st.none(), tag_texts)] * (len(schemas.MESSAGES) - 1)),
        max_size=4,
    )
)
def test_csv_round_trip_keeps_messages_frame(rows: list[tuple[Any, ...]]) -> None:
    frame = builders.rows_frame(rows, schemas.MESSAGES)
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_cell_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    frame = builders.channels_frame([info("a"), info("b")])
    path = tmp_path / "older"
    path.write_text("older")
    for name, value in (
        ("version", "\ud800"),
        ("creation_time", "\ud800"),
        ("region", 2.5),
        ("account_id", []),
        ("version", 10**30),
    ):
        odd = frame.assign(**{name: pd.Series([value, *frame[name][1:]], dtype=object)})
        for write in (files.to_csv, files.to_json, files.to_parquet):
            if value == "\ud800" or write is files.to_parquet:
                with pytest.raises(InvalidInput, match="surrogate|values of one type"):
                    write(odd, path)
    assert path.read_text() == "older"


def test_stream_that_has_no_text_is_refused() -> None:
    closed = io.StringIO("a")
    closed.close()
    for stream, because in ((io.BytesIO(b"a"), "is a stream of bytes"), (closed, "I/O operation on closed file")):
        with pytest.raises(InvalidInput, match=f"^The CSV .*{because}"):
            files.read_csv(stream)  # type: ignore[arg-type]


# --- Parquet and JSON


@pytest.mark.parametrize("count", [0, 2])
def test_parquet_round_trip_keeps_frame(tmp_path: Path, count: int) -> None:
    frame = with_column(builders.channels_frame([info("a"), info("b")][:count]), "tag:Site", [None] * count)
    files.to_parquet(frame, tmp_path / "fleet.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "fleet.parquet"), frame)


def test_json_is_list_with_iso_times_and_nulls() -> None:
    stream = io.StringIO()
    files.to_json(with_column(builders.channels_frame([info(Version=None)]), "tag:Küche", ["=1"]), stream)
    assert json.loads(stream.getvalue()) == [
        {
            "account_id": "111122223333",
            "region": "us-east-1",
            "channel_name": "front-door",
            "channel_arn": ARN,
            "channel_type": "SINGLE_MASTER",
            "channel_status": "ACTIVE",
            "creation_time": "2026-01-05T09:00:00.123Z",
            "message_ttl_seconds": 60,
            "version": None,
            "tag:Küche": "=1",
        }
    ]
    stream = io.StringIO()
    files.to_json(builders.channels_frame([]), stream)
    assert json.loads(stream.getvalue()) == []
