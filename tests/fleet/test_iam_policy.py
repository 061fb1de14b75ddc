"""IAM policy: the actions of each function, compared with what a sandbox received and denied; and the document."""

from __future__ import annotations

import asyncio
import doctest
import fnmatch
import itertools
import json
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import websockets

import kvs_notebook as kvs
from kvs_notebook.aws.connection import Connection
from kvs_notebook.aws.operation_names import MUTATING
from kvs_notebook.aws.regions import regions_in_partition_of
from kvs_notebook.errors import AccessDenied, InvalidInput, OutcomeUnknown
from kvs_notebook.fleet.iam_policy import ACTIONS, CHANNEL, FUNCTIONS, OPTIONAL, TAG, iam_policy
from kvs_notebook.plans.apply import Limits, Reach, start
from kvs_notebook.plans.run import Monitor
from kvs_notebook.plans.steps import Step
from kvs_notebook.sandbox.backend import context

ROLE = "arn:aws:iam::444455556666:role/Reader"
OPEN_REGIONS = {"us-east-1", "eu-west-1"}
CLOSED_REGIONS = tuple(region for region in regions_in_partition_of("us-east-1") if region not in OPEN_REGIONS)
STATUS = ["account_id", "region", "status", "tags_source"]
WITHOUT_CALLS = {
    "use_sandbox",
    "iam_policy",
    "trust_policy",
    "scan_notebooks",
    "to_json",
    "to_parquet",
    "to_excel",
    "read_excel",
    "write_report",
}
"""These call no service, or start one of their own."""


@dataclass
class Place:
    """A sandbox, a connection without rate limit, and the channels and files that functions are called with."""

    sandbox: kvs.Sandbox
    connection: Connection
    folder: Path
    fleet: kvs.Inventory
    channel: str = "front-door"
    doomed: str = "old-gate"
    made: str = "new-gate"


@contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    assumptions = kvs.Assumptions(
        creating_seconds=0,
        updating_seconds=0,
        deleting_seconds=0,
        disabled_regions=CLOSED_REGIONS,
        ice_server_count="two",  # a function is compared with itself
    )
    with kvs.Sandbox(quotas=False, assumptions=assumptions) as sandbox:
        connection = sandbox.connection()
        add_channels(sandbox, connection)
        fleet = kvs.inventory(connection=connection)
        kvs.save_snapshot(fleet, folder / "before", date="2026-01-05")
        yield Place(sandbox, connection, folder, fleet)


def add_channels(sandbox: kvs.Sandbox, connection: Connection) -> None:
    for name in ("front-door", "old-gate"):
        kvs.create_channel(name, tags={"Site": "hq"}, connection=connection)


@contextmanager
def emptied(opened: Place) -> Iterator[Place]:
    """Yield a place with new channels, and a connection that has made no call, in the sandbox's environment."""
    opened.sandbox.reset()
    connection = opened.sandbox.connection()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection.rate_limiter, "sleep", lambda _: None)
        for name, value in opened.sandbox.environment({}).items():
            patch.setenv(name, value)  # for connect()
        add_channels(opened.sandbox, connection)
        yield replace(opened, connection=connection)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with open_place(tmp_path_factory.mktemp("place")) as place:
        yield place


@pytest.fixture
def place(opened: Place) -> Iterator[Place]:
    with emptied(opened) as place:
        yield place


# --- each public function, with all options that need an action


def create(place: Place) -> Any:
    plain = kvs.create_channel("plain", connection=place.connection)
    place.sandbox.faults.add("CreateSignalingChannel", "lost_reply")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = kvs.create_channel(place.made, tags={"Site": "hq"}, connection=place.connection)
    return [*plain["channel_status"], *found["channel_status"], *(warning.category.__name__ for warning in told)]


def listed(place: Place) -> Any:
    """List the channels of a prefix, whose tags are read one by one, and all, in bulk; return what each sent."""
    sent = []
    for prefix in ("front", None):
        before = len(place.sandbox.requests)
        assert "tag:Site" in kvs.list_channels(prefix, tags=True, connection=place.connection)
        sent.append(asked(place, before))
    return sent


def connected_by_url(place: Place) -> Any:
    async def connect(url: str) -> None:
        async with websockets.connect(url, ssl=place.connection.tls_context(url), proxy=None):
            pass

    for role, client_id in (("MASTER", None), ("VIEWER", "tablet")):
        url = kvs.sign_url(place.channel, role=role, client_id=client_id, connection=place.connection)
        asyncio.run(connect(url.reveal()))
    return "connected"


def signaled(place: Place) -> Any:
    async def meet() -> str:
        here = place.connection
        async with (
            kvs.open_signaling(place.channel, role="MASTER", connection=here) as camera,
            kvs.open_signaling(place.channel, client_id="tablet", connection=here) as tablet,
        ):
            await tablet.send_offer("v=0")
            return str(await anext(camera))

    return asyncio.run(meet())


def inventoried(place: Place) -> Any:
    ways: tuple[dict[str, Any], ...] = ({"regions": "all"}, {"role_arns": [ROLE]}, {"tags": "each"})
    found = [kvs.inventory(connection=place.connection, **way) for way in ways]
    return [inventory.coverage[STATUS].to_numpy().tolist() for inventory in found]


def kept(place: Place) -> Any:
    kvs.save_snapshot(place.fleet, place.folder / "history", date="2026-01-06")
    return True


def written(place: Place) -> Any:
    kvs.to_csv(place.fleet.channels, place.folder / "a.csv")
    return len(kvs.read_csv(place.folder / "a.csv"))


RUNS = itertools.count()


def all_changes(place: Place, number: int) -> kvs.plans.Plan:
    """Return a plan with each kind of step, in the account of the role."""
    there = place.sandbox.connection("444455556666")
    made = {
        name: kvs.create_channel(f"{name}-{number}", tags={"Site": "hq"}, connection=there) for name in ("kept", "gone")
    }
    arns = {name: frame["channel_arn"].item() for name, frame in made.items()}
    kept = ("444455556666", "us-east-1", f"kept-{number}", arns["kept"])
    steps = [
        Step(*kept, "tag", "tag:Owner", None, "ops"),
        Step(*kept, "untag", "tag:Site", "hq", None),
        Step(*kept, "update", "message_ttl_seconds", "60", "90"),
        Step("444455556666", "us-east-1", f"gone-{number}", arns["gone"], "delete"),
        Step("444455556666", "us-east-1", f"new-{number}", None, "create", "message_ttl_seconds", None, "30"),
    ]
    return kvs.plans.Plan(steps, source="a test")


def applied(place: Place) -> Any:
    number = next(RUNS)
    plan, before = all_changes(place, number), len(place.sandbox.requests)
    options: dict[str, Any] = {"role_arns": [ROLE], "connection": place.connection, "canary": 0}
    found = kvs.apply_plan(
        plan, place.folder / f"run-{number}", confirm=plan.confirmation, max_delete=1, max_share=1, **options
    )
    return found.counts, sorted(place.sandbox.requests["operation"].iloc[before:])


def resumed(place: Place) -> Any:
    number = next(RUNS)
    plan, stopped, folder = all_changes(place, number), threading.Event(), place.folder / f"run-{number}"
    stopped.set()
    limits = Limits(max_delete=1, max_share=1, canary=0, stop_after=10)
    reach = Reach(role_arns=[ROLE], connection=place.connection)
    start(plan, folder, plan.confirmation, limits, reach, monitor=Monitor(stopped))
    before = len(place.sandbox.requests)
    found = kvs.resume_plan(folder, role_arns=[ROLE], connection=place.connection)
    return found.counts, sorted(place.sandbox.requests["operation"].iloc[before:])


CALLS: dict[str, Callable[[Place], Any]] = {
    "apply_plan": applied,
    "resume_plan": resumed,
    "list_channels": listed,
    "describe_channel": lambda at: list(kvs.describe_channel(at.channel, connection=at.connection)["channel_name"]),
    "create_channel": create,
    "update_channel": lambda at: list(
        kvs.update_channel(at.channel, message_ttl_seconds=90, connection=at.connection)["message_ttl_seconds"]
    ),
    "delete_channel": lambda at: list(
        kvs.delete_channel(at.doomed, wait=True, connection=at.connection)["channel_status"]
    ),
    "wait_for_channel": lambda at: list(kvs.wait_for_channel(at.channel, connection=at.connection)["channel_status"]),
    "watch_channel": lambda at: [status for _, status in kvs.watch_channel(at.channel, connection=at.connection)],
    "list_tags": lambda at: "Site" in set(kvs.list_tags(at.channel, connection=at.connection)["key"]),
    "tag_channel": lambda at: (
        "Owner" in set(kvs.tag_channel(at.channel, {"Owner": "ops"}, connection=at.connection)["key"])
    ),
    "untag_channel": lambda at: (
        "Owner" in set(kvs.untag_channel(at.channel, ["Owner"], connection=at.connection)["key"])
    ),
    "get_endpoints": lambda at: len(kvs.get_endpoints(at.channel, connection=at.connection)),
    "get_ice_servers": lambda at: len(kvs.get_ice_servers(at.channel, refresh=True, connection=at.connection)),
    "sign_url": connected_by_url,
    "open_signaling": signaled,
    "inventory": inventoried,
    "connect": lambda _: kvs.connect("sandbox").account_id,
    "current_connection": lambda at: kvs.current_connection(at.connection).account_id,
    "pivot_tags": lambda at: list(kvs.pivot_tags(at.fleet.tags)["tag:Site"]),
    "save_snapshot": kept,
    "read_snapshots": lambda at: len(kvs.read_snapshots(at.folder / "before")),
    "read_coverage": lambda at: len(kvs.read_coverage(at.folder / "before")),
    "compare_snapshots": lambda at: len(kvs.compare_snapshots(at.folder / "before", after=at.fleet)),
    "to_csv": written,
    "read_csv": written,
}


def asked(place: Place, before: int) -> frozenset[str]:
    """Return the actions of the requests that the sandbox received since."""
    operations = set(place.sandbox.requests["operation"].iloc[before:])
    return frozenset(context.ACTIONS[operation] for operation in operations - {"GetCallerIdentity"})


def outcome(name: str, place: Place) -> Any:
    """Return the result of a call, or ``denied`` if a permission was missing."""
    try:
        return CALLS[name](place)
    except AccessDenied:
        return "denied"
    except OutcomeUnknown as error:
        if not isinstance(error.__cause__, AccessDenied):
            raise
        return "denied"
    except websockets.InvalidStatus as error:  # the WebSocket client's own, for a signed URL that is refused
        if error.response.status_code != HTTPStatus.FORBIDDEN:
            raise
        return "denied"


# --- the table


def test_every_public_function_is_covered() -> None:
    functions = {name for name in kvs.__all__ if callable(getattr(kvs, name)) and name[0].islower()}
    assert set(CALLS) == functions - WITHOUT_CALLS, functions ^ set(CALLS)
    assert set(FUNCTIONS) <= functions


@dataclass
class Undenied:
    """What calls return when nothing is denied, and the actions that they ask for."""

    results: dict[str, Any]
    actions: dict[str, frozenset[str]]


@pytest.fixture(scope="module")
def undenied(opened: Place) -> Undenied:
    found = Undenied({}, {})
    with emptied(opened) as place:
        for name, call in CALLS.items():
            before = len(place.sandbox.requests)
            found.results[name] = call(place)
            found.actions[name] = asked(place, before)
    return found


def test_table_equals_requests_of_each_function(undenied: Undenied) -> None:
    seen = {name: actions for name, actions in undenied.actions.items() if actions}
    seen["create_channel"] |= {TAG}  # assumed: a sandbox receives CreateSignalingChannel only, and checks both actions
    assert seen == FUNCTIONS


def test_function_needs_no_action_of_others(place: Place, undenied: Undenied) -> None:
    alone, allowed = {}, frozenset(ACTIONS)
    for name in CALLS:
        if allowed != (needed := FUNCTIONS.get(name, frozenset())):
            place.sandbox.clear_denials()
            for action in ACTIONS.keys() - needed:
                place.sandbox.deny(action)
        alone[name], allowed = outcome(name, place), needed
    assert alone == undenied.results


@pytest.mark.draw(2)
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_denied_action_breaks_functions_that_need_it(place: Place, undenied: Undenied, action: str) -> None:
    place.sandbox.deny(action)
    needing = {name for name, actions in FUNCTIONS.items() if action in actions}
    assert {name for name in needing if outcome(name, place) == undenied.results[name]} == set()


def test_actions_are_known_to_sandbox_and_needed() -> None:
    assert set(ACTIONS) == set(context.ACTIONS.values())
    assert set(ACTIONS) == OPTIONAL.union(*FUNCTIONS.values())


def test_mutating_operations_are_no_read_actions() -> None:
    changes = {f"kinesisvideo:{operation}" for operation in MUTATING}
    assert [action for action in changes if ACTIONS[action].reads] == []


def deleted(place: Place) -> None:
    form = kvs.forms.delete_channel(place.doomed, connection=place.connection)
    form.future.result(20)
    form.confirmation.value = place.doomed
    sent(form)


def tagged(place: Place) -> None:
    form = kvs.forms.edit_tags(place.channel, connection=place.connection)
    form.future.result(20)
    form.tags.value = {"Owner": "ops"}
    sent(form)


def updated(place: Place) -> None:
    form = kvs.forms.update_channel(place.channel, connection=place.connection)
    form.future.result(20)
    form.message_ttl_seconds.value = 90
    sent(form)


def created(place: Place) -> None:
    form = kvs.forms.create_channel(connection=place.connection)
    form.name.value, form.tags.value = place.made, {"Site": "hq"}
    sent(form)


def tried(place: Place) -> None:
    form = kvs.forms.get_endpoints(place.channel, connection=place.connection)
    sent(form)
    form.try_it.click()
    form.future.result(20)


def sent(form: Any) -> None:
    form.submit.click()
    form.future.result(20)


FORMS: dict[str, tuple[Callable[[Place], object], set[str]]] = {
    "console": (
        lambda at: kvs.forms.console(connection=at.connection).future.result(20),
        {"list_channels", "list_tags"},
    ),
    "create": (created, {"create_channel"}),
    "update": (updated, {"update_channel"}),
    "delete": (deleted, {"delete_channel", "list_tags"}),
    "tags": (tagged, {"tag_channel", "untag_channel"}),
    "endpoints": (tried, {"get_endpoints", "open_signaling"}),
}


@pytest.mark.draw(2)
@pytest.mark.parametrize("form", FORMS)
def test_form_needs_actions_of_its_functions(place: Place, form: str) -> None:
    use, functions = FORMS[form]
    before = len(place.sandbox.requests)
    use(place)
    seen = asked(place, before)
    assert seen
    assert seen <= frozenset().union(*(FUNCTIONS[name] for name in functions))


# --- the document

EVERYWHERE = ["account:ListRegions", "iam:ListAccountAliases", "kinesisvideo:ListSignalingChannels", "tag:GetResources"]


def test_read_only_policy_has_only_reads() -> None:
    assert iam_policy(read_only=True, account_id="111122223333", region="eu-west-1", prefix="lab-") == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": EVERYWHERE, "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": [
                    "kinesisvideo:DescribeSignalingChannel",
                    "kinesisvideo:GetIceServerConfig",
                    "kinesisvideo:GetSignalingChannelEndpoint",
                    "kinesisvideo:ListTagsForResource",
                ],
                "Resource": "arn:aws:kinesisvideo:eu-west-1:111122223333:channel/lab-*/*",
            },
        ],
    }


def test_read_only_policy_allows_reads_and_denies_changes(place: Place) -> None:
    statements = iam_policy(read_only=True, role_arns=[ROLE])["Statement"]
    for action in set(ACTIONS) - {action for statement in statements for action in statement["Action"]}:
        place.sandbox.deny(action)
    refused = {name for name in CALLS if outcome(name, place) == "denied"}
    assert refused == {
        "create_channel", "update_channel", "delete_channel", "tag_channel", "untag_channel", "sign_url", "open_signaling",
        "apply_plan", "resume_plan",
    }  # fmt: skip
    assert {row[2] for way in inventoried(place)[1:] for row in way} == {"ok"}


def test_auditor_reads_everything_but_passwords(place: Place) -> None:
    statements = iam_policy(auditor=True, role_arns=[ROLE])["Statement"]
    allowed = {action for statement in statements for action in statement["Action"]}
    assert {action for action, of in ACTIONS.items() if of.reads} - allowed == {"kinesisvideo:GetIceServerConfig"}
    assert iam_policy(auditor=True, read_only=True, role_arns=[ROLE])["Statement"] == statements
    read_only = iam_policy(read_only=True, role_arns=[ROLE])["Statement"]
    of_read_only = {action for statement in read_only for action in statement["Action"]}
    assert of_read_only - allowed == {"kinesisvideo:GetIceServerConfig"}
    for action in set(ACTIONS) - allowed:
        place.sandbox.deny(action)
    changed = {name for name, actions in FUNCTIONS.items() if "kinesisvideo:GetIceServerConfig" in actions}
    refused = {name for name in CALLS if name in changed and outcome(name, place) == "denied"}
    assert refused == changed
    assert "get_ice_servers" in changed


@pytest.mark.parametrize("as_frame", [False, True])
def test_policy_allows_each_role_of_an_accounts_file(tmp_path: Path, as_frame: bool) -> None:  # noqa: FBT001 - a parameter
    path = tmp_path / "accounts.csv"
    path.write_text(f"account_id,role_arn,profile\n444455556666,{ROLE},\n777788889999,,lab\n111122223333,,\n")
    accounts = pd.read_csv(path) if as_frame else path
    other = "arn:aws-cn:iam::111122223333:role/Auditor"
    document = iam_policy(auditor=True, accounts=accounts, role_name="Auditor", region="cn-north-1", role_arns=[ROLE])
    assert document["Statement"][-1]["Resource"] == [other, ROLE]
    profiles = pd.DataFrame({"account_id": ["777788889999"], "profile": ["lab"]})
    assert iam_policy(accounts=profiles) == iam_policy()


def test_only_policy_that_changes_allows_roles_for_changes() -> None:
    writer = ROLE.replace("Reader", "Writer")
    lab = "arn:aws:iam::777788889999:role/Writer"
    accounts = pd.DataFrame(
        {
            "account_id": ["444455556666", "777788889999"],
            "role_arn": [ROLE, None],
            "profile": [None, "lab"],
            "change_role_arn": [writer, lab],
        }
    )
    assert iam_policy(accounts=accounts)["Statement"][-1]["Resource"] == [ROLE, writer, lab]
    for reads in ({"read_only": True}, {"auditor": True}):
        assert iam_policy(accounts=accounts, **reads)["Statement"][-1]["Resource"] == ROLE


@pytest.mark.parametrize(
    ("trusted", "region", "principal"),
    [
        ("111122223333", None, "arn:aws:iam::111122223333:root"),
        ("111122223333", "us-gov-west-1", "arn:aws-us-gov:iam::111122223333:root"),
        (ROLE, None, ROLE),
    ],
)
def test_trust_policy_names_the_trusted_and_the_external_id(trusted: str, region: str | None, principal: str) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    assert kvs.trust_policy(trusted, region=region) == {"Version": "2012-10-17", "Statement": [statement]}
    condition = {"StringEquals": {"sts:ExternalId": "fleet-1"}}
    assert kvs.trust_policy(trusted, external_id="fleet-1", region=region)["Statement"] == [
        {**statement, "Condition": condition}
    ]


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (("1234",), "'1234' is not an account id or the ARN of a role. Expected 12 digits"),
        (("*",), "is not an account id"),
        (("arn:aws:iam::444455556666:user/x",), "is not an account id"),
        ((None,), "is not an account id"),
        (("111122223333", "x"), "External id 'x' is not valid. Expected 2 to 1,224 letters"),
        (("111122223333", "a b"), "External id 'a b' is not valid"),
        (("111122223333", ""), "External id '' is not valid"),
        (("111122223333", 1234), "External id 1234 is not valid"),
        (("111122223333", None, "eu-wst-1"), "Did you mean 'eu-west-1'?"),
    ],
)
def test_invalid_trust_policy_is_rejected(arguments: tuple[str, ...], because: str) -> None:
    given = dict(zip(("trusted", "external_id", "region"), arguments, strict=False))
    with pytest.raises(InvalidInput, match=re.escape(because)):
        kvs.trust_policy(**given)


def test_full_policy_has_each_action_once_in_order() -> None:
    everywhere, channels = iam_policy()["Statement"]
    assert (everywhere["Action"], everywhere["Resource"]) == (EVERYWHERE, "*")
    assert channels["Resource"] == "arn:aws:kinesisvideo:*:*:channel/*/*"
    assert channels["Action"] == sorted(a for a, of in ACTIONS.items() if of.resource == CHANNEL)


def test_policy_allows_assuming_given_roles_only() -> None:
    assert "sts:AssumeRole" not in json.dumps(iam_policy())
    other = ROLE.replace("Reader", "team/Other")
    for read_only in (True, False):
        one, two = (
            iam_policy(read_only=read_only, role_arns=roles)["Statement"][-1] for roles in ([ROLE, ROLE], [other, ROLE])
        )
        assert one == {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": ROLE}
        assert two["Resource"] == [ROLE, other]


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        (None, "aws"),
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_policy_has_partition_of_region(region: str | None, partition: str) -> None:
    resource = iam_policy(region=region)["Statement"][1]["Resource"]
    assert resource == f"arn:{partition}:kinesisvideo:{region or '*'}:*:channel/*/*"


@pytest.mark.parametrize(
    ("wrong", "because"),
    [
        ({"account_id": "12345"}, "Account id '12345' is not a string of 12 digits."),
        ({"account_id": "11112222333³"}, "is not a string of 12 digits"),
        ({"account_id": ""}, "Account id '' is not a string of 12 digits."),
        ({"region": "eu-wst-1"}, "'eu-wst-1' is not a known AWS region. Did you mean 'eu-west-1'?"),
        ({"region": "*"}, "'*' is not a known AWS region. Expected a region's code"),
        ({"prefix": "a*"}, "Channel name 'a*': '*' is not allowed."),
        ({"prefix": "a/b"}, "'/' is not allowed"),
        ({"prefix": ""}, "0 characters"),
        ({"role_arns": ["arn:aws:iam::444455556666:role/*"]}, "is not the ARN of an IAM role"),
        (
            {"role_arns": ["Reader"]},
            "'Reader' is not the ARN of an IAM role. Expected arn:aws:iam::111122223333:role/NAME.",
        ),
    ],
)
def test_invalid_argument_is_rejected(wrong: dict[str, Any], because: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        iam_policy(**wrong)
    assert because in str(refused.value)


def test_policy_resource_matches_channels_of_prefix() -> None:
    with kvs.Sandbox(region="cn-north-1") as sandbox:
        arn = kvs.create_channel("lab-1", connection=sandbox.connection())["channel_arn"].iloc[0]
    for options in ({}, {"prefix": "lab"}, {"prefix": "lab-1"}, {"account_id": "111122223333"}):
        resource = iam_policy(region="cn-north-1", **options)["Statement"][1]["Resource"]  # type: ignore[arg-type]
        assert fnmatch.fnmatchcase(arn, resource), options
    assert not fnmatch.fnmatchcase(arn, iam_policy(region="cn-north-1", prefix="lob")["Statement"][1]["Resource"])


def test_docstring_example_runs() -> None:
    ran = doctest.testmod(sys.modules[iam_policy.__module__])
    assert (ran.failed, ran.attempted) == (0, 7)
