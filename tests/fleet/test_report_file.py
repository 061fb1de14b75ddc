"""Reports on an inventory as a file: what they contain, and that unread is never counted as missing."""

from __future__ import annotations

import base64
import re

import pandas as pd
import pytest

import kvs_notebook as kvs
from kvs_notebook.errors import ExportFailed, InvalidInput
from tests.fleet.inventories import OTHER, REGIONS, ROLE

PICTURE = re.compile(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)">')
REQUIRED = {"Owner": None, "Env": ["prod", "demo"]}


def section(text: str, heading: str) -> str:
    """Return a section of a Markdown report."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]


@pytest.fixture
def history(fleet_of_two_accounts, connection, tmp_path):
    """Two days of two accounts, on the second of which a region was denied; the comparison, and the second inventory."""
    roles = [ROLE, ROLE.replace(OTHER, "111122223333")]
    kvs.save_snapshot(kvs.inventory(role_arns=roles, regions=REGIONS[:2]), tmp_path / "history", date="2026-01-04")
    kvs.create_channel("roof")
    kvs.delete_channel("test-jchen", wait=True)
    fleet_of_two_accounts.deny("kinesisvideo:ListSignalingChannels", account_id=OTHER, region="eu-west-1")
    second = kvs.inventory(role_arns=roles, regions=REGIONS[:2])
    kvs.save_snapshot(second, tmp_path / "history", date="2026-01-05")
    return second, kvs.compare_snapshots(tmp_path / "history"), tmp_path


def test_report_has_summary_gaps_changes_tags_and_growth(history):
    fleet, changes, folder = history
    options = {"changes": changes, "since": "2026-01-04", "required": REQUIRED, "history": folder / "history"}
    for ending in ("md", "html"):
        kvs.write_report(fleet, folder / f"report.{ending}", **options)
    text = (folder / "report.md").read_text("utf-8")
    assert f"{len(fleet)} channels in 2 regions of 2 accounts: {len(fleet)} ACTIVE" in section(text, "Summary")
    assert f"| {OTHER} | eu-west-1 | not read |" in section(text, "Summary")
    assert f"| {OTHER} | eu-west-1 | denied | ListSignalingChannels failed" in section(text, "Not read")
    found = section(text, "Changes since 2026-01-04")
    assert "1 added, 1 removed, 1 unknown" in found
    assert f"| {OTHER} | eu-west-1 |  | unknown | status | ok | denied |" in found
    assert "| 111122223333 | us-east-1 | roof | added |  |  |  |" in found
    coverage = kvs.reports.tag_coverage(fleet, REQUIRED).iloc[0]
    assert f"| Owner | {len(fleet)} | {coverage['met']} | " in section(text, "Required tags")
    assert "| 111122223333 | us-east-1 | roof | Owner | missing |" in section(text, "Required tags")
    assert section(text, "Growth").splitlines()[-2:] == [
        f"| 2026-01-05 | {len(fleet)} | 1 |",
        "| 2026-01-04 | 30 | 0 |",
    ]

    page = (folder / "report.html").read_text("utf-8")
    assert re.findall("<h2>(.*)</h2>", page) == re.findall("^## (.*)$", text, re.MULTILINE)
    pictures = dict(PICTURE.findall(page))
    assert [*pictures] == [
        f"{len(fleet)} channels in 2 regions of 2 accounts",
        f"2 required tags on {len(fleet)} channels",
        "30 to 30 channels from 2026-01-04 to 2026-01-05",
    ]
    assert all(base64.b64decode(data).startswith(b"\x89PNG") for data in pictures.values())


def test_report_without_options_has_summary_and_quotas(fleet, connection, tmp_path):
    kvs.write_report(kvs.inventory(), tmp_path / "report.markdown")
    text = (tmp_path / "report.markdown").read_text("utf-8")
    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["Summary", "Quotas"]
    assert "All account-regions were read." in text


def test_report_of_empty_and_of_unread_account(sandbox, connection, tmp_path):
    kvs.write_report(kvs.inventory(), tmp_path / "a.html", required=REQUIRED)
    assert "0 channels in 1 region of account 111122223333" in (tmp_path / "a.html").read_text("utf-8")
    sandbox.deny("kinesisvideo:*")
    kvs.write_report(kvs.inventory(), tmp_path / "b.html", required=REQUIRED)
    assert "Not everything was read: gaps in 1 of 1 account-region." in (tmp_path / "b.html").read_text("utf-8")


def test_account_that_cannot_be_connected_to_is_named_unknown(fleet, connection, tmp_path):
    with pytest.warns(UserWarning, match="no-such"):
        found = kvs.inventory(profiles=["no-such"], role_arns=[ROLE.replace(OTHER, "111122223333")])
    for day in ("2026-01-04", "2026-01-05"):
        kvs.save_snapshot(found, tmp_path / "history", date=day)
    for ending in ("md", "html"):
        changes = kvs.compare_snapshots(tmp_path / "history")
        kvs.write_report(found, tmp_path / f"a.{ending}", changes=changes, history=tmp_path / "history")
    text = (tmp_path / "a.md").read_text("utf-8")
    assert "| unknown | unknown | not read |" in section(text, "Summary")
    assert "| unknown | unknown | no\\_credentials | no-such: " in section(text, "Not read")
    assert section(text, "Changes").strip() == "None in what was read on both days."


def test_unread_tags_are_unknown_in_the_report(fleet, connection, tmp_path):
    for action in ("tag:GetResources", "kinesisvideo:ListTagsForResource"):
        fleet.deny(action)
    kvs.write_report(kvs.inventory(), tmp_path / "a.md", required={"Owner": None})
    text = (tmp_path / "a.md").read_text("utf-8")
    assert "0 of 11 channels lack a required tag" in section(text, "Required tags")
    assert "| Owner | 11 | 0 | 0 | 0 | 0 | 11 |" in section(text, "Required tags")
    assert "| tags not read |" in section(text, "Not read")


def test_account_names_and_a_prefix_are_in_the_summary(fleet_of_two_accounts, connection, tmp_path):
    accounts = pd.DataFrame({"account_id": [OTHER], "role_arn": [ROLE], "account_name": ["Lab|1"]})
    kvs.write_report(kvs.inventory(accounts=accounts, prefix="device-0000001"), tmp_path / "a.md")
    text = (tmp_path / "a.md").read_text("utf-8")
    assert "Only channels whose name begins with device-0000001 were read." in text
    assert f"| {OTHER} | Lab\\|1 | us-east-1 | 1 |" in text
    assert "## Quotas" not in text


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ({"path": "report.pdf"}, "'report.pdf' does not end with a known format. Expected .html or .md."),
        ({"path": "report"}, "does not end with a known format"),
        ({"inventory": pd.DataFrame()}, "write_report() was given a DataFrame"),
        ({"changes": pd.DataFrame({"x": [1]})}, "Pass a frame returned by compare_snapshots()"),
        ({"required": {"O*": None}}, "O*"),
        ({"history": "nowhere"}, "Can't read nowhere"),
    ],
)
def test_invalid_argument_keeps_the_older_report(connection, tmp_path, monkeypatch, arguments, because):
    monkeypatch.chdir(tmp_path)
    older = tmp_path / arguments.get("path", "report.md")
    older.write_text("older")
    call = {"inventory": kvs.inventory(), "path": "report.md", **arguments}
    with pytest.raises(InvalidInput, match=re.escape(because)):
        kvs.write_report(call.pop("inventory"), call.pop("path"), **call)
    assert older.read_text() == "older"
    assert [*tmp_path.iterdir()] == [older]


def test_report_in_missing_folder_is_an_export_failure(connection, tmp_path):
    with pytest.raises(ExportFailed, match="Can't write .*report.html: No such file"):
        kvs.write_report(kvs.inventory(), tmp_path / "no" / "report.html")


def test_region_near_its_quota_is_in_the_report(sandbox, connection, tmp_path):
    sandbox.seed(4_000, region="eu-west-1")
    kvs.write_report(kvs.inventory(regions=["eu-west-1"], tags="none"), tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text("utf-8")
    assert "request a higher quota" in page
    assert '<td class="number">5,000</td><td>80%</td>' in page
    assert "1 account-region, 1 near its quota" in dict(PICTURE.findall(page))
