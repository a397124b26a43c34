"""The judge of the cases: a right answer passes, each kind of wrong answer is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases.judging import cases, mistakes

_KEYS = {
    *("exit", "message_contains", "message_lacks", "says_any", "refusal_contains", "refusal_any"),
    *("column", "verdict", "verdict_not", "series", "rate_per_hour", "of"),
    *("each", "any_verdict", "verdict_never", "verdict_never_of", "verdicts_in_order", "not_judged", "left_out"),
}
_KEYS_OF_EACH = {"column", "label", "verdict", "rate_per_hour", "rate_per_thousand", "restarts", "unit"}

LEAK = {
    "column": "memory.used [MiB]",
    "labels": {"index": "1"},
    "verdict": "aging",
    "slope_per_hour": 1.0e6,
    "restarts": 2,
    "unit": "MiB",
}
FLAT = {"column": "memory.used [MiB]", "labels": {"index": "0"}, "verdict": "stable", "slope_per_hour": 0.0}
ANSWER = {"series": [LEAK, FLAT], "left_out": [{"column": "ecc", "example": "[N/A]", "reason": "no number"}]}


def found(expect: dict[str, Any], exit_code: int = 0, said: str = "") -> list[str]:
    return mistakes(expect, exit_code, said, json.dumps(ANSWER))


@pytest.mark.parametrize(
    "expect",
    [
        {"each": [{"column": "memory.used", "label": "1", "verdict": "aging", "rate_per_hour": [0.9, 1.1]}]},
        {"each": [{"column": ["rss", "memory used"], "verdict": ["bounded", "stable"]}]},
        {"each": [{"label": "1", "restarts": [2, 2], "unit": "MiB"}]},
        {"column": "memory.used", "verdict": "stable", "left_out": ["ecc"]},
        {"verdict": "aging", "rate_per_hour": [0.99, 1.01], "not_judged": ["index"]},
        {"verdicts_in_order": ["aging", ["cyclic", "stable"]], "verdict_never": ["bounded"]},
    ],
)
def test_right(expect: dict[str, Any]) -> None:
    assert found(expect) == []


@pytest.mark.parametrize(
    "expect",
    [
        {"each": [{"label": "1", "verdict": "stable"}]},
        {"each": [{"label": "0", "rate_per_hour": [0.9, 1.1]}]},
        {"each": [{"label": "2"}]},
        {"each": [{"label": "1", "restarts": [0, 1]}]},
        {"each": [{"label": "1", "rate_per_hour": [-1.1, -0.9]}]},
        {"column": "rss", "verdict": "aging"},
        {"verdict": "bounded"},
        {"verdicts_in_order": ["stable", "aging"]},
        {"verdicts_in_order": ["aging"]},
        {"verdict_never": ["aging"]},
        {"verdict_never_of": {"memory.used [MiB]": ["aging"]}},
        {"not_judged": ["memory.used [MiB]"]},
        {"left_out": ["pid"]},
        {"exit": 3},
        {"message_contains": ["counter"]},
        {"says_any": ["1023", "1,023"]},
    ],
)
def test_wrong(expect: dict[str, Any]) -> None:
    assert found(expect)


def test_refusal() -> None:
    expect = {"exit": [0, 2], "each": [{"label": "2"}], "refusal_contains": ["--every"], "says_any": ["never"]}
    assert found(expect, 2, "no time; add --every 60s") == []
    assert len(found(expect, 2, "no time")) == 1
    assert len(found({**expect, "exit": 0}, 2, "add --every 60s")) == 1
    assert len(found({**expect, "refusal_any": ["aging trend ", "awk"]}, 2, "add --every 60s")) == 1


def test_inconclusive_allows_exit_3() -> None:
    assert (
        mistakes({"verdict": ["inconclusive", "aging"]}, 3, "", json.dumps({"series": [{"verdict": "inconclusive"}]}))
        == []
    )


@pytest.mark.parametrize("case", cases(Path(__file__).parent), ids=lambda case: case.name)
def test_every_key_is_known(case: Path) -> None:
    told = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    assert told["command"].startswith("aging trend ")
    assert told["source"]
    assert told["truth"]
    assert set(told["expect"]) <= _KEYS
    assert all(set(one) <= _KEYS_OF_EACH for one in told["expect"].get("each", []))
