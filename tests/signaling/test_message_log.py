"""Tests of MessageLog: rows, dtypes, capacity, and the order across logs."""

from __future__ import annotations

from kvs_notebook.dataframes.schemas import MESSAGES
from kvs_notebook.signaling import message_log
from kvs_notebook.signaling.message_log import MessageLog


def test_empty_log_has_exact_columns_and_dtypes():
    frame = MessageLog().to_frame()
    assert dict(frame.dtypes.astype(str)) == dict(MESSAGES)
    assert len(frame) == 0


def test_added_message_becomes_a_row_with_missing_columns():
    log = MessageLog()
    log.add("sent", "SDP_OFFER", sender_client_id="tablet", message_payload="{}")
    frame = log.to_frame()
    assert dict(frame.dtypes.astype(str)) == dict(MESSAGES)
    row = frame.iloc[0]
    assert (row["direction"], row["message_type"], row["sender_client_id"]) == ("sent", "SDP_OFFER", "tablet")
    assert frame[["recipient_client_id", "correlation_id", "error_code"]].isna().all(axis=None)


def test_log_keeps_the_newest_messages():
    log = MessageLog(capacity=3)
    for number in range(5):
        log.add("sent", "ICE_CANDIDATE", message_payload=f"{number}")
    assert len(log) == 3
    assert log.to_frame()["message_payload"].tolist() == ["2", "3", "4"]


def test_entries_are_ordered_across_logs_within_one_millisecond(monkeypatch):
    monkeypatch.setattr(message_log, "milliseconds", lambda _: 1_767_603_600_000)
    first, second = MessageLog(), MessageLog()
    for number, log in enumerate([first, second, second, first]):
        log.add("sent", "ICE_CANDIDATE", message_payload=f"{number}")
    merged = sorted([*first.entries(), *second.entries()], key=lambda entry: entry["order"])
    assert [entry["message_payload"] for entry in merged] == ["0", "1", "2", "3"]
    assert set(merged[0]) == {"order", *MESSAGES}
