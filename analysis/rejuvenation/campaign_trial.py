"""One action in a campaign of the package, again and again under load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aging.campaign.load import parse_campaign
from aging.campaign.plan import rounds
from aging.core.endpoint import Endpoint
from aging.core.errors import require
from aging.load.job import Job
from aging.runner.catalogue import Catalogue
from aging.store.events import LoadStarted, RejuvenationCompleted, RejuvenationFailed
from aging.store.results import Results, open_results
from analysis.rejuvenation.accounting import Away, count, failures
from analysis.rejuvenation.trial import (
    LEAK,
    LOAD,
    SEED,
    TOKEN_SECONDS,
    TTFT_SECONDS,
    Plan,
    Trial,
    aging,
    completed,
    free_port,
    written,
)

ACTIONS = ("trim", "reset-caches", "sleep", "restart", "replace", "external")

_EVERY_SECONDS: Mapping[str, float] = {"restart": 6.0, "replace": 6.0}
"""From one action to the next, by action; a restart holds so many requests that the server needs a while."""

_OTHERS_EVERY_SECONDS = 2.0
_DRAIN_SECONDS = 30.0
_NAME = "server"


def campaign_trial(plan: Plan, action: str) -> Trial:
    """Run a campaign in which the action is carried out every few seconds, and count."""
    completed(aging("run", write_campaign(plan, action), "--results", plan.folder), plan.folder / "log")
    return judged(plan)


def write_campaign(plan: Plan, action: str) -> Path:
    """The campaign file of a trial."""
    every = _EVERY_SECONDS.get(action, _OTHERS_EVERY_SECONDS)
    port = free_port()
    rejuvenation = {
        "policy": "periodic",
        "action": action,
        "every": f"{every}s",
        "distance": f"{every}s",
        "drain": f"{_DRAIN_SECONDS}s",
        "budget": 10_000,
        "give_up_after": 100,
    }
    if action == "external":  # a hook that does what an operator's would: here it empties the caches
        rejuvenation["url"] = f"http://127.0.0.1:{port}/reset_caches"
    deployment = {
        "name": _NAME,
        "kind": "reference",
        "served_log": str(served(plan)),
        "ttft": f"{TTFT_SECONDS}s",
        "token": f"{TOKEN_SECONDS}s",
        **LEAK,
    }
    if action == "external":
        deployment["port"] = port
    load = {"arrivals": {"kind": "poisson", "rate": plan.rate}, **LOAD}
    lines = [
        "schema = 1",
        'name = "zero-loss"',
        f"seed = {SEED}",
        f'duration = "{plan.seconds:g}s"',
        *_table("load", load),
        *_table("rejuvenation", rejuvenation),
        *_table("[deployment]", deployment),
    ]
    plan.folder.mkdir(parents=True, exist_ok=True)
    served(plan).touch()
    file = plan.folder / "campaign.toml"
    file.write_text("\n".join(lines) + "\n")
    return file


def served(plan: Plan) -> Path:
    """The log of the servers."""
    return plan.folder.resolve() / "served"


def results(plan: Plan) -> Results:
    """The campaign's results, as they are now."""
    (journal,) = plan.folder.glob("*/*/journal.jsonl")
    return open_results(journal.parent)


def judged(plan: Plan, away: Sequence[Away] = ()) -> Trial:
    """Count what a campaign left."""
    found = results(plan)
    done = sum(isinstance(event, RejuvenationCompleted) for event in found.events)
    failed = sum(isinstance(event, RejuvenationFailed) and event.outcome == "failed" for event in found.events)
    records = found.requests(_NAME)
    return Trial(
        count=count(records, due(found), served(plan), away),
        done=done,
        failed=failed,
        seconds=plan.seconds,
        failures=failures(records),
    )


def due(found: Results) -> Mapping[int, float]:
    """When every request of the schedule was due, in monotonic seconds, by its number; drawn again from the seed."""
    campaign = parse_campaign(found.layout.campaign.read_text(), Catalogue.discovered().kinds(), "campaign")
    (((run,),),) = (rounds(campaign),)
    load = require(run.load, "the load")
    start = next(event.load_start for event in found.events if isinstance(event, LoadStarted))
    job = Job(Endpoint("", ""), load, run.options.rate, run.seed, campaign.duration, start, Path())
    return {request.number: start + request.at for request in job.requests()}


def _table(name: str, keys: Mapping[str, object]) -> Sequence[str]:
    return [f"[{name}]", *(f"{key} = {written(value)}" for key, value in keys.items())]
