"""``@pytest.mark.leak``: which tests it fails, and with what.

Limits and numbers of calls are such that a decision needs no certain speed of the host.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest

import aging.check.calls.wording  # noqa: F401 - numpy is imported once a process; a run in this one forgets its modules

pytest_plugins = ["pytester"]

INSTALLED = any(point.value == "aging.pytest_plugin" for point in entry_points(group="pytest11"))
PLUGIN = () if INSTALLED else ("-p", "aging.pytest_plugin")
QUIET = (*PLUGIN, "-p", "no:randomly", "-p", "no:cacheprovider", "-q")

HEAD = """
import asyncio, ctypes, functools, gc, logging, mmap, os, signal, sys, time, warnings
import pytest
leak = functools.partial(pytest.mark.leak, calls=4000, budget="60s")
kept = []
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
"""

Run = Any


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Runs a module of tests in this process, and returns the result."""

    def run(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(HEAD + text)
        return pytester.runpytest_inprocess(*QUIET, *arguments)

    return run


LEAKS = {
    "python": "@leak(per_call='64B')\ndef test_it():\n    kept.append(bytes(1024))",
    "small": "@leak(per_call='64B')\ndef test_it():\n    kept.append(tuple(range(len(kept), len(kept) + 8)))",
    "C": "@leak(per_call='64B')\ndef test_it():\n    ctypes.memset(libc.malloc(1024), 1, 1024)",
    "pages": "@leak(per_call='1KiB')\ndef test_it():\n"
    "    m = mmap.mmap(-1, 65536, flags=mmap.MAP_PRIVATE)\n    m.write(bytes(65536))\n    kept.append(m)",
    "fixture": "@pytest.fixture\ndef store():\n    return []\n\n"
    "@leak(per_call='64B')\ndef test_it(store, tmp_path):\n    store.append(str(tmp_path) + str(len(store)) * 100)",
    "positional": "@leak('64B')\ndef test_it():\n    kept.append(bytes(1024))",
}

CLEAN = {
    "nothing": "@leak(per_call='64B')\ndef test_it():\n    pass",
    "work": "@leak(per_call='64B')\ndef test_it():\n    assert len([bytes(1000) for _ in range(20)]) == 20",
    "bounded cache": "@functools.lru_cache(maxsize=300)\ndef f(k):\n    return bytes(1000)\n\n"
    "@leak(per_call='64B')\ndef test_it():\n    kept[:] = [kept[0] + 1 if kept else 0]\n    f(kept[0])",
    "once": "@leak(per_call='64B')\ndef test_it():\n    if not kept:\n        kept.append(bytes(10**7))",
    "cycles": "class Node:\n    pass\n\n@leak(per_call='64B')\ndef test_it():\n"
    "    one = Node()\n    one.me, one.load = one, bytes(3000)",
    "prints": "@leak(per_call='64B')\ndef test_it():\n    print('x' * 500)\n    sys.stderr.write('y' * 500)",
    "logs": "@leak(per_call='64B')\ndef test_it():\n    logging.getLogger('x').warning('z' * 500)",
    "caplog": "@leak(per_call='64B')\ndef test_it(caplog):\n"
    "    logging.getLogger('x').warning('z' * 500)\n    assert len(caplog.records) == 1",
    "warns": "@leak(per_call='64B')\ndef test_it():\n    warnings.warn('w' * 500, DeprecationWarning)",
    "capsys": "@leak(per_call='64B')\ndef test_it(capsys):\n"
    "    print('x')\n    assert capsys.readouterr().out == 'x\\n'",
    "loop": "@leak(per_call='256B', calls=1000)\ndef test_it():\n    asyncio.run(asyncio.sleep(0))",
    "below the limit": "@leak(per_call='1KiB')\ndef test_it():\n    kept.append(bytes(100))",
}


def some(texts: dict[str, str], *quick: str) -> list[Any]:
    """The texts as parameters: these are tried by every run of the tests, the others by a thorough one."""
    return [
        pytest.param(text, id=name, marks=() if name in quick else pytest.mark.thorough) for name, text in texts.items()
    ]


@pytest.mark.parametrize("text", some(LEAKS, "python"))
def test_a_leak_fails(run: Run, text: str) -> None:
    result = run(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["leak: the test's body keeps * the limit is *"])


@pytest.mark.parametrize("text", some(CLEAN, "nothing", "bounded cache"))
def test_what_does_not_leak_passes(run: Run, text: str) -> None:
    run(text).assert_outcomes(passed=1)


class TestFailure:
    def test_the_site_is_named(self, run: Run) -> None:
        result = run("def keep():\n    kept.append(bytes(1024))\n\n@leak(per_call='64B')\ndef test_it():\n    keep()")
        result.stdout.fnmatch_lines(["*MiB in * blocks: *.py:*kept.append(bytes(1024))", "*from *.py:* keep()"])

    @pytest.mark.thorough
    def test_the_users_line_is_named_below_a_library(self, run: Run) -> None:
        keep = "import json\n\ndef parse():\n    kept.append(json.loads('[' * 9 + '[1.5]' * 1 + ']' * 9))\n\n"
        result = run(keep + "def call():\n    parse()\n\n@leak(per_call='64B')\ndef test_it():\n    call()")
        result.stdout.fnmatch_lines(["*from *.py:* kept.append(json.loads(*"])

    @pytest.mark.thorough
    def test_c_memory_is_said_to_be_none_of_pythons(self, run: Run) -> None:
        run(LEAKS["C"]).stdout.fnmatch_lines(["*the C heap +1.0* KiB/call*", "*Python allocated none of it*"])

    def test_figures_of_a_pass_are_shown_on_request(self, run: Run) -> None:
        run(CLEAN["nothing"], "-rP").stdout.fnmatch_lines(["no leak: growth of 64 B/call or more is excluded*"])


class TestOwnErrors:
    def test_a_test_that_fails_shows_its_own_error(self, run: Run) -> None:
        result = run("@leak(per_call='64B')\ndef test_it():\n    kept.append(bytes(1024))\n    assert 1 == 2")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E * assert 1 == 2"])
        result.stdout.no_fnmatch_line("*leak: *")

    def test_a_later_call_that_fails(self, run: Run) -> None:
        result = run("@leak(per_call='64B')\ndef test_it():\n    kept.append(1)\n    assert len(kept) < 100")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["call 100 of the test's body raised*", "*assert len(kept) < 100"])

    def test_set_up_and_skip_are_those_of_any_test(self, run: Run) -> None:
        result = run(
            "@pytest.fixture\ndef broken():\n    raise OSError('no disk')\n\n"
            "@leak(per_call='64B')\ndef test_set_up(broken):\n    pass\n\n"
            "@leak(per_call='64B')\ndef test_skip():\n    pytest.skip('not here')\n\n"
            "@pytest.mark.xfail(strict=True)\n@leak(per_call='64B')\ndef test_xfail():\n    assert False"
        )
        result.assert_outcomes(errors=1, skipped=1, xfailed=1)
        result.stdout.fnmatch_lines(["E * no disk"])

    @pytest.mark.parametrize("how", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
    def test_a_process_that_ends_is_not_green(self, run: Run, how: str) -> None:
        body = f"kept.append(1)\n    len(kept) > 500 and {how}"
        result = run(f"@leak(per_call='64B', undecided='pass')\ndef test_it():\n    {body}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["the process that called the test's body ended by itself (*"])

    def test_a_call_that_does_not_return_is_not_green(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("aging.check.calls.repeated._GRACE", 1.0)
        result = run(
            "import threading\nlock, end = threading.Lock(), threading.Event()\n\n@pytest.fixture\ndef other():\n"
            "    threading.Thread(target=end.wait, daemon=True).start()\n    yield\n    end.set()\n\n"
            "@pytest.mark.leak(per_call='64B', budget='1s', undecided='pass')\ndef test_it(other):\n"
            "    kept.append(1)\n    len(kept) > 10 and lock.acquire()"
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["a call of the test's body did not return*", "*.py:* in test_it", "*fork*(1)*"])


class TestUndecided:
    SLOW = "@leak(per_call='64B', budget='100ms'{})\ndef test_it():\n    time.sleep(0.05)"

    @pytest.mark.parametrize(
        ("more", "outcomes"),
        [
            ("", {"failed": 1}),
            (", undecided='fail'", {"failed": 1}),
            (", undecided='skip'", {"skipped": 1}),
            (", undecided='pass'", {"passed": 1}),
        ],
    )
    def test_too_few_calls(self, run: Run, more: str, outcomes: dict[str, int]) -> None:
        result = run(self.SLOW.format(more), "-rs")
        result.assert_outcomes(**outcomes)
        if "passed" not in outcomes:
            result.stdout.fnmatch_lines(["*cannot tell whether it leaks 64 B/call*"])


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("", ["per_call"]),
            ("per_call='64'", ["'64'", "16KiB"]),
            ("per_call=64", ["64"]),
            ("per_call='0B'", ["at least 1B"]),
            ("per_call='0.4B'", ["at least 1B", "0.4B"]),
            ("per_call='64B', budget='0s'", ["budget", "above 0"]),
            ("per_cal='64B'", ["per_cal"]),
            ("per_call='64B', budget='soon'", ["'soon'"]),
            ("per_call='64B', calls=3", ["calls", "25"]),
            ("per_call='64B', alpha=1.5", ["alpha", "1.5"]),
            ("per_call='64B', alpha='x', undecided='maybe'", ["alpha", "undecided", "skip"]),
        ],
    )
    def test_a_mistake_is_a_usage_error(self, run: Run, arguments: str, words: list[str]) -> None:
        result = run(f"@pytest.mark.leak({arguments})\ndef test_it():\n    pass")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        for word in ("test_it", *words):
            result.stderr.fnmatch_lines([f"*{word}*"])

    @pytest.mark.parametrize(
        "text",
        [
            "@leak(per_call='64B')\nasync def test_it():\n    pass",
            "import unittest\nclass TestIt(unittest.TestCase):\n"
            "    @leak(per_call='64B')\n    def test_it(self):\n        pass",
        ],
    )
    def test_what_cannot_be_called_again_is_refused(self, run: Run, text: str) -> None:
        assert run(text).ret == pytest.ExitCode.USAGE_ERROR

    def test_every_mistake_at_once(self, run: Run) -> None:
        result = run("@leak()\ndef test_a():\n    pass\n\n@leak(per_call='x')\nasync def test_b():\n    pass")
        result.stderr.fnmatch_lines(["*::test_a: *", "*::test_b: async*", "*::test_b: per_call: *"])

    def test_an_awaitable_is_refused(self, run: Run) -> None:
        text = "@leak(per_call='64B')\ndef test_it():\n    return asyncio.sleep(0)"
        run(text, "-Wignore").assert_outcomes(failed=1)

    def test_a_test_that_another_plug_in_runs_is_not_green(self, run: Run, pytester: pytest.Pytester) -> None:
        pytester.makeconftest(
            "import pytest\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_pyfunc_call(pyfuncitem):\n    return True"
        )
        result = run("@leak(per_call='64B')\ndef test_it():\n    pass")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*another plug-in ran the test*"])


@pytest.mark.thorough
def test_parametrized_and_in_a_class(run: Run) -> None:
    run(
        "@pytest.mark.parametrize('size', [0, pytest.param(1024, id='kib')])\nclass TestIt:\n"
        "    @leak(per_call='64B')\n    def test_it(self, size):\n        size and kept.append(bytes(size))"
    ).assert_outcomes(passed=1, failed=1)


def test_what_the_calls_did_ends_with_them(run: Run) -> None:
    run(
        "@leak(per_call='64B')\ndef test_first():\n    kept.append(1)\n\ndef test_second():\n    assert kept == [1]"
    ).assert_outcomes(passed=2)


def test_markers(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess(*QUIET, "--markers").stdout.fnmatch_lines(["@pytest.mark.leak(per_call, *"])


@pytest.mark.thorough
def test_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD + f"{LEAKS['python']}\n\n@leak(per_call='64B')\ndef test_clean():\n    pass\n\n"
        "@leak(per_call='wrong')\ndef test_wrong():\n    pass"
    )
    result = pytester.runpytest_subprocess(*QUIET, "-n", "1")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["leak: the test's body keeps*"])


def test_every_start_of_pytest_pays_little() -> None:
    code = "import aging.pytest_plugin, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "pandas", "pydantic", "psutil", "httpx", "rich", "aging.check", "aging.core"}
    assert heavy.isdisjoint(done.stdout.split())
