"""Which channels Terraform or CloudFormation manages, from the output of their commands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pandas as pd

from kvs_notebook.arguments import check_path
from kvs_notebook.aws.arns import ChannelArn
from kvs_notebook.dataframes.builders import rows_frame
from kvs_notebook.dataframes.frame_check import check_columns
from kvs_notebook.dataframes.input_limits import MAX_JSON_BYTES, read_limited
from kvs_notebook.dataframes.schemas import MANAGED_CHANNELS
from kvs_notebook.errors import DamagedFile, InvalidInput
from kvs_notebook.plans.known_channels import MANAGED_BY

TERRAFORM_TYPES = frozenset({"awscc_kinesisvideo_signaling_channel"})
"""Types of Terraform's Cloud Control provider, named for CloudFormation's; other resources are known by a channel's ARN."""

CLOUDFORMATION_TYPE = "AWS::KinesisVideo::SignalingChannel"

Row: TypeAlias = tuple[str | None, str | None, str]
"""The name and the ARN of a channel as far as they are known, and what manages it."""


def read_terraform(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read which channels Terraform manages.

    The file is output of ``terraform show -json``.

    Parameters
    ----------
    path
        The file, of a state or of a plan, whose state is its ``prior_state``.

    Returns
    -------
    pandas.DataFrame
        channel_name, channel_arn (missing if it is not known), managed_by
        (``Terraform ADDRESS``), all str; one row per channel.

    Raises
    ------
    InvalidInput
        If the file cannot be read.
    DamagedFile
        If it is not the output of ``terraform show -json``.

    Notes
    -----
    The format is that of
    https://developer.hashicorp.com/terraform/internals/json-format:
    ``values.root_module`` has ``resources`` and ``child_modules``. Channels
    are resources of the type ``awscc_kinesisvideo_signaling_channel``, or of
    any type with a channel's ARN. Spends no API call.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> import kvs_notebook as kvs
    >>> values = {"name": "front-door"}
    >>> resource = {"mode": "managed", "type": "awscc_kinesisvideo_signaling_channel", "address": "a.door", "values": values}
    >>> state = {"format_version": "1.0", "values": {"root_module": {"resources": [resource]}}}
    >>> _ = Path("state.json").write_text(json.dumps(state))
    >>> kvs.plans.read_terraform("state.json")
      channel_name channel_arn        managed_by
    0   front-door         NaN  Terraform a.door
    """
    state = _read_json(path)
    if not isinstance(state, dict) or "format_version" not in state:
        raise DamagedFile(
            f"{path} is not the output of terraform show -json: it has no format_version. Write it again."
        )
    return _frame(path, _terraform_rows(state))


def read_cloudformation(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read which channels a CloudFormation stack manages.

    The file is output of the AWS CLI.

    Parameters
    ----------
    path
        The file: the output of ``aws cloudformation describe-stack-resources``
        or ``list-stack-resources``, as JSON.

    Returns
    -------
    pandas.DataFrame
        channel_name, channel_arn (missing if it is not known), managed_by
        (``CloudFormation STACK``, or the logical id if the file does not name
        the stack), all str; one row per channel.

    Raises
    ------
    InvalidInput
        If the file cannot be read.
    DamagedFile
        If it is not such an output.

    Notes
    -----
    The formats are those of DescribeStackResources (``StackResources``) and
    ListStackResources (``StackResourceSummaries``) in
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference. The
    physical id of a channel is its name. Spends no API call.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> import kvs_notebook as kvs
    >>> channel = {"ResourceType": "AWS::KinesisVideo::SignalingChannel", "PhysicalResourceId": "front-door"}
    >>> _ = Path("stack.json").write_text(json.dumps({"StackResources": [{**channel, "StackName": "doors"}]}))
    >>> kvs.plans.read_cloudformation("stack.json")
      channel_name channel_arn            managed_by
    0   front-door         NaN  CloudFormation doors
    """
    document = _read_json(path)
    document = document if isinstance(document, dict) else {}
    resources = document.get("StackResources", document.get("StackResourceSummaries"))
    if not isinstance(resources, list):
        raise DamagedFile(
            f"{path} has neither StackResources nor StackResourceSummaries. Write it with "
            "aws cloudformation describe-stack-resources --output json."
        )
    return _frame(path, _cloudformation_rows(resources))


def mark_managed(channels: pd.DataFrame, *managed: pd.DataFrame) -> pd.DataFrame:
    """Return channels with a column ``managed_by``.

    Plans refuse to change what another tool manages.

    Parameters
    ----------
    channels
        A channels frame. A column ``managed_by`` that it has is kept where no
        other frame names the channel.
    *managed
        Frames of read_terraform() and read_cloudformation(). A channel is
        found by its ARN if that is known, else by its name, in every account
        and region.

    Returns
    -------
    pandas.DataFrame
        The channels with managed_by (str), missing for those that nothing
        manages.

    Raises
    ------
    InvalidInput
        If a frame lacks its columns.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> import pandas as pd
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door")
    >>> managed = pd.DataFrame({"channel_name": ["front-door"], "channel_arn": [None], "managed_by": ["Terraform a.door"]})
    >>> plan = kvs.plans.delete(kvs.plans.mark_managed(kvs.list_channels(), managed))
    >>> plan.refused["reason"].iloc[0]
    'It is managed by Terraform a.door. Change it there, or pass allow_managed=True.'
    """
    check_columns(channels, ["channel_arn", "channel_name"], "list_channels() or inventory()")
    by_arn: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for frame in managed:
        check_columns(frame, [*MANAGED_CHANNELS], "kvs.plans.read_terraform() or kvs.plans.read_cloudformation()")
        for name, arn, manager in frame[[*MANAGED_CHANNELS]].itertuples(index=False):
            if isinstance(arn, str):
                by_arn[arn] = manager
            else:
                by_name[name] = manager
    found = (
        channels["channel_arn"].map(by_arn).astype("str").fillna(channels["channel_name"].map(by_name).astype("str"))
    )
    if MANAGED_BY in channels:
        found = found.fillna(channels[MANAGED_BY])
    return channels.assign(**{MANAGED_BY: found.astype("str")})


def _terraform_rows(state: Mapping[str, Any]) -> Iterator[Row]:
    values = state.get("values") or (state.get("prior_state") or {}).get("values") or {}
    yield from _module_rows(values.get("root_module") or {})


def _module_rows(module: Mapping[str, Any]) -> Iterator[Row]:
    for resource in module.get("resources") or ():
        values = resource.get("values") or {}
        arn = _channel_arn(values.get("arn"))
        if resource.get("mode") == "managed" and (arn or resource.get("type") in TERRAFORM_TYPES):
            name = ChannelArn.parse(arn).channel_name if arn else values.get("name")
            yield name, arn, f"Terraform {resource.get('address')}"
    for child in module.get("child_modules") or ():
        yield from _module_rows(child)


def _cloudformation_rows(resources: list[Any]) -> Iterator[Row]:
    for resource in resources:
        if resource.get("ResourceType") == CLOUDFORMATION_TYPE and resource.get("ResourceStatus") != "DELETE_COMPLETE":
            physical_id = resource.get("PhysicalResourceId")
            arn = _channel_arn(physical_id)
            name = ChannelArn.parse(arn).channel_name if arn else physical_id
            yield name, arn, f"CloudFormation {resource.get('StackName') or resource.get('LogicalResourceId')}"


def _channel_arn(text: object) -> str | None:
    try:
        ChannelArn.parse(text)
    except InvalidInput:
        return None
    return str(text)


def _frame(path: str | os.PathLike[str], rows: Iterator[Row]) -> pd.DataFrame:
    try:
        return rows_frame([row for row in rows if row[0] is not None], MANAGED_CHANNELS)
    except (AttributeError, TypeError, UnicodeError) as error:  # a name may have half of a surrogate pair
        raise DamagedFile(f"{path} does not have the documented structure: {error}. Write it again.") from error


def _read_json(path: str | os.PathLike[str]) -> Any:
    path = check_path("path", path)
    try:
        return json.loads(read_limited(path, MAX_JSON_BYTES, remedy="Write the output for fewer resources."))
    except OSError as error:
        raise InvalidInput(f"Can't read {path}: {error.strerror}. Check the path.") from error
    except InvalidInput:  # is a ValueError too
        raise
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path} is not valid JSON: {error}. Write it again.") from error
