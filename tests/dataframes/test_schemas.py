"""Frames have the same columns and dtypes whatever they contain."""

from __future__ import annotations

import io
import weakref
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook import errors
from kvs_notebook.dataframes import builders, schemas
from kvs_notebook.dataframes.schemas import CHANNELS, ENDPOINTS, ICE_SERVERS, MESSAGES, TAGS
from kvs_notebook.dataframes.tag_pivot import CHANNEL_COLUMNS, join_tags, pivot_tags
from kvs_notebook.secret import Secret

READ_FIRST, READ_LAST = [*CHANNELS][:-3], ["channel_type", "version", "channel_arn"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def arn(
    name: str, *, account_id: str = "111122223333", region: str = "us-east-1", created_ms: int = 1767603600000
) -> str:
    return f"arn:aws:kinesisvideo:{region}:{account_id}:channel/{name}/{created_ms}"


def info(name: str, created_ms: int = 1767603600000, **more: object) -> dict:
    return {
        "ChannelName": name,
        "ChannelARN": arn(name, created_ms=created_ms),
        "ChannelType": "SINGLE_MASTER",
        "ChannelStatus": "ACTIVE",
        "CreationTime": created_ms / 1000,
        "SingleMasterConfiguration": {"MessageTtlSeconds": 60},
        "Version": "Ws0fZvFGXzEpuZ2CE1s9",
        **more,
    }


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return dict(frame.dtypes.astype(str))


# --- every frame


@pytest.mark.parametrize("schema", [CHANNELS, TAGS, ENDPOINTS, ICE_SERVERS, MESSAGES])
def test_empty_frame_has_columns_and_dtypes(schema):
    assert dtypes(builders.empty(schema)) == dict(schema)


def test_frames_without_rows_have_dtypes():
    assert dtypes(builders.channels_frame([])) == dict(CHANNELS)
    assert dtypes(builders.tags_frame({})) == dict(TAGS)
    assert dtypes(builders.tags_frame({arn("a"): {}})) == dict(TAGS)
    assert dtypes(builders.endpoints_frame(arn("a"), "VIEWER", {})) == dict(ENDPOINTS)
    assert dtypes(builders.concat([], CHANNELS)) == dict(CHANNELS)


@pytest.mark.parametrize("schema", [CHANNELS, TAGS, ENDPOINTS])
def test_empty_frame_survives_parquet_and_concat(schema):
    empty = builders.empty(schema)
    stored = io.BytesIO()
    empty.to_parquet(stored)
    assert dtypes(pd.read_parquet(stored)) == dict(schema)
    assert dtypes(pd.concat([empty, empty])) == dict(schema)


def test_dtypes_are_64_bit_and_not_category():
    assert {dtype for schema in (CHANNELS, TAGS, ENDPOINTS) for dtype in schema.values()} == {
        "str",
        "Int64",
        "datetime64[ms, UTC]",
    }


# --- channels


def test_channels_frame_has_row_per_channel():
    frame = builders.channels_frame([info("front-door")])
    assert dtypes(frame) == dict(CHANNELS)
    assert frame.iloc[0].to_dict() == {
        "account_id": "111122223333",
        "region": "us-east-1",
        "channel_name": "front-door",
        "channel_arn": arn("front-door"),
        "channel_type": "SINGLE_MASTER",
        "channel_status": "ACTIVE",
        "creation_time": pd.Timestamp("2026-01-05T09:00:00Z"),
        "message_ttl_seconds": 60,
        "version": "Ws0fZvFGXzEpuZ2CE1s9",
    }


def test_channels_frame_accepts_missing_members():
    full = info("front-door")
    for member in full:
        for reduced in ({**full, member: None}, {key: value for key, value in full.items() if key != member}):
            frame = builders.channels_frame([reduced, full])
            assert dtypes(frame) == dict(CHANNELS)
            assert frame.isna().to_numpy().any()
    assert dtypes(builders.channels_frame([{}])) == dict(CHANNELS)


def test_channels_frame_keeps_unknown_values():
    frame = builders.channels_frame([info("a", ChannelStatus="PAUSED", ChannelType="MANY", Unheard="of")])
    assert frame[["channel_status", "channel_type"]].to_numpy().tolist() == [["PAUSED", "MANY"]]


def test_account_ids_and_numeric_names_stay_text():
    frame = builders.channels_frame([{**info("1E5"), "ChannelARN": arn("1E5", account_id="000000000000")}])
    assert frame[["account_id", "channel_name"]].to_numpy().tolist() == [["000000000000", "1E5"]]


def test_rows_are_sorted_by_account_region_and_name():
    places = [("222222222222", "us-east-1"), ("111111111111", "us-east-1"), ("111111111111", "eu-west-1")]
    infos = [
        {**info(name), "ChannelARN": arn(name, account_id=account_id, region=region)}
        for account_id, region in places
        for name in ("b", "a")
    ]
    frame = builders.channels_frame(infos)
    rows = frame[["account_id", "region", "channel_name"]].apply(tuple, axis=1).tolist()
    assert rows == sorted(rows)
    assert frame.index.equals(pd.RangeIndex(6))
    joined = builders.concat([builders.channels_frame([row]) for row in infos], CHANNELS)
    assert joined.equals(frame)


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=4), max_size=4))
def test_frame_of_pages_keeps_later_row_of_repeated_channel(names):
    pages = [[info(name, Version=f"page {number}") for name in page] for number, page in enumerate(names)]
    last = {each["ChannelARN"]: each for page in pages for each in page}
    assert builders.channels_frame_of_pages(iter(pages)).equals(builders.channels_frame(list(last.values())))


def test_frame_of_pages_keeps_no_page_in_memory():
    class Page(list):
        pass

    kept = []

    def pages():
        for name in "abc":
            page = Page([info(name)])
            kept.append(weakref.ref(page))
            yield page
            del page
            assert [each() for each in kept[:-1]] == [None] * (len(kept) - 1)

    assert len(builders.channels_frame_of_pages(pages())) == 3


milliseconds = st.integers(0, 4_102_444_800_000)
zones = st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")])


@given(st.lists(st.tuples(st.from_regex(r"[a-zA-Z0-9_.-]{1,9}", fullmatch=True), milliseconds, zones), max_size=8))
def test_numbers_and_datetimes_give_same_frame(rows):
    wire = [info(name, created_ms) for name, created_ms, _ in rows]
    parsed = [
        info(name, created_ms, CreationTime=(EPOCH + timedelta(milliseconds=created_ms)).astimezone(zone))
        for name, created_ms, zone in rows
    ]
    frame = builders.channels_frame(wire)
    assert frame.equals(builders.channels_frame(parsed))
    assert sorted(frame["creation_time"].map(lambda time: round(time.timestamp() * 1000))) == sorted(
        created_ms for _, created_ms, _ in rows
    )


def test_times_round_to_nearest_millisecond():
    between = EPOCH + timedelta(seconds=1, microseconds=600)
    assert builders.milliseconds(between) == builders.milliseconds(1.0006) == 1001


def test_full_frame_survives_parquet():
    frame = join_tags(builders.channels_frame([info("a"), info("b")]), builders.tags_frame({arn("a"): {"k": ""}}))
    stored = io.BytesIO()
    frame.to_parquet(stored)
    assert pd.read_parquet(stored).equals(frame)


# --- tags


def test_tags_frame_is_sorted_by_channel_and_key():
    frame = builders.tags_frame({arn("b"): {"z": "1", "a": ""}, arn("a"): {"k": "v"}, arn("c"): {}})
    assert dtypes(frame) == dict(TAGS)
    assert frame[["channel_name", "key", "value"]].to_numpy().tolist() == [
        ["a", "k", "v"],
        ["b", "a", ""],
        ["b", "z", "1"],
    ]


def test_pivot_tags_distinguishes_missing_from_empty():
    wide = pivot_tags(builders.tags_frame({arn("a"): {"Site": "hq"}, arn("b"): {"Site": "", "Owner": "ops"}}))
    assert dtypes(wide) == {
        **{column: TAGS[column] for column in CHANNEL_COLUMNS},
        "tag:Owner": "str",
        "tag:Site": "str",
    }
    assert wide["tag:Site"].tolist() == ["hq", ""]
    assert wide["tag:Owner"].isna().tolist() == [True, False]


def test_tag_key_never_replaces_other_column():
    channels = builders.channels_frame([info("a")])
    joined = join_tags(channels, builders.tags_frame({arn("a"): {"region": "x", "channel_arn": "y", "tag:z": "1"}}))
    assert joined["region"].tolist() == ["us-east-1"]
    assert joined.columns.tolist() == [*READ_FIRST, "tag:channel_arn", "tag:region", "tag:tag:z", *READ_LAST]


def test_join_tags_keeps_channels_in_order():
    channels = builders.channels_frame([info(name) for name in "abc"])
    joined = join_tags(channels, builders.tags_frame({arn("c"): {"k": "v"}, arn("a"): {"k": ""}}))
    assert joined["channel_name"].tolist() == ["a", "b", "c"]
    assert joined["tag:k"].isna().tolist() == [False, True, False]
    assert dtypes(joined) == {**CHANNELS, "tag:k": "str"}
    assert join_tags(channels, builders.empty(TAGS)).equals(channels)


def test_join_tags_rejects_tag_with_two_values():
    channels, tags = (
        builders.channels_frame([info("a")]),
        pd.concat(builders.tags_frame({arn("a"): {"Site": value}}) for value in ("hq", "hq", "annex")),
    )
    assert join_tags(channels, tags[:2])["tag:Site"].tolist() == ["hq"]
    with pytest.raises(errors.InvalidInput, match="Tag 'Site' of channel a has 2 values: 'hq' and 'annex'"):
        join_tags(channels, tags)


def test_join_tags_of_given_keys_has_a_column_of_each():
    tags = builders.tags_frame({arn("a"): {"k": "v", "Site": "hq"}})
    joined = join_tags(builders.channels_frame([info("a")]), tags, ["Site", "Owner"])
    assert joined.columns.tolist() == [*READ_FIRST, "tag:Site", "tag:Owner", *READ_LAST]
    assert joined["tag:Site"].tolist() == ["hq"]
    assert joined["tag:Owner"].isna().all()


def test_concat_of_other_tag_columns_has_missing_values():
    one = join_tags(builders.channels_frame([info("a")]), builders.tags_frame({arn("a"): {"x": "1"}}))
    two = join_tags(builders.channels_frame([info("b")]), builders.tags_frame({arn("b"): {"w": "2"}}))
    joined = builders.concat([two, one, builders.empty(CHANNELS)], CHANNELS)
    assert joined.columns.tolist() == [*READ_FIRST, "tag:w", "tag:x", *READ_LAST]
    assert dtypes(joined) == {**CHANNELS, "tag:w": "str", "tag:x": "str"}
    assert joined["channel_name"].tolist() == ["a", "b"]


# --- endpoints


def test_endpoints_frame_has_row_per_protocol_in_order():
    frame = builders.endpoints_frame(arn("a"), "VIEWER", {"WSS": "wss://v", "HTTPS": "https://r"})
    assert frame[["protocol", "endpoint"]].to_numpy().tolist() == [["WSS", "wss://v"], ["HTTPS", "https://r"]]


# --- ICE servers and messages


def test_ice_frame_has_row_per_uri_in_order():
    servers = [
        {"Uris": ["turn:b", "turns:a"], "Username": "u1", "Password": "p1", "Ttl": 300},
        {"Uris": ["turn:a"], "Username": "u2", "Password": "p2", "Ttl": 86_400},
    ]
    frame = builders.ice_frame(arn("a"), servers)
    assert dtypes(frame) == dict(ICE_SERVERS)
    assert frame["uri"].tolist() == ["turn:b", "turns:a", "turn:a"]
    assert frame["ttl_seconds"].tolist() == [300, 300, 86_400]
    assert frame["password"].tolist() == [Secret("p1"), Secret("p1"), Secret("p2")]
    assert [username.reveal() for username in frame["username"]] == ["u1", "u1", "u2"]


def test_ice_frame_accepts_missing_members():
    for nothing in ([], [{}], [{"Uris": None}], [{"Uris": []}]):
        assert dtypes(builders.ice_frame(arn("a"), nothing)) == dict(ICE_SERVERS)
        assert builders.ice_frame(arn("a"), nothing).empty
    bare = builders.ice_frame(arn("a"), [{"Uris": ["stun:a"]}])
    assert dtypes(bare) == dict(ICE_SERVERS)
    assert bare["ttl_seconds"].isna().tolist() == [True]
    assert bare["password"][0] == Secret("")


def test_messages_frame_has_missing_values():
    rows = [
        (1767603600000, "sent", "SDP_OFFER", "tablet", None, "c1", "{}", None),
        (1767603600001, "received", "GO_AWAY", None, "tablet", None, None, None),
    ]
    frame = builders.rows_frame(rows, MESSAGES)
    assert dtypes(frame) == dict(MESSAGES)
    assert frame["time"].diff().iloc[1] == timedelta(milliseconds=1)
    assert frame["recipient_client_id"].isna().tolist() == [True, False]


OF_CHANNELS = {
    name: list(value)
    for name, value in vars(schemas).items()
    if isinstance(value, dict) and {"channel_arn", "region"} <= set(value) and not name.startswith("PLAN_")  # of steps
}


@pytest.mark.parametrize("columns", OF_CHANNELS.values(), ids=OF_CHANNELS)
def test_frame_begins_with_name_and_ends_with_arn(columns):
    assert columns[:2] == ["channel_name", "region"]
    long = [column for column in ("version", "channel_arn") if column in columns]
    assert columns[-len(long) :] == long
    assert set(columns) >= {"account_id", "region"}


def test_eighty_columns_show_name_region_status_and_ttl_first():
    frame = builders.channels_frame([info("elderly-care_room.12")])
    with pd.option_context("display.max_columns", None, "display.width", 80):
        lines = str(frame).splitlines()
    assert lines[0].split()[:4] == ["channel_name", "region", "channel_status", "message_ttl_seconds"]
    assert max(map(len, lines)) <= 80


def test_dtype_of_column_follows_its_name():
    assert schemas.dtype_of("message_ttl_seconds") == "Int64"
    assert schemas.dtype_of("tag:anything") == "str"
    assert schemas.dtype_of("password") == schemas.dtype_of("username") == "object"
    assert schemas.dtype_of("error_code") == "str"
    assert schemas.dtype_of("mine") is None
