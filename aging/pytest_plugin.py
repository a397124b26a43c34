"""The pytest plug-in: ``@pytest.mark.leak`` on a test, and the fixture ``leak_check`` for a server.

pytest imports it in every project where the package is installed: what it needs is imported when a test uses it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aging.check.calls.judgement import Limit
    from aging.findings.gate import GateResult

_MARKER = (
    'leak(per_call, *, budget="30s", calls=100000, alpha=0.01, beta=0.05, undecided="fail"): call the body of the test '
    'many times, in a process of its own, and fail where it keeps more than per_call="64B" a call; where the budget '
    'cannot tell, "fail", "skip" or "pass" (aging)'
)
_UNDECIDED = ("fail", "skip", "pass")
_CAPTURES = frozenset(("capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys"))
_MOST_CALLS, _LEAST_CALLS = 100_000, 25
_MEASURED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse what is asked wrongly, all of it at once; a worker of pytest-xdist fails the tests instead."""
    found = {item.nodeid: mistakes for item in items if (mistakes := _mistakes(item))}
    if found and not hasattr(config, "workerinput"):
        text = "\n".join(f"  {name}: {mistake}" for name, mistakes in found.items() for mistake in mistakes)
        raise pytest.UsageError(f"pytest.mark.leak:\n{text}")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call the body once as any test, then many times in a process of its own."""
    if pyfuncitem.get_closest_marker("leak") is None:
        return None
    pyfuncitem.stash[_MEASURED] = True
    if mistakes := _mistakes(pyfuncitem):
        pytest.fail(f"pytest.mark.leak: {'; '.join(mistakes)}", pytrace=False)
    names = pyfuncitem._fixtureinfo.argnames
    body = functools.partial(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in names})
    if inspect.isawaitable(body()):
        pytest.fail("pytest.mark.leak: the test returns an awaitable; await it in asyncio.run()", pytrace=False)
    _repeat(pyfuncitem, body)
    return True


@pytest.hookimpl(hookwrapper=True)  # as every pytest since 7 has it
def pytest_runtest_call(item: pytest.Item) -> Any:
    """A test that another plug-in has run in place of this one is not green."""
    outcome = yield
    if item.get_closest_marker("leak") is not None and not item.stash.get(_MEASURED, False) and not outcome.excinfo:
        text = "pytest.mark.leak: another plug-in ran the test; its memory was not measured"
        outcome.force_exception(pytest.fail.Exception(text, pytrace=False))


@pytest.fixture
def leak_check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., GateResult]:
    """Check a server: ``leak_check(server="python -m x --port {port}", request="GET:/", per_request="256B")``.

    ``server`` is a command line or its words. ``request`` is ``METHOD:PATH[@BODYFILE]``, or several. ``fail`` are
    further conditions as of ``aging check --fail``; ``rate``, ``budget``, ``env``, ``alpha``, ``beta`` and
    ``arguments`` are those of the command. ``undecided`` is "fail", "skip" or "pass".
    """

    def check(  # noqa: PLR0913 - options of one command
        *,
        server: str | Sequence[str],
        request: str | Sequence[str],
        per_request: str | None = None,
        fail: str | Sequence[str] = (),
        rate: float | None = None,
        budget: str = "5m",
        env: Mapping[str, str] | None = None,
        alpha: float | None = None,
        beta: float | None = None,
        arguments: Sequence[str] = (),
        undecided: str = "fail",
    ) -> GateResult:
        from aging.app import leak_check as app  # noqa: PLC0415

        conditions = [] if per_request is None else [f"process_anon_swap_bytes:per_request > {per_request}"]
        asked = app.ServerCheck(
            server=server,
            requests=[request] if isinstance(request, str) else list(request),
            conditions=[*conditions, *([fail] if isinstance(fail, str) else fail)],
            budget=budget,
            rate=rate,
            env=env or {},
            alpha=alpha,
            beta=beta,
            arguments=arguments,
        )
        if undecided not in _UNDECIDED:
            raise ValueError(_not_undecided(undecided))
        results = tmp_path_factory.mktemp("leak_check")
        checked = app.check_server(asked, results)
        text = app.message(checked, results)
        if checked.gate is None or not (app.passed(checked) or app.undecided(checked)):
            pytest.fail(text, pytrace=False)
        if app.passed(checked):
            node.add_report_section("call", "leak", text)
        else:
            _end_undecided(node, text, undecided)
        return checked.gate

    node = request.node
    return check


def _repeat(item: pytest.Function, body: Callable[[], object]) -> None:
    from aging.check.calls.repeated import repeat  # noqa: PLC0415 - scipy
    from aging.check.calls.wording import outcome, text  # noqa: PLC0415

    limit, undecided = _limit(item)
    seen = repeat(body, limit, _forget_records, silent=_CAPTURES.isdisjoint(item.fixturenames))
    said = text(seen, limit)
    match outcome(seen):
        case "passed":
            item.add_report_section("call", "leak", said)
        case "undecided":
            _end_undecided(item, said, undecided)
        case _:
            pytest.fail(said, pytrace=False)


def _end_undecided(item: pytest.Item, text: str, undecided: str) -> None:
    if undecided == "skip":
        pytest.skip(text)
    if undecided == "fail":
        pytest.fail(text, pytrace=False)
    item.add_report_section("call", "leak", text)


def _forget_records() -> None:
    """pytest keeps every log record of a test: many calls would make them a leak."""
    for handler in logging.getLogger().handlers:
        if type(handler).__name__ == "LogCaptureHandler":
            getattr(handler, "clear", handler.flush)()


def _asked(  # noqa: PLR0913 - the marker's arguments, with their defaults
    per_call: object,
    *,
    budget: object = "30s",
    calls: object = _MOST_CALLS,
    alpha: object = 0.01,
    beta: object = 0.05,
    undecided: object = "fail",
) -> dict[str, Any]:
    return {
        "per_call": per_call,
        "budget": budget,
        "calls": calls,
        "alpha": alpha,
        "beta": beta,
        "undecided": undecided,
    }


def _limit(item: pytest.Item) -> tuple[Limit, str]:
    from aging.check.calls.judgement import Limit  # noqa: PLC0415
    from aging.core.quantities import parse_duration, parse_size  # noqa: PLC0415

    marker = item.get_closest_marker("leak")
    assert marker is not None
    asked = _asked(*marker.args, **marker.kwargs)
    limit = Limit(
        per_call=float(parse_size(asked["per_call"])),
        seconds=parse_duration(asked["budget"]),
        calls=asked["calls"],
        alpha=asked["alpha"],
        beta=asked["beta"],
    )
    return limit, asked["undecided"]


def _mistakes(item: pytest.Item) -> list[str]:
    """What is wrong with the marker of a test; empty without one."""
    marker = item.get_closest_marker("leak")
    if marker is None:
        return []
    found = _wrong_test(item)
    try:
        asked = _asked(*marker.args, **marker.kwargs)
    except TypeError as error:
        return [*found, str(error).replace("_asked()", "leak()")]
    return [*found, *_wrong_values(asked)]


def _wrong_test(item: pytest.Item) -> list[str]:
    if not hasattr(os, "fork") or not os.path.exists("/proc/self/status"):
        return ["it needs Linux: /proc and fork"]
    if not isinstance(item, pytest.Function) or (item.cls is not None and hasattr(item.cls, "assertRaises")):
        return ["only functions and methods of plain classes can be called again; this is a unittest or another item"]
    if inspect.iscoroutinefunction(item.obj) or inspect.isasyncgenfunction(item.obj):
        return ["async tests are not supported; write a plain function that calls asyncio.run()"]
    return []


def _wrong_values(asked: Mapping[str, Any]) -> list[str]:
    from aging.core.quantities import parse_duration, parse_size  # noqa: PLC0415

    found = []
    for name, parse in (("per_call", parse_size), ("budget", parse_duration)):
        try:
            if not parse(asked[name]) > 0:
                least = "at least 1B" if name == "per_call" else "above 0"
                found.append(f"{name} must be {least}, got {asked[name]!r}")
        except ValueError as error:
            found.append(f"{name}: {error}")
    calls = asked["calls"]
    if isinstance(calls, bool) or not isinstance(calls, int) or calls < _LEAST_CALLS:
        found.append(f"calls must be a whole number of at least {_LEAST_CALLS}, got {calls!r}")
    for name in ("alpha", "beta"):
        value = asked[name]
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not 0 < value < 0.5:
            found.append(f"{name} must be a number between 0 and 0.5, got {value!r}")
    if asked["undecided"] not in _UNDECIDED:
        found.append(_not_undecided(asked["undecided"]))
    return found


def _not_undecided(value: object) -> str:
    return f"undecided must be one of {', '.join(_UNDECIDED)}, got {value!r}"
