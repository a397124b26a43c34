"""Judge the answer of ``aging trend`` to a case by what the case's report establishes.

As a script: ``python tests/cases/judging.py PATH-TO-AGING [FOLDER]`` makes the input of every case below FOLDER in a
temporary folder, runs its command, and prints the cases that are not right; exit 0 when all are. It needs nothing but
Python, so that it runs against any version of aging.

Keys of ``expect``, all optional; names are compared without case, blanks and punctuation:

- ``exit``: the exit code, or a list of those allowed; ``inconclusive`` among the verdicts allows 3 as well.
- ``message_contains``, ``message_lacks``: pieces of what is printed; ``says_any``: one of them is enough.
- ``refusal_contains``: pieces of the message of an exit 2; ``refusal_any``: one of them is enough, such as a command.
- ``column`` with ``verdict``, ``series`` (name: verdict), ``rate_per_hour`` with ``of``: of one or several series.
- ``each``: a list of series; one entry of the answer must fulfil all of ``column`` (one of several names), ``label``,
  ``verdict``, ``rate_per_hour``, ``rate_per_thousand`` (along a count), ``restarts`` (a range), ``unit``.
- ``any_verdict``: at least one series has one of these; ``verdict_never``: none has; ``verdict_never_of``: by name.
- ``verdicts_in_order``: of the series as listed. ``not_judged``: names that are identifiers. ``left_out``: names that
  must be listed as not judged.

A rate may be in any power of 1000 or 1024 of the unit. Verdicts and rates are not asked of a refusal (exit 2).
"""

from __future__ import annotations

import json
import os
import runpy
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SCALES = [1.0, *(base**power for base in (1000.0, 1024.0) for power in (-3, -2, -1, 1, 2, 3))]
_RATES = ("slope_per_hour", "late_slope_per_hour", "rate_now_per_hour", "current")
_REFUSED = 2

Entry = Mapping[str, Any]


def mistakes(expect: Mapping[str, Any], exit_code: int, said: str, answer: str) -> list[str]:
    """What is wrong: ``said`` is all that was printed, ``answer`` the output of ``--json``."""
    wrong = []
    refused = exit_code == _REFUSED
    allowed = [*_listed(expect.get("exit", 0)), *([3] if "inconclusive" in json.dumps(expect) else [])]
    if exit_code not in allowed:
        wrong.append(f"exit {exit_code}, not {expect.get('exit', 0)}: {said.strip().splitlines()[:1]}")
    wrong += _wording(expect, said.lower(), refused)
    if refused:
        return wrong
    entries, left_out = _parsed(answer)
    wrong += _named(expect, entries)
    for want in expect.get("each", []):
        wrong += _entry(want, entries)
    wrong += _over_all(expect, entries)
    wrong += [
        f"{name} is an identifier, but judged" for name in expect.get("not_judged", []) if _exactly(entries, name)
    ]
    listed = json.dumps(left_out).lower()
    wrong += [f"{name} is not listed as left out" for name in expect.get("left_out", []) if name.lower() not in listed]
    return wrong


def _wording(expect: Mapping[str, Any], said: str, refused: bool) -> list[str]:
    pieces = [*expect.get("message_contains", []), *(expect.get("refusal_contains", []) if refused else [])]
    wrong = [f"does not mention {piece!r}" for piece in pieces if piece.lower() not in said]
    wrong += [f"says {piece!r}" for piece in expect.get("message_lacks", []) if piece.lower() in said]
    choice = expect.get("refusal_any" if refused else "says_any", [])
    if choice and not any(piece.lower() in said for piece in choice):
        wrong.append(f"mentions none of {choice}")
    return wrong


def _named(expect: Mapping[str, Any], entries: Sequence[Entry]) -> list[str]:
    """The older keys: a column with its verdict, several of them, or a verdict of any series."""
    wrong = []
    names = expect.get("series") or ({expect["column"]: expect.get("verdict")} if "column" in expect else {})
    for name, verdict in names.items():
        found = [entry for entry in entries if _mentions(entry, name)]
        verdicts = [entry["verdict"] for entry in found]
        if not found:
            wrong.append(f"{name} is not judged")
        elif verdict and not set().union(*map(_verdicts, found)) & set(_listed(verdict)):
            wrong.append(f"{name}: {verdicts}, not {verdict}")
        elif expect.get("verdict_not") in verdicts:
            wrong.append(f"{name} is called {expect['verdict_not']}")
    if not names and "verdict" in expect:
        wrong += _any_verdict(_listed(expect["verdict"]), entries)
    if "rate_per_hour" in expect:
        of = expect.get("of") or expect.get("column")
        rates = [rate for entry in entries if not of or _mentions(entry, of) for rate in _rates(entry)]
        if not any(_inside(rate, expect["rate_per_hour"]) for rate in rates):
            wrong.append(f"rates {_short(rates)}, not {expect['rate_per_hour']}")
    return wrong


def _entry(want: Mapping[str, Any], entries: Sequence[Entry]) -> list[str]:
    title = f"{want.get('column', '')}[{want.get('label', '')}]"
    found = [entry for entry in entries if _is_meant(want, entry)]
    if not found:
        return [f"{title} is not judged"]
    faults = [_faults(want, entry) for entry in found]
    best = min(faults, key=len)
    return [f"{title}: {fault}" for fault in best]


def _is_meant(want: Mapping[str, Any], entry: Entry) -> bool:
    column = _plain(entry.get("column", ""))
    labels = " ".join([column, *map(_plain, (entry.get("labels") or {}).values())])
    return any(_plain(name) in column for name in _listed(want.get("column", ""))) and any(
        _plain(label) in labels for label in _listed(want.get("label", ""))
    )


def _verdicts(entry: Entry) -> set[str]:
    """Its verdict; what is known to get worse by falling, and falls, is aging and declining."""
    falls = entry["verdict"] == "aging" and entry.get("worse") == "down"
    return {entry["verdict"], "declining"} if falls else {entry["verdict"]}


def _faults(want: Mapping[str, Any], entry: Entry) -> list[str]:
    faults = []
    if "verdict" in want and not _verdicts(entry) & set(_listed(want["verdict"])):
        faults.append(f"{entry['verdict']}, not {want['verdict']}")
    for key in ("rate_per_hour", "rate_per_thousand"):
        rates = _rates(entry)
        if key in want and not any(_inside(rate, want[key]) for rate in rates):
            faults.append(f"{key} {_short(rates)}, not {want[key]}")
    low, high = want.get("restarts", (None, None))
    restarts = entry.get("restarts") or 0
    restarts = restarts if isinstance(restarts, int) else restarts["count"]
    if low is not None and not low <= restarts <= high:
        faults.append(f"{restarts} restarts, not {low} to {high}")
    if "unit" in want and _plain(want["unit"]) not in _plain(entry.get("unit", "")):
        faults.append(f"unit {entry.get('unit')!r}, not {want['unit']!r}")
    return faults


def _over_all(expect: Mapping[str, Any], entries: Sequence[Entry]) -> list[str]:
    wrong = _any_verdict(expect["any_verdict"], entries) if "any_verdict" in expect else []
    never = expect.get("verdict_never", [])
    wrong += [f"{entry.get('column')} is called {entry['verdict']}" for entry in entries if entry["verdict"] in never]
    for name, verdicts in expect.get("verdict_never_of", {}).items():
        wrong += [f"{name} is {entry['verdict']}" for entry in _exactly(entries, name) if entry["verdict"] in verdicts]
    order = expect.get("verdicts_in_order", [])
    if order and len(order) != len(entries):
        wrong.append(f"{len(entries)} series, not {len(order)}")
    for place, (verdict, entry) in enumerate(zip(order, entries, strict=False)):
        if entry["verdict"] not in _listed(verdict):
            wrong.append(f"series {place}: {entry['verdict']}, not {verdict}")
    return wrong


def _any_verdict(verdicts: Sequence[str], entries: Sequence[Entry]) -> list[str]:
    found = [entry["verdict"] for entry in entries]
    return [] if set(found) & set(verdicts) else [f"{found}, not {verdicts}"]


def _parsed(answer: str) -> tuple[list[Entry], Any]:
    try:
        told = json.loads(answer)
    except ValueError:
        return [], []
    return told.get("series", []), told.get("left_out", [])


def _mentions(entry: Entry, name: str) -> bool:
    told = [value for key, value in entry.items() if key not in ("verdict", "shape", "direction", "notes")]
    return any(name.lower() in str(value).lower() for value in told if isinstance(value, str | dict))


def _exactly(entries: Sequence[Entry], name: str) -> list[Entry]:
    columns = [(entry, str(entry.get("column", ""))) for entry in entries]
    return [entry for entry, column in columns if _plain(name) in (_plain(column), _plain(column.partition("[")[0]))]


def _rates(entry: Entry) -> list[float]:
    told = [entry.get(key) for key in (*_RATES, *(key for key in entry if key.startswith(("rate", "slope_"))))]
    flat = [rate for one in told for rate in (one[:1] if isinstance(one, list) else [one])]
    return [rate for rate in flat if isinstance(rate, int | float)]


def _inside(rate: float, limits: Sequence[float]) -> bool:
    return any(limits[0] <= rate * scale <= limits[1] for scale in _SCALES)


def _short(rates: Sequence[float]) -> list[float]:
    return sorted({float(f"{rate:.4g}") for rate in rates})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(text: str) -> str:
    return "".join(letter for letter in str(text).lower() if letter.isalnum())


def make(case: Path, folder: Path) -> None:
    """Write the input of a case."""
    runpy.run_path(str(case / "make.py"))["write"](folder)


def judge(case: Path, aging: str) -> list[str]:
    """Make the input of a case, run its command by a program, and judge the answer."""
    told = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    words = shlex.split(told["command"])[1:]
    with tempfile.TemporaryDirectory() as folder:
        make(case, Path(folder))
        ran = [
            subprocess.run(
                [aging, *words, *more],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=180,
                check=False,
                env=os.environ | {"COLUMNS": "200"},
            )
            for more in ((), ("--json",))
        ]
    plain, as_json = ran
    wrong = ["traceback"] if "Traceback" in plain.stderr + as_json.stderr else []
    return wrong + mistakes(
        told["expect"], plain.returncode, plain.stderr + plain.stdout + as_json.stdout, as_json.stdout
    )


def cases(folder: Path) -> list[Path]:
    """The folders of the cases below a folder, in order."""
    return sorted(path.parent for path in folder.glob("*/expected.json"))


def main(aging: str, folder: Path) -> int:
    """Print the cases that are not right; 0 when all are."""
    found = cases(folder)
    right = 0
    for case in found:
        wrong = judge(case, aging)
        right += not wrong
        if wrong:
            print(f"{case.name}: {'; '.join(wrong)}")  # noqa: T201 - a script's output
    print(f"{right} of {len(found)} right")  # noqa: T201
    return int(right != len(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent))
