"""Every stage has a sentence for each role, and the error of a camera without video names the last stage."""

from __future__ import annotations

from typing import get_args

import pytest

from kvs_notebook import errors
from kvs_notebook.live import stages


def test_every_stage_has_a_sentence_for_each_role():
    assert get_args(stages.Stage) == stages.STAGES
    for sentences in (stages.VIEWER_SENTENCES, stages.CAMERA_SENTENCES):
        assert tuple(sentences) == stages.STAGES
        assert all(each.endswith((".", "...")) for each in sentences.values())
    assert set(stages.STAGES) > stages.FINAL


@pytest.mark.parametrize("stage", stages.STAGES)
def test_error_names_camera_last_stage_and_what_to_do(stage):
    error = stages.no_video(stage, "front-door", 15)
    assert isinstance(error, errors.NoVideo)
    assert error.stage == stage
    assert "front-door" in str(error)
    assert 1 <= str(error).count(". ") + str(error).endswith(".") <= 2


def test_absent_camera_is_told_from_one_that_cannot_be_reached():
    texts = {
        stages.failure_sentence(stage, "dock", 15) for stage in ("looking_up", "waiting", "negotiating", "connected")
    }
    assert len(texts) == 4
    assert "No answer from dock within 15 s. Check that the camera is on and uses this channel." in texts
