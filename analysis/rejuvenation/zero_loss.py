"""Not one request lost: every action on a reference server under load, every answer verified token by token.

Half of the requests are streams. Each is counted twice: by the records of the client, which knows every token that it
must receive, and by the log of the servers, which append the number of every request when it begins and when it was
answered. A trial is a campaign of the package, started by its command line; behind HAProxy it is two servers in turn
under the package's load process. In *runner killed* the runner is killed in the middle of an action, and resumed::

    python -m analysis.rejuvenation.zero_loss --write                         # all of it: about 25 minutes
    python -m analysis.rejuvenation.zero_loss --only restart --requests 2000  # one trial, to see that it works

A trial that is in the folder is not run again, so that a study that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from analysis import ROOT
from analysis.rejuvenation.accounting import Count
from analysis.rejuvenation.campaign_trial import ACTIONS, campaign_trial
from analysis.rejuvenation.guarded_trial import guarded_trial
from analysis.rejuvenation.killed_trial import killed_trial
from analysis.rejuvenation.proxied_trial import proxied_trial
from analysis.rejuvenation.trial import Plan, Trial

TABLE = ROOT / "docs" / "tables" / "zero_loss.md"
FOLDER = ROOT / "build" / "zero-loss"
REQUESTS, RATE = 135_000, 100.0

TRIALS: Mapping[str, Callable[[Plan], Trial]] = {
    **{action: partial(campaign_trial, action=action) for action in ACTIONS},
    "restart behind HAProxy": proxied_trial,
    "guards behind HAProxy": guarded_trial,
    "restart, runner killed": partial(killed_trial, action="restart"),
    "replace, runner killed": partial(killed_trial, action="replace"),
}
"""By name."""


def conduct(name: str, plan: Plan) -> Trial:
    """Run a trial, or read what an earlier run of the study found of it."""
    record = plan.folder / "trial.json"
    if record.exists():
        found = json.loads(record.read_text())
        return Trial(**found | {"count": Count(**found["count"])})
    shutil.rmtree(plan.folder, ignore_errors=True)
    trial = TRIALS[name](plan)
    record.write_text(json.dumps(asdict(trial)))
    return trial


def report(trials: Mapping[str, Trial], command: str) -> Iterator[str]:
    """The table."""
    yield "# Not one request lost"
    yield ""
    yield f"{time.strftime('%Y-%m-%d')}, `{command}`, {os.cpu_count()} cores. What the columns count:"
    yield "`analysis/rejuvenation/accounting.py`."
    yield ""
    yield (
        "| action | rejuvenations | failed | requests | streams | lost | duplicated | broken streams | unserved | held "
        "| longest wait, s |"
    )
    yield "|---|" + "--:|" * 10
    plain = {name: trial for name, trial in trials.items() if not trial.kills}
    for name, trial in plain.items():
        yield _line(name, trial)
    if len(plain) > 1:
        yield _line("**all**", _sum(plain))
    killed = {name: trial for name, trial in trials.items() if trial.kills}
    if not killed:
        return
    yield ""
    yield "Where the runner was killed in the middle of an action and resumed:"
    yield ""
    yield (
        "| action | kills | finished | undone | requests | lost | duplicated | broken streams | in flight at a kill "
        "| due without a runner |"
    )
    yield "|---|" + "--:|" * 9
    for name, trial in killed.items():
        one = trial.count
        figures = (trial.kills, trial.finished, trial.undone, one.requests, one.lost, one.duplicated, one.broken)
        yield f"| {name} | " + " | ".join(f"{figure:,}" for figure in (*figures, one.cut, one.unsent)) + " |"


def _line(name: str, trial: Trial) -> str:
    one = trial.count
    figures = (trial.done, trial.failed, one.requests, one.streams, one.lost, one.duplicated, one.broken, one.unserved)
    return f"| {name} | " + " | ".join(f"{figure:,}" for figure in (*figures, one.held)) + f" | {one.longest:.1f} |"


def _sum(trials: Mapping[str, Trial]) -> Trial:
    counts = Count()
    for trial in trials.values():
        counts += trial.count
    done, failed = (sum(getattr(trial, name) for trial in trials.values()) for name in ("done", "failed"))
    return Trial(counts, done, failed, sum(trial.seconds for trial in trials.values()))


def main() -> int:
    """Run the trials that are not in the folder yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of all trials together")
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second")
    parser.add_argument("--only", action="append", choices=TRIALS, help="this trial; may be repeated")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the trials are kept")
    parser.add_argument("--write", action="store_true", help=f"write docs/tables/{TABLE.name} beside printing it")
    options = parser.parse_args()
    names = options.only or list(TRIALS)
    trials: dict[str, Trial] = {}
    for name in names:
        folder = options.folder / name.replace(",", "").replace(" ", "-").lower()
        trials[name] = conduct(name, Plan(options.requests // len(names), options.rate, folder))
        one = trials[name]
        print(
            f"{name}: {one.done} done, {one.failed} failed, {one.count}, {dict(one.failures)}",
            file=sys.stderr,
            flush=True,
        )
    command = shlex.join(["python", "-m", "analysis.rejuvenation.zero_loss", *sys.argv[1:]])
    text = "\n".join(report(trials, command)) + "\n"
    print(text)
    if options.write:
        TABLE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
