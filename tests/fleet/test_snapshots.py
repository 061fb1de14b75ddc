"""Snapshots: files that pandas, Dask and DuckDB read with the same types, and whose damage is detected."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import sys
import warnings
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kvs_notebook as kvs
from kvs_notebook.dataframes.builders import empty
from kvs_notebook.dataframes.schemas import CHANNELS, COVERAGE, TAGS
from kvs_notebook.errors import ExportFailed, InvalidInput
from kvs_notebook.fleet.coverage import coverage_frame, unread_row
from kvs_notebook.fleet.inventory import Inventory

ZEROS = "000000000000"
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2"]


@pytest.fixture(scope="module")
def saved_history(tmp_path_factory):
    """A folder with snapshots of the example fleet's three account-regions on two days, without a change."""
    folder = tmp_path_factory.mktemp("saved") / "history"
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox:
        sandbox.seed()
        for day in ("2026-01-05", "2026-01-06"):
            kvs.save_snapshot(kvs.inventory(regions=REGIONS, connection=sandbox.connection()), folder, date=day)
    return folder


@pytest.fixture
def history(saved_history, tmp_path):
    """A copy of that folder, for one test."""
    return shutil.copytree(saved_history, tmp_path / "history")


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def us_east(history, day="2026-01-06"):
    return history / f"date={day}" / "111122223333_us-east-1.parquet"


# --- writing


def test_each_account_region_has_file_readable_by_owner_only(history):
    names = ["111122223333_ap-southeast-2.parquet", "111122223333_eu-west-1.parquet", "111122223333_us-east-1.parquet"]
    assert files(history) == [
        f"date={day}/{name}" for day in ("2026-01-05", "2026-01-06") for name in [*names, "_coverage.csv"]
    ]
    assert {path.stat().st_mode & 0o777 for path in history.rglob("*.*")} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [history, *history.glob("date=*")]} == {0o700}


def test_unread_account_region_has_no_file_and_empty_one_does(fleet, tmp_path):
    fleet.deny("kinesisvideo:List*", region="eu-west-1")
    folder = kvs.save_snapshot(kvs.inventory(regions=["us-west-2", "eu-west-1"]), tmp_path / "history")
    assert files(folder) == ["111122223333_us-west-2.parquet", "_coverage.csv"]
    found = pd.read_parquet(folder / "111122223333_us-west-2.parquet")
    assert found.empty
    assert {column: str(found[column].dtype) for column in CHANNELS} == dict(CHANNELS)


def test_snapshot_date_defaults_to_today(fleet, tmp_path):
    found = kvs.inventory()
    assert kvs.save_snapshot(found, tmp_path).name.startswith("date=20")
    assert kvs.save_snapshot(found, tmp_path, date=date(2026, 1, 5)).name == "date=2026-01-05"
    assert kvs.save_snapshot(found, tmp_path, date=pd.Timestamp("2026-01-06 09:30")).name == "date=2026-01-06"


@pytest.mark.parametrize("wrong", ["last week", "2026-02-31", "../x", 5, "", 0, pd.NaT])
def test_invalid_date_is_rejected_and_nothing_is_written(fleet, tmp_path, wrong):
    with pytest.raises(InvalidInput, match="Expected a day, such as '2026-01-05'"):
        kvs.save_snapshot(kvs.inventory(), tmp_path / "history", date=wrong)
    assert not (tmp_path / "history").exists()


def test_snapshot_rejects_inventory_of_prefix(fleet, tmp_path):
    with pytest.raises(InvalidInput, match="only channels that begin with 'front-'"):
        kvs.save_snapshot(kvs.inventory(prefix="front-"), tmp_path / "history")


def test_second_snapshot_of_day_replaces_first(history, fleet):
    kvs.create_channel("roof")
    with pytest.warns(UserWarning, match="lacks 111122223333 ap-southeast-2, 111122223333 eu-west-1. To keep"):
        kvs.save_snapshot(kvs.inventory(regions=["us-east-1"]), history, date="2026-01-06")
    assert files(history / "date=2026-01-06") == ["111122223333_us-east-1.parquet", "_coverage.csv"]
    assert len(pd.read_parquet(us_east(history))) == 12
    assert sorted(path.name for path in history.iterdir()) == ["date=2026-01-05", "date=2026-01-06"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_full_disk_leaves_older_snapshot_unchanged(history, fleet):
    before = {name: (history / name).read_bytes() for name in files(history)}
    found = kvs.inventory(regions=REGIONS)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        with pytest.raises(ExportFailed, match="what was there before is unchanged"):
            kvs.save_snapshot(found, history, date="2026-01-06")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {name: (history / name).read_bytes() for name in files(history)} == before


def test_folder_that_cannot_be_created_raises_export_failed(fleet, tmp_path):
    (tmp_path / "history").write_text("a file")
    with pytest.raises(ExportFailed, match="Can't write .*history/date="):
        kvs.save_snapshot(kvs.inventory(), tmp_path / "history")


# --- reading


def test_read_snapshots_returns_all_days(history, fleet, tmp_path):
    found = kvs.read_snapshots(history)
    assert found["date"].dtype == "datetime64[ms]"
    assert found["date"].value_counts().to_dict() == {pd.Timestamp(f"2026-01-0{day}"): 26 for day in (5, 6)}
    kvs.save_snapshot(today := kvs.inventory(regions=REGIONS), tmp_path / "today", date="2026-01-06")
    day = kvs.read_snapshots(tmp_path / "today").drop(columns=["date", "account_name"])
    assert day.equals(today.table())


def test_snapshots_survive_csv_round_trip(history, tmp_path):
    found = kvs.read_snapshots(history)
    kvs.to_csv(found, tmp_path / "long.csv")
    assert kvs.read_csv(tmp_path / "long.csv").equals(found)


def test_read_coverage_returns_each_day(history, fleet):
    found = kvs.read_coverage(history)
    assert list(found) == ["date", *COVERAGE]
    today = found[found["date"] == "2026-01-06"].drop(columns=["date", "seconds"]).reset_index(drop=True)
    assert today.equals(kvs.inventory(regions=REGIONS).coverage.drop(columns="seconds"))


def test_missing_tag_differs_from_empty_tag(sandbox, connection, tmp_path):
    kvs.create_channel("a", tags={"Note": ""})
    kvs.create_channel("b")
    kvs.save_snapshot(kvs.inventory(), tmp_path, date="2026-01-05")
    assert kvs.read_snapshots(tmp_path)["tag:Note"].fillna("(none)").tolist() == ["", "(none)"]


def test_snapshot_keeps_account_names(fleet, tmp_path):
    role = "arn:aws:iam::111122223333:role/Reader"
    accounts = pd.DataFrame({"account_id": ["111122223333"], "role_arn": [role], "account_name": ["Main"]})
    kvs.save_snapshot(kvs.inventory(accounts=accounts), tmp_path, date="2026-01-05")
    assert set(kvs.read_snapshots(tmp_path)["account_name"]) == {"Main"}


@pytest.mark.parametrize("made", [False, True])
def test_folder_without_snapshots_names_save_snapshot(tmp_path, made):
    if made:
        (tmp_path / "history").mkdir()
    for read in (kvs.read_snapshots, kvs.read_coverage, kvs.compare_snapshots):
        with pytest.raises(InvalidInput, match="save_snapshot"):
            read(tmp_path / "history")


# --- other readers


@pytest.fixture
def zeros(tmp_path):
    """A snapshot of account 000000000000, which a reader might take for the number 0."""
    with kvs.Sandbox(account_id=ZEROS, clock="stepped") as sandbox:
        here = sandbox.connection()
        kvs.create_channel("1E5", tags={"Site": "Łódź", "Note": ""}, connection=here)
        kvs.create_channel("null", connection=here)
        kvs.save_snapshot(kvs.inventory(regions=REGIONS, connection=here), tmp_path / "zeros", date="2026-01-05")
    return tmp_path / "zeros"


def test_pandas_reads_folder_with_types_of_channels_frame(zeros):
    found = pd.read_parquet(zeros)
    assert {column: str(found[column].dtype) for column in CHANNELS} == dict(CHANNELS)
    assert found["account_id"].tolist() == [ZEROS] * 2
    assert found["channel_name"].tolist() == ["1E5", "null"]
    assert found["tags"].tolist() == ['{"Note":"","Site":"Łódź"}', "{}"]
    assert found["date"].astype(str).tolist() == ["2026-01-05"] * 2


@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # in Dask's own code
def test_dask_reads_folder_with_same_types(zeros):
    import dask.dataframe as dd  # takes a second

    found = dd.read_parquet(zeros)
    texts = {"str": "string"}  # Dask's name of the dtype
    assert {column: str(found[column].dtype) for column in CHANNELS} == {
        column: texts.get(dtype, dtype) for column, dtype in CHANNELS.items()
    }
    assert found["account_id"].compute(scheduler="synchronous").tolist() == [ZEROS] * 2


def test_duckdb_reads_folder_with_same_types(zeros):
    everything = f"FROM read_parquet('{zeros}/*/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as database:
        types = {name: kind for name, kind, *_ in database.execute(f"DESCRIBE SELECT * {everything}").fetchall()}
        rows = database.execute(f"SELECT account_id, channel_name, date {everything} ORDER BY channel_name").fetchall()
    others = {"creation_time": "TIMESTAMP WITH TIME ZONE", "message_ttl_seconds": "BIGINT"}
    assert {column: types[column] for column in CHANNELS} == {
        column: others.get(column, "VARCHAR") for column in CHANNELS
    }
    assert rows == [(ZEROS, "1E5", date(2026, 1, 5)), (ZEROS, "null", date(2026, 1, 5))]


# --- damage


@pytest.mark.draw(2)
@pytest.mark.parametrize("size", [0, 4, 700, -1])
def test_truncated_file_is_left_out_with_warning(history, size):
    path = us_east(history)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.warns(UserWarning, match="Left out of date=2026-01-06: Can't read .*us-east-1.parquet"):
        found = kvs.read_snapshots(history)
    assert len(found) == 26 + 26 - 11
    coverage = kvs.read_coverage(history).set_index(["date", "region"])
    assert coverage.loc[("2026-01-06", "us-east-1"), ["status", "error_code"]].tolist() == ["error", "DamagedFile"]
    assert coverage["status"].tolist().count("ok") == 5


def test_overwritten_page_is_detected(history):
    path = us_east(history)
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="us-east-1.parquet is not the file that was saved"):
        assert len(kvs.read_snapshots(history)) == 41


def test_file_of_another_day_is_detected(history, fleet):
    kvs.create_channel("roof")
    kvs.save_snapshot(kvs.inventory(regions=REGIONS), history, date="2026-01-07")
    us_east(history, "2026-01-06").replace(us_east(history, "2026-01-07"))
    with warnings.catch_warnings(record=True, action="always") as warned:
        assert len(kvs.read_snapshots(history)) == 26 + 15 + 15
    assert [str(each.message).partition(": ")[0] for each in warned] == [
        "Left out of date=2026-01-06",
        "Left out of date=2026-01-07",
    ]


def test_flipped_bit_is_detected_anywhere(history):
    path = us_east(history)
    whole = path.read_bytes()
    for at in (0, len(whole) // 3, len(whole) - 600, len(whole) - 3):  # more are tried below
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match="Left out of date=2026-01-06: .*us-east-1.parquet"):
            assert len(kvs.read_snapshots(history)) == 41
        changes = kvs.compare_snapshots(history)
        assert changes[["region", "change", "after"]].to_numpy().tolist() == [["us-east-1", "unknown", "error"]]


def test_file_of_another_account_region_is_detected(sandbox, connection, tmp_path):
    for region in REGIONS[:2]:
        kvs.create_channel("camera", connection=sandbox.connection(region=region))
    for day in ("2026-01-05", "2026-01-06"):
        folder = kvs.save_snapshot(kvs.inventory(regions=REGIONS[:2]), tmp_path, date=day)
    shutil.copy(folder / "111122223333_eu-west-1.parquet", folder / "111122223333_us-east-1.parquet")
    changes = kvs.compare_snapshots(tmp_path)
    assert changes[["region", "change", "after"]].to_numpy().tolist() == [["us-east-1", "unknown", "error"]]


def test_folder_without_valid_date_is_ignored(history):
    (history / "date=2026-13-45").mkdir()
    assert len(kvs.read_snapshots(history)) == 52


def test_day_without_coverage_file_counts_as_unread(history):
    (history / "date=2026-01-06" / "_coverage.csv").unlink()
    coverage = kvs.read_coverage(history)
    assert coverage["status"].tolist() == ["ok"] * 3 + ["error"] * 3
    with pytest.warns(UserWarning, match="Can't read .*_coverage.csv"):
        assert len(kvs.read_snapshots(history)) == 26


def test_inventory_made_by_caller_is_saved(tmp_path):
    nothing = Inventory(empty(CHANNELS), empty(TAGS), empty(COVERAGE))
    kvs.save_snapshot(nothing, tmp_path, date="2026-01-05")
    assert kvs.read_snapshots(tmp_path).empty


def test_snapshot_that_lacks_tags_of_replaced_one_warns(history, fleet):
    with pytest.warns(UserWarning, match="lacks tags of 111122223333 ap-southeast-2, tags of .* To keep them"):
        kvs.save_snapshot(kvs.inventory(regions=REGIONS, tags="none"), history, date="2026-01-06")
    kvs.save_snapshot(kvs.inventory(regions=REGIONS), history, date="2026-01-06")  # has more: no warning


@pytest.mark.filterwarnings("error")
def test_warning_that_is_an_error_keeps_older_snapshot(history, fleet):
    before = {name: (history / name).read_bytes() for name in files(history)}
    with pytest.raises(UserWarning, match="is replaced by one that lacks"):
        kvs.save_snapshot(kvs.inventory(regions=["us-east-1"]), history, date="2026-01-06")
    assert {name: (history / name).read_bytes() for name in files(history)} == before


@pytest.mark.parametrize(
    "account_id", ["../../../x", "11112222333", "", "1111222233334", "/etc/x", "\N{ARABIC-INDIC DIGIT ONE}" * 12, None]
)
def test_invalid_account_is_never_a_path(tmp_path, account_id):
    coverage = pd.concat([coverage_row(account_id, "us-east-1"), coverage_row("111122223333", "eu-west-1")])
    with pytest.raises(InvalidInput, match="Account id .* is not a string of 12 digits"):
        kvs.save_snapshot(Inventory(empty(CHANNELS), empty(TAGS), coverage), tmp_path / "a" / "history")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("region", ["../x", "us-east-1/../../../x", "", "US-EAST-1", "us-east-1\n", "*"])
def test_invalid_region_is_never_a_path(tmp_path, region):
    with pytest.raises(InvalidInput, match="is not a region's code"):
        kvs.save_snapshot(
            Inventory(empty(CHANNELS), empty(TAGS), coverage_row("111122223333", region)), tmp_path / "history"
        )
    assert list(tmp_path.iterdir()) == []


def coverage_row(account_id, region):
    row = unread_row(account_id, region, None) | {"status": "ok", "tags_source": "bulk"}
    return coverage_frame([row])


COVERAGE_DAMAGE = {
    "empty": lambda text: "",
    "no digest": lambda text: text.replace("digest", "digits", 1),
    "no status": lambda text: text.replace("status", "state", 1),
    "no channels": lambda text: text.replace(",channels,", ",channel,", 1),
    "empty channels": lambda text: text.replace(",ok,9,bulk,", ",ok,,bulk,"),
    "empty status": lambda text: text.replace(",ok,", ",,"),
    "empty region": lambda text: text.replace(",eu-west-1,", ",,"),
    "empty account": lambda text: text.replace("111122223333,eu-west-1", ",eu-west-1"),
    "path as region": lambda text: text.replace("eu-west-1", "../../x"),
    "other account": lambda text: text.replace("111122223333", "1.11122E+11"),
    "half a line": lambda text: text[:-40],
    "row twice": lambda text: text + text.splitlines(keepends=True)[1],
    "zeros": lambda text: "\0" * len(text),
    "text in channels": lambda text: text.replace(",ok,9,bulk,", ",ok,nine,bulk,"),
    "another column": lambda text: text.replace("account_id", "account_id2", 1),
}


@pytest.mark.draw(4)
@pytest.mark.parametrize("damage", COVERAGE_DAMAGE.values(), ids=COVERAGE_DAMAGE)
def test_damaged_coverage_file_makes_its_day_unread(history, damage):
    path = history / "date=2026-01-06" / "_coverage.csv"
    text = path.read_text()
    assert damage(text) != text
    path.write_text(damage(text))
    coverage = kvs.read_coverage(history)
    assert coverage["status"].tolist() == ["ok"] * 3 + ["error"] * 3
    assert set(coverage["error_code"].dropna()) == {"DamagedFile"}
    with pytest.warns(UserWarning, match="Left out of date=2026-01-06"):
        assert len(kvs.read_snapshots(history)) == 26
    assert set(kvs.compare_snapshots(history)["change"]) == {"unknown"}


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_damaged_table_is_damage_of_its_account_region(history, changes):
    shutil.rmtree(history / "date=2026-01-05", ignore_errors=True)
    path = us_east(history)
    saved = path.read_bytes()
    content = bytearray(saved)
    for place, bits in changes:
        content[int(place * len(content))] ^= bits
    path.write_bytes(content)
    try:
        assert set(kvs.read_coverage(history)["status"]) <= {"ok", "error"}
        with warnings.catch_warnings(action="ignore"):
            found = kvs.read_snapshots(history)
        assert len(found) == (26 if content == saved else 15)
    finally:
        path.write_bytes(saved)


NOT_SAVED = {
    "tags": ["x", "5", "[]", "null", '{"a":5}', '{"a":null}', '{"a":"\\ud800"}', '{"a":"b"', "[" * 100_000],
    "account_id": ["444455556666", None],
    "region": ["eu-west-1", None],
    "channel_name": [None],
    "channel_arn": [None],
    "creation_time": [2**62, -(2**62)],
}


@pytest.mark.draw(2)
@pytest.mark.parametrize(("column", "value"), [(name, value) for name, values in NOT_SAVED.items() for value in values])
def test_value_that_is_never_saved_is_damage_despite_its_digest(history, column, value):
    path, coverage = us_east(history), us_east(history).with_name("_coverage.csv")
    table, digest = pq.read_table(path), hashlib.sha256(path.read_bytes()).hexdigest()
    at, field = table.schema.get_field_index(column), table.schema.field(column)
    changed = pa.array([value, *table[column].to_pylist()[1:]], field.type)
    pq.write_table(table.set_column(at, field, changed), path)
    coverage.write_text(coverage.read_text().replace(digest, hashlib.sha256(path.read_bytes()).hexdigest()))
    with pytest.warns(UserWarning, match=f"has a value in {column} that was not saved"):
        assert len(kvs.read_snapshots(history)) == 41
    [change] = kvs.compare_snapshots(history)[["region", "change", "before", "after"]].to_numpy().tolist()
    assert change == ["us-east-1", "unknown", "ok", "error"]


def test_table_whose_description_is_not_utf8_is_damaged(history):
    path = us_east(history)
    path.write_bytes(path.read_bytes().replace(b"channel_name", b"channel\xff\xfe\xffme"))
    assert kvs.read_coverage(history)["status"].tolist() == ["ok"] * 5 + ["error"]


@pytest.mark.parametrize(
    "what", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "folder", "device"]
)
@pytest.mark.parametrize("name", ["111122223333_us-east-1.parquet", "_coverage.csv"])
def test_what_is_no_file_is_damage_and_not_waited_for(history, name, what):
    day = history / "date=2026-01-06"
    (day / name).unlink()
    what(day / name)
    coverage = kvs.read_coverage(history)
    rows = coverage[coverage["date"].astype(str).str.startswith("2026-01-06")]
    assert (rows["status"] == "error").sum() == (3 if name == "_coverage.csv" else 1)
    with pytest.warns(UserWarning, match=name):
        assert len(kvs.read_snapshots(history))
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox, warnings.catch_warnings(action="ignore"):
        kvs.save_snapshot(kvs.inventory(connection=sandbox.connection()), history, date="2026-01-06")
    assert kvs.read_coverage(history)["status"].eq("ok").all()


@pytest.mark.parametrize(
    "name", ["date=2026-01-06", ".date=2026-01-06.00112233445566aa.part", ".date=2026-01-06.00112233445566aa.old"]
)
def test_pipe_in_place_of_a_day_is_replaced(history, name):
    if name.startswith("date"):
        shutil.rmtree(history / name)
    os.mkfifo(history / name)
    with kvs.Sandbox(clock="stepped", quotas=False) as sandbox, warnings.catch_warnings(action="ignore"):
        kvs.save_snapshot(kvs.inventory(connection=sandbox.connection()), history, date="2026-01-06")
    assert sorted(path.name for path in history.iterdir()) == ["date=2026-01-05", "date=2026-01-06"]
    assert kvs.read_coverage(history)["status"].eq("ok").all()
