"""The form that looks up endpoints."""

from __future__ import annotations

import kvs_notebook as kvs
from kvs_notebook import errors


def test_endpoints_are_shown_and_given(connection, submit):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    form.role.value = "MASTER"
    found = submit(form)
    assert found.equals(kvs.get_endpoints("front-door", role="MASTER"))
    assert "kvs.get_endpoints(&#x27;front-door&#x27;, role=&#x27;MASTER&#x27;)" in form.status.value
    for endpoint in found["endpoint"]:
        assert endpoint in form.status.value


def test_the_protocols_are_those_that_are_ticked(connection, submit):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    assert {name for name, box in form.protocols.items() if box.value} == {"WSS", "HTTPS"}
    form.protocols["WSS"].value = False
    assert submit(form)["protocol"].tolist() == ["HTTPS"]
    form.protocols["HTTPS"].value = False
    assert isinstance(submit(form), errors.InvalidInput)
    assert form.status.text == "Not sent. Tick at least one protocol."


def test_a_protocol_that_the_channel_has_not_says_so(connection, submit):
    kvs.create_channel("front-door")
    form = kvs.forms.get_endpoints("front-door")
    form.protocols["WEBRTC"].value = True
    assert isinstance(submit(form), errors.InvalidInput)
    assert form.status.role == "alert"
    assert "GetSignalingChannelEndpoint failed for front-door" in form.status.text
