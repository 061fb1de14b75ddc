"""The form that looks up endpoints."""

from __future__ import annotations

from typing import Any

import pytest

import kvs_notebook as kvs
from kvs_notebook import errors


def test_endpoints_are_shown_and_returned(connection, submit):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    form.role.value = "MASTER"
    found = submit(form)
    assert found.equals(kvs.get_endpoints("front-door", role="MASTER"))
    assert "kvs.get_endpoints(&#x27;front-door&#x27;, role=&#x27;MASTER&#x27;)" in form.status.value
    for endpoint in found["endpoint"]:
        assert endpoint in form.status.value


def test_ticked_protocols_are_requested(connection, submit):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    assert {name for name, box in form.protocols.items() if box.value} == {"WSS", "HTTPS"}
    form.protocols["WSS"].value = False
    assert submit(form)["protocol"].tolist() == ["HTTPS"]
    form.protocols["HTTPS"].value = False
    assert isinstance(submit(form), errors.InvalidInput)
    assert form.status.text == "Not sent. No protocol is ticked. Tick at least one."


def test_unavailable_protocol_is_shown(connection, submit):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    form.protocols["WEBRTC"].value = True
    assert isinstance(submit(form), errors.InvalidInput)
    assert form.status.role == "alert"
    assert "GetSignalingChannelEndpoint failed for front-door" in form.status.text


def trial(form: Any) -> Any:
    form.try_it.click()
    return form.future.exception(20) or form.future.result()


def test_trial_connects_once_as_viewer(sandbox, connection):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    form.role.value = "MASTER"  # which a trial never is
    seconds = trial(form)
    assert 0 < seconds < 10
    assert "as VIEWER kvs-notebook-probe and disconnected" in form.status.text
    assert f"{seconds * 1000:.1f} ms" in form.status.text
    assert "kvs.open_signaling(&#x27;front-door&#x27;, client_id=&#x27;kvs-notebook-probe&#x27;)" in form.status.value
    connects = sandbox.requests[sandbox.requests["operation"].str.startswith("Connect")]
    assert connects[["operation", "status"]].values.tolist() == [["ConnectAsViewer", 101]]
    assert not form.submit.disabled


def test_trials_use_one_viewer_slot(sandbox, connection):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    for _ in range(12):
        sandbox.advance(1)
        assert isinstance(trial(form), float), form.status.text


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            lambda sandbox: sandbox.deny("kinesisvideo:ConnectAsViewer"),
            "is not authorized to perform: kinesisvideo:Con",
        ),
        (
            lambda sandbox: sandbox.faults.add("ConnectAsViewer", "error", times=None),
            "ConnectAsViewer failed for front-door",
        ),
        (lambda sandbox: sandbox.faults.add("ConnectAsViewer", "reset", times=None), "did not answer"),
        (lambda _: kvs.delete_channel("front-door", wait=True), "ResourceNotFoundException"),
    ],
)
def test_refused_trial_shows_why(sandbox, connection, trouble, said):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    trouble(sandbox)
    assert isinstance(trial(form), errors.KVSError)
    assert form.status.role == "alert"
    assert said in form.status.text
    assert not form.try_it.disabled


def test_trial_does_not_retry_full_channel(sandbox, connection):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    sandbox.faults.add("ConnectAsViewer", "throttle", times=None)
    assert isinstance(trial(form), errors.Throttled)
    assert "10 viewers at a time" in form.status.text
    assert (sandbox.requests["operation"] == "ConnectAsViewer").sum() == 1


def test_trial_without_channel_names_field(connection):
    form = kvs.forms.get_endpoints()
    assert isinstance(trial(form), errors.InvalidInput)
    assert form.status.text.startswith("Not sent.")
