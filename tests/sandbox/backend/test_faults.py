from __future__ import annotations

import pytest

from kvs_notebook.errors import InvalidInput
from kvs_notebook.sandbox.backend.context import Caller
from kvs_notebook.sandbox.backend.faults import KINDS, Fault, Faults, Scope

CALLER = Caller("111122223333", "us-east-1", "KVSB111122223333ABCD")
ELSEWHERE = Caller("111122223333", "eu-west-1", "KVSB111122223333ABCD")
DESCRIBE, CREATE, DELETE = "DescribeSignalingChannel", "CreateSignalingChannel", "DeleteSignalingChannel"


@pytest.fixture
def faults():
    return Faults()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"delay"}))
def test_fault_applies_once_to_its_operation(faults, kind):
    faults.add(CREATE, kind)
    assert faults.take(DESCRIBE, CALLER) == []
    assert faults.take(CREATE, CALLER) == [Fault(kind)]
    assert faults.take(CREATE, CALLER) == []


def test_fault_applies_the_given_number_of_times(faults):
    faults.add(CREATE, "error", times=2)
    assert [bool(faults.take(CREATE, CALLER)) for _ in range(4)] == [True, True, False, False]


def test_fault_without_limit_applies_until_cleared(faults):
    faults.add("*", "reset", times=None)
    assert all(
        faults.take(operation, CALLER) == [Fault("reset")] for operation in [CREATE, DESCRIBE, "GetCallerIdentity"] * 5
    )
    faults.clear()
    assert faults.take(CREATE, CALLER) == []


def test_faults_apply_in_the_order_added(faults):
    faults.add("*", "error")
    faults.add(CREATE, "throttle")
    assert faults.take(CREATE, CALLER) == [Fault("error")]
    assert faults.take(CREATE, CALLER) == [Fault("throttle")]


def test_delay_combines_with_one_fault_and_comes_first(faults):
    faults.add(CREATE, "lost_reply")
    faults.add(CREATE, "delay", seconds=0.5)
    assert faults.take(CREATE, CALLER) == [Fault("delay", 0.5), Fault("lost_reply")]
    assert faults.take(CREATE, CALLER) == []


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (("Describe", "error"), "operation='Describe' is not valid.*CreateSignalingChannel"),
        ((CREATE, "explode"), "Expected one of: throttle, error"),
        ((CREATE, "error", 0), "times=0 is not valid. Expected 1 or more"),
        ((CREATE, "delay"), "Expected more than 0 for a delay"),
        ((CREATE, "delay", 1, -1.0), "Expected more than 0 for a delay"),
    ],
)
def test_invalid_fault_is_rejected(faults, arguments, because):
    with pytest.raises(InvalidInput, match=because):
        faults.add(*arguments)
    assert faults.take(CREATE, CALLER) == []


def test_no_action_is_denied_at_first(faults):
    assert not faults.is_denied(DELETE, CALLER)


@pytest.mark.parametrize("pattern", ["kinesisvideo:Delete*", "KINESISVIDEO:deletesignalingchannel", "*:D?lete*"])
def test_denying_follows_the_patterns_of_iam(faults, pattern):
    faults.deny(pattern)
    assert faults.is_denied(DELETE, CALLER)
    assert not faults.is_denied(CREATE, CALLER)
    faults.clear()
    assert not faults.is_denied(DELETE, CALLER)


def test_get_caller_identity_cannot_be_denied(faults):
    faults.deny("*")
    assert faults.is_denied(DESCRIBE, CALLER)
    assert not faults.is_denied("GetCallerIdentity", CALLER)


@pytest.mark.parametrize("pattern", ["Delete*", "kinesisvideo:Destroy*", "kinesisvideo:[CD]*", ""])
def test_pattern_without_matching_action_is_rejected(faults, pattern):
    with pytest.raises(InvalidInput, match="matches no action"):
        faults.deny(pattern)


def test_faults_and_denials_apply_in_their_region_only(faults):
    faults.add(CREATE, "error", times=None, scope=Scope(region="eu-west-1"))
    faults.deny("kinesisvideo:Delete*", Scope("111122223333", "eu-west-1"))
    assert faults.take(CREATE, CALLER) == []
    assert faults.take(CREATE, ELSEWHERE) == [Fault("error")]
    assert [faults.is_denied(DELETE, caller) for caller in (CALLER, ELSEWHERE)] == [False, True]


@pytest.mark.parametrize("action", ["sts:AssumeRole", "tag:GetResources", "kinesisvideo:ConnectAsMaster"])
def test_actions_of_other_services_can_be_denied(faults, action):
    faults.deny(action)
    assert faults.is_denied(action.partition(":")[2], CALLER)
