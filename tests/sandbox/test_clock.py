from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kvs_notebook.aws.validation import check_version
from kvs_notebook.sandbox.clock import (
    STEPPED_START,
    DerivedVersions,
    ManualClock,
    RandomVersions,
    SteppedClock,
    WallClock,
)

ARN = "arn:aws:kinesisvideo:us-east-1:111122223333:channel/front-door/1767603600000"


def test_stepped_clock_starts_fixed_and_moves_one_second_per_request():
    clock = SteppedClock()
    assert clock.now() == STEPPED_START == clock.now()
    clock.tick()
    clock.tick()
    assert clock.now() == STEPPED_START + timedelta(seconds=2)


def test_manual_clock_moves_only_when_it_is_moved():
    clock = ManualClock()
    clock.tick()
    assert clock.now() == STEPPED_START
    clock.advance(0.25)
    assert clock.now() == STEPPED_START + timedelta(milliseconds=250)


def test_wall_clock_stays_ahead_by_what_it_was_advanced():
    clock = WallClock()
    before = datetime.now(UTC)
    clock.tick()
    clock.advance(3600)
    assert timedelta(hours=1) <= clock.now() - before < timedelta(hours=1, minutes=1)
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize("clock", [WallClock(), SteppedClock(), ManualClock()])
def test_no_clock_goes_back(clock):
    with pytest.raises(ValueError, match="seconds=-1 is not valid"):
        clock.advance(-1)


@pytest.mark.parametrize("versions", [RandomVersions(), DerivedVersions()])
def test_versions_have_twenty_letters_and_digits(versions):
    version = versions.next(ARN, None)
    assert len(check_version(version)) == 20
    assert version not in {versions.next(ARN, version), versions.next(ARN.replace("front", "back"), None)}


def test_derived_versions_are_reproducible_and_random_ones_are_not():
    assert DerivedVersions().next(ARN, None) == DerivedVersions().next(ARN, None) == "Xg85XX4QHIiUVMGBXxts"
    assert RandomVersions().next(ARN, None) != RandomVersions().next(ARN, None)


def test_derived_version_never_repeats_on_its_channel():
    versions, version, seen = DerivedVersions(), None, set()
    for _ in range(1000):
        version = versions.next(ARN, version)
        seen.add(version)
    assert len(seen) == 1000
