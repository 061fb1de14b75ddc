"""Fixtures for every test: nothing of the user's AWS environment, private sandboxes; and how tests spread over workers."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

import kvs_notebook as kvs
from kvs_notebook.aws.default_connection import set_current
from kvs_notebook.aws.rate_limit import RateLimiter
from kvs_notebook.sandbox.sandbox import sandbox_in_use

pytest_plugins = ["tests.iri_check"]

# A collection of garbage while thousands of tests are collected finds none: 0.7 s.
gc.disable()
if "PYTEST_XDIST_WORKER" in os.environ:
    # Rewriting the assertions of all modules takes 7 s of CPU; workers share the result, even if PYTHONDONTWRITEBYTECODE is set.
    sys.dont_write_bytecode = False

# Hypothesis fails no test because a busy machine is slow. In CI it repeats the same examples, elsewhere it tries others.
settings.register_profile("kvs", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("all cases", parent=settings.get_profile("kvs"), max_examples=100)
settings.load_profile("kvs")

AWS_AND_PROXY_VARIABLES = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy")

SLOWEST_FIRST = (
    "browser/",
    "notebooks/test_[se]",
    "forms/test_(console_view|faults)",
    "cli/",
    "clients/",
    "fleet/test_collector",
    "sandbox/signaling/test_relay",
    "test_contributing",
    "test_readme",
)
"""Patterns of the tests that take longest: started last, one of them would keep a single worker busy."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options to check the contract against a real account too, and to draw no cases."""
    parser.addoption("--real-aws-profile", help="an AWS profile to run tests/contract against, beside the sandbox")
    parser.addoption(
        "--all-cases",
        action="store_true",
        help="draw no cases, and try more examples of properties",
    )


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers for each core, at most 8: a test also waits for a browser, a kernel or another process."""
    return min(2 * (os.cpu_count() or 1), 8)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile a part of the test modules in each worker before it collects all of them, so that each is compiled once."""
    worker = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    if worker and session.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        here, count = Path(__file__).parent, int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        modules = sorted(here.rglob("test_*.py"), key=lambda path: (path.stat().st_size, path))
        for path in modules[int(worker[1]) % count :: count]:
            with suppress(Exception):  # collecting imports it again, and reports the error
                import_module(".".join(path.relative_to(here.parent).with_suffix("").parts))


class ByFile(LoadFileScheduling):
    """Run a file's tests in one worker; those of the browser, and those of a shared kernel, all in one."""

    def _split_scope(self, nodeid: str) -> str:
        shared = re.match(r"tests/browser/|tests/notebooks/test_(?:exercises|sections)", nodeid)
        return re.sub("test_.*", "", shared[0]) if shared else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Return the scheduler above, unless another one than pyproject.toml's is asked for."""
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    """Set the number of examples of properties: more with --all-cases."""
    if config.getoption("all_cases"):
        settings.load_profile("all cases")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draw cases of large tables, and order the slowest tests first; those of equal rank stay in their random order."""
    if config.pluginmanager.hasplugin("randomly") and not config.getoption("all_cases"):
        left = _cases_not_drawn(items)
        if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            left |= _tests_not_drawn(items)
        if left:
            config.hook.pytest_deselected(items=[*left])
            items[:] = [item for item in items if item not in left]
    items.sort(key=lambda item: _rank(item.nodeid.removeprefix("tests/")))


def _cases_not_drawn(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Return all but the first cases of each test with draw marks, each of which keeps some; pytest-randomly shuffled them."""
    kept: Counter[tuple[str, ...]] = Counter()
    left = set[pytest.Item]()
    for item in items:
        if isinstance(item, pytest.Function) and (marks := [*item.iter_markers("draw")]):
            groups = [_drawn_group(item, mark.kwargs.get("of_each", ())) for mark in marks]
            if all(kept[group] >= mark.args[0] for group, mark in zip(groups, marks, strict=True)):
                left.add(item)
            else:
                kept.update(groups)
    return left


def _tests_not_drawn(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Return all but the first tests of each module with a draw_tests mark."""
    kept: Counter[Path] = Counter()
    left = set[pytest.Item]()
    for item in items:
        if mark := item.get_closest_marker("draw_tests"):
            kept[item.path] += 1
            if kept[item.path] > mark.args[0]:
                left.add(item)
    return left


def _drawn_group(item: pytest.Function, names: Iterable[str]) -> tuple[str, ...]:
    values = (f"{name}={item.callspec.params[name]}" for name in names)
    return (item.nodeid.partition("[")[0], *values)


def _rank(nodeid: str) -> int:
    ranks = (rank for rank, slow in enumerate(SLOWEST_FIRST) if re.match(slow, nodeid))
    return next(ranks, len(SLOWEST_FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Exclude what collecting thousands of tests has made from garbage collection: each full collection takes 0.3 s less."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def no_user_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove the user's AWS settings, so that no test can reach a real account, and the connection of the test before."""
    for name in list(os.environ):
        if name.startswith(AWS_AND_PROXY_VARIABLES):
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-files"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    set_current(None)
    yield
    set_current(None)
    left = sandbox_in_use()  # until it is collected, forms would offer it in later tests
    if left is not None:
        left.stop()


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pause of waiters: on the stepped clock each look is a second later."""
    monkeypatch.setattr("kvs_notebook.channels.waiters.SECONDS_BETWEEN_DESCRIBES", 0.01)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[kvs.Sandbox]:
    """Yield a private sandbox without quotas, on the stepped clock, whose connections do not wait for a rate limit."""
    monkeypatch.setattr("kvs_notebook.aws.connection.RateLimiter", partial(RateLimiter, sleep=lambda _: None))
    with kvs.Sandbox(clock="stepped", quotas=False) as started:
        yield started


@pytest.fixture
def connection(sandbox: kvs.Sandbox) -> kvs.Connection:
    """Return the sandbox's connection, made current."""
    made = sandbox.connection()
    set_current(made)
    return made


@pytest.fixture
def project_root() -> Path:
    """Return the checkout's top folder."""
    return Path(__file__).parent.parent
