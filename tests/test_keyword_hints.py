"""The error for an argument that a public function does not have names the right call."""

from __future__ import annotations

import inspect
import pickle
import pydoc
import re
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import kvs_notebook as kvs
from kvs_notebook.plans.applied import Applied
from kvs_notebook.sandbox.sandbox import SandboxFaults
from kvs_notebook.signaling.client import SignalingClient

EXPECTED = [
    "region",
    "region_name",
    "profile",
    "profile_name",
    "account",
    "account_id",
    "session",
    "regions",
    "profiles",
    "colour",
]


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public function of the package and of its public modules by its name."""
    for name in kvs.__all__:
        value = getattr(kvs, name)
        if isinstance(value, FunctionType):
            yield name, value
        elif isinstance(value, ModuleType) and value is not kvs.errors:
            of_module = {each: getattr(value, each) for each in value.__all__}
            yield from ((f"{name}.{each}", one) for each, one in of_module.items() if isinstance(one, FunctionType))


FUNCTIONS = dict(functions())


@pytest.mark.parametrize("keyword", EXPECTED)
def test_unknown_keyword_is_answered_by_every_function(keyword: str) -> None:
    """The call fails before anything is asked for; what the message names exists."""
    assert len(FUNCTIONS) > 40
    for name, function in FUNCTIONS.items():
        parameters = inspect.signature(function).parameters
        if keyword in parameters:
            continue
        with pytest.raises(TypeError) as caught:
            function(**{keyword: "eu-west-1"})
        message = str(caught.value)
        assert message.startswith(f"{function.__name__}() got an unexpected keyword argument {keyword!r}. "), name
        advice = message.partition("'. ")[2]
        assert any(
            part in advice for part in ("kvs.connect(", "kvs.inventory(", *(f"{each}=" for each in parameters))
        ) or (advice == f"It takes: {', '.join(parameters)}."), message


@pytest.mark.parametrize(
    ("name", "given", "advice"),
    [
        ("list_channels", {"region": "eu-west-1"}, "connection=kvs.current_connection().in_region('eu-west-1')."),
        ("list_channels", {"region_name": "eu-west-1"}, "kvs.current_connection().in_region('eu-west-1')"),
        ("list_channels", {"share": 0.5}, "connection=kvs.connect(share=0.5), or call kvs.connect("),
        ("create_channel", {"profile_name": "fleet"}, "kvs.connect(profile='fleet')"),
        ("create_channel", {"allow_changes": True}, "kvs.connect(allow_changes=True)"),
        ("inventory", {"region": "eu-west-1"}, "Pass regions=['eu-west-1', 'us-east-1']."),
        ("inventory", {"profile": "fleet"}, "Pass profiles=['my-profile']."),
        ("inventory", {"account": "1" * 12}, "Pass accounts='accounts.csv'."),
        ("connect", {"region_name": "eu-west-1"}, "Pass region=...."),
        ("connect", {"profile_name": "fleet"}, "Pass profile=...."),
        ("reports.channel_counts", {"region": "eu-west-1"}, "kvs.inventory(regions=['eu-west-1', 'us-east-1'])"),
        ("update_channel", {"ttl": 60}, "Pass message_ttl_seconds=...."),
        ("describe_channel", {"channel_name": "a"}, "Pass channel=...."),
        (
            "list_channels",
            {"regions": ["a"]},
            "to read several, call kvs.inventory(regions=['eu-west-1', 'us-east-1']).",
        ),
        ("list_channels", {"profiles": ["a"]}, "to read several, call kvs.inventory(profiles=['my-profile'])."),
        ("list_tags", {"accounts": "a.csv"}, "to read several, call kvs.inventory(accounts='accounts.csv')."),
        ("describe_channel", {"role_arns": ["a"]}, "to read several, call kvs.inventory(role_arns=...)."),
        ("list_channels", {"prefx": "a"}, "Did you mean prefix=?"),
        ("to_csv", {"index": False}, "It takes: frame, path."),
        ("to_csv", {"region": "eu-west-1"}, "It takes: frame, path."),
        ("charts.channel_ages", {"profile": "fleet"}, "kvs.inventory(profiles=['my-profile'])"),
        ("read_excel", {"sheet_name": "a"}, "Pass sheet=...."),
        ("forms.console", {"region": "eu-west-1"}, "kvs.current_connection().in_region('eu-west-1')"),
    ],
)
def test_advice_names_the_right_call(name: str, given: dict[str, Any], advice: str) -> None:
    with pytest.raises(TypeError) as caught:
        FUNCTIONS[name](**given)
    assert advice in str(caught.value)


CLASSES = [
    kvs.Connection,
    kvs.Inventory,
    kvs.Sandbox,
    SandboxFaults,
    SignalingClient,
    kvs.plans.Plan,
    Applied,
]
METHODS = {
    f"{cls.__name__}.{name}": (cls, method)
    for cls in CLASSES
    for name, method in vars(cls).items()
    if isinstance(method, FunctionType) and not name.startswith("_") and hasattr(method, "__wrapped__")
}


@pytest.mark.parametrize("keyword", EXPECTED)
def test_unknown_keyword_is_answered_by_every_method(keyword: str) -> None:
    assert len(METHODS) > 30
    for name, (cls, method) in METHODS.items():
        parameters = [each for each in inspect.signature(method).parameters if each != "self"]
        if keyword in parameters:
            continue
        with pytest.raises(TypeError) as caught:
            method(object.__new__(cls), **{keyword: "eu-west-1"})
        message = str(caught.value)
        assert message.startswith(f"{name}() got an unexpected keyword argument {keyword!r}. "), message
        assert message.endswith((".", "?"))


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (
            lambda: kvs.Sandbox(state_dir="x"),
            "Sandbox() got an unexpected keyword argument 'state_dir'. Did you mean state=?",
        ),
        (lambda: METHODS["Sandbox.connection"][1](None, account="1"), "Pass account_id=...."),
        (lambda: METHODS["SignalingClient.send_answer"][1](None, recipient="a"), "Did you mean recipient_client_id=?"),
        (lambda: METHODS["Inventory.table"][1](None, region="a"), "kvs.inventory(regions=['eu-west-1', 'us-east-1'])"),
        (lambda: METHODS["Inventory.table"][1](None, columns=1), "It takes no arguments."),
        (lambda: METHODS["Plan.save"][1](None, path="a"), "It takes: folder."),
        (lambda: kvs.plans.mark_managed(None, managed=None), "Pass its values without its name."),
    ],
)
def test_advice_of_a_method_names_the_right_argument(call: Callable[[], Any], advice: str) -> None:
    with pytest.raises(TypeError, match=re.escape(advice)):
        call()


def test_inventory_leads_to_its_frame() -> None:
    fleet = object.__new__(kvs.Inventory)
    with pytest.raises(AttributeError, match=r"no attribute 'groupby'. Its frame has it: \.table\(\)\.groupby"):
        fleet.groupby("region")
    with pytest.raises(AttributeError, match="no attribute 'colour'.$"):
        fleet.colour  # noqa: B018
    with pytest.raises(TypeError, match=r"Its frame has them: \.table\(\)\['region'\]"):
        fleet["region"]


def test_functions_keep_signature_help_identity_and_pickle() -> None:
    for name, function in FUNCTIONS.items():
        original = inspect.unwrap(function)
        assert inspect.signature(function) == inspect.signature(original), name
        assert pydoc.render_doc(function) == pydoc.render_doc(original), name
        assert pickle.loads(pickle.dumps(function)) is function, name  # noqa: S301 - our own
    assert kvs.list_channels is kvs.list_channels
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'channel'"):
        kvs.describe_channel()


def test_notebook_shows_the_line_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell.instance()
    try:
        shell.run_cell("import kvs_notebook as kvs\nkvs.list_channels(region='eu-west-1')")
    finally:
        InteractiveShell.clear_instance()
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert "keyword_hints.py" not in shown
    assert "kvs.list_channels(region=" in shown
    assert "pass connection=kvs.current_connection().in_region('eu-west-1')." in shown
