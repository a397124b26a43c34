"""Which `[rejuvenation]` table applies to which deployment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aging.campaign.errors import suggestion
from aging.campaign.schema import Campaign, RejuvenationOptions, SubjectOptions
from aging.core.errors import Mistake, MistakeCode


def table_of(tables: Sequence[RejuvenationOptions], options: SubjectOptions) -> RejuvenationOptions | None:
    """The table that applies to a deployment: the one it names, else the first that lists it or lists none."""
    if options.rejuvenation is not None:
        return next((table for table in tables if table.label == options.rejuvenation), None)
    return next((table for table in tables if not table.deployments or options.name in table.deployments), None)


def rejuvenated(campaign: Campaign) -> dict[str, RejuvenationOptions]:
    """The table of every deployment that has one, by the deployment's name."""
    found = {options.name: table_of(campaign.rejuvenation, options) for options in campaign.deployment}
    return {name: table for name, table in found.items() if table is not None}


def rejuvenation_mistakes(
    tables: Sequence[RejuvenationOptions], deployments: Sequence[SubjectOptions]
) -> Iterator[Mistake]:
    """Mistakes of the tables together with the deployments."""
    labels = [table.label for table in tables]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        what = f"{label!r} is used {labels.count(label)} times; give each table a name of its own"
        yield Mistake("rejuvenation.name", what, MistakeCode.DUPLICATE_NAME)
    for options in deployments:
        if options.rejuvenation is not None and options.rejuvenation not in labels:
            what = (
                f"no [rejuvenation] table is named {options.rejuvenation!r}; {suggestion(options.rejuvenation, labels)}"
            )
            yield Mistake(f"deployment[{options.name}].rejuvenation", what, MistakeCode.UNKNOWN_NAME)
        table = table_of(tables, options)
        if table is not None and not options.owned and table.action in ("restart", "replace"):
            yield Mistake(
                "rejuvenation.deployments",
                f"the campaign does not start {options.name}, so it cannot restart it; name only other deployments, "
                'or use action = "external"',
                MistakeCode.CONFLICT,
            )
