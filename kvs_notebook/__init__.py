"""Amazon Kinesis Video Streams signaling channels in Jupyter: channels and tags as DataFrames, and a local sandbox.

>>> import kvs_notebook as kvs
>>> sandbox = kvs.use_sandbox(clock="stepped")
>>> channel = kvs.create_channel("front-door", tags={"Site": "hq"})
>>> kvs.list_channels(tags=True)[["channel_name", "channel_status", "message_ttl_seconds", "tag:Site"]]
  channel_name channel_status  message_ttl_seconds tag:Site
0   front-door         ACTIVE                   60       hq

================  =========================================================================================
Connect           connect, use_sandbox, current_connection
Channels          list_channels, describe_channel, create_channel, update_channel, delete_channel,
                  wait_for_channel, watch_channel
Tags              list_tags, tag_channel, untag_channel, pivot_tags
Signaling         get_endpoints, get_ice_servers, sign_url, open_signaling, messages
Live video        live
Fleet             inventory, save_snapshot, read_snapshots, read_coverage, compare_snapshots, reports,
                  write_report
Bulk changes      plans, apply_plan, resume_plan
Forms, pictures   forms, charts, diagrams
Files             to_csv, read_csv, to_excel, read_excel, to_json, to_parquet
Safety            iam_policy, trust_policy, scan_notebooks, errors
================  =========================================================================================

``help(kvs.list_channels)`` describes one of them. Every name loads on first use, so importing the package is cheap.
"""

import logging

import lazy_loader

from kvs_notebook.attribute_hints import with_suggestions
from kvs_notebook.version import __version__

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["errors", "forms", "live", "plans"],
    submod_attrs={
        "aws.connection": ["Connection"],
        "aws.default_connection": ["connect", "current_connection"],
        "channels.operations": [
            "create_channel",
            "delete_channel",
            "describe_channel",
            "list_channels",
            "update_channel",
        ],
        "channels.tags": ["list_tags", "tag_channel", "untag_channel"],
        "channels.waiters": ["wait_for_channel", "watch_channel"],
        "dataframes.files": ["read_csv", "to_csv", "to_json", "to_parquet"],
        "dataframes.workbook": ["read_excel", "to_excel"],
        "dataframes.tag_pivot": ["pivot_tags"],
        "fleet": ["reports"],
        "fleet.comparison": ["compare_snapshots"],
        "fleet.iam_policy": ["iam_policy", "trust_policy"],
        "fleet.inventory": ["Inventory", "inventory"],
        "fleet.report_file": ["write_report"],
        "fleet.snapshots": ["read_coverage", "read_snapshots", "save_snapshot"],
        "plans.apply": ["apply_plan", "resume_plan"],
        "plotting": ["charts", "diagrams"],
        "sandbox.assumptions": ["Assumptions"],
        "sandbox.sandbox": ["Sandbox", "use_sandbox"],
        "secret": ["Secret"],
        "secret_scan.scanner": ["scan_notebooks"],
        "signaling": ["messages"],
        "signaling.client": ["open_signaling"],
        "signaling.endpoints": ["get_endpoints", "get_ice_servers"],
        "signaling.presign": ["sign_url"],
    },
)
__all__ += ["__version__"]
__getattr__ = with_suggestions(__name__, _load, __all__)

logging.getLogger(__name__).addHandler(logging.NullHandler())
