"""botocore's data files: the same content as by botocore itself, read once in a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader

from kvs_notebook.aws.botocore_data import data_loader, load_model


@pytest.mark.parametrize(
    "service", ["kinesisvideo", "kinesis-video-signaling", "resourcegroupstaggingapi", "sts", "account"]
)
def test_models_equal_those_of_botocores_loader(service: str) -> None:
    for kind in ("service-2", "endpoint-rule-set-1", "paginators-1"):
        assert data_loader(None).load_service_model(service, kind) == Loader().load_service_model(service, kind)


@pytest.mark.parametrize("name", ["partitions", "sdk-default-configuration", "endpoints"])
def test_data_is_read_once_and_as_botocore_reads_it(name: str) -> None:
    fresh = data_loader.__wrapped__(None)  # botocore adds to the shared one what its clients look up
    assert fresh.load_data(name) == Loader().load_data(name)
    assert data_loader(None).load_data(name) is data_loader(None).load_data(name)


def test_data_path_is_searched_and_what_is_missing_raises(tmp_path: Path) -> None:
    (tmp_path / "ours.json").write_text('{"b": 1, "a": 2}')
    loader = data_loader(str(tmp_path))
    assert list(loader.load_data("ours").items()) == [("b", 1), ("a", 2)]
    assert load_model("kinesisvideo").service_name == "kinesisvideo"
    with pytest.raises(DataNotFoundError):
        loader.load_data("nothing")


@pytest.mark.parametrize(
    ("service", "kind"), [("kinesis", "no-such-kind-1"), ("no-such-service", "service-2"), ("sts", "waiters-2")]
)
def test_unknown_models_raise_botocores_error(service: str, kind: str) -> None:
    with pytest.raises(UnknownServiceError) as expected:
        Loader().load_service_model(service, kind)
    with pytest.raises(UnknownServiceError) as found:
        data_loader(None).load_service_model(service, kind)
    assert str(found.value) == str(expected.value)


def test_model_of_the_data_path_and_its_extras_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "sts" / "2999-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"metadata": {"serviceId": "STS"}, "shapes": {}}')
    (folder / "service-2.sdk-extras.json").write_text('{"version": 1.0, "merge": {"metadata": {"protocol": "json"}}}')
    expected = {"metadata": {"serviceId": "STS", "protocol": "json"}, "shapes": {}}
    for _ in range(2):
        assert data_loader(str(tmp_path)).load_service_model("sts", "service-2") == expected
    earlier = data_loader(str(tmp_path)).load_service_model("sts", "service-2", "2011-06-15")
    assert earlier == Loader().load_service_model("sts", "service-2")
