"""A scan in words and figures: for the terminal and for the page."""

from __future__ import annotations

from collections import Counter

from aging.core import format
from aging.core.measure import Measure
from aging.findings.fleet.types import Scan, ScanFinding

_ENDINGS = {"B": "_bytes", "s": "_seconds"}
_DAY_HOURS = 24.0
_MOST_NAMED = 5


def headline(scan: Scan) -> str:
    """Who ages, in one line."""
    aging = list(dict.fromkeys(one.family for one in scan.aging))
    if not scan.findings:
        return "Nothing was judged: no known metric has series there."
    if not aging:
        undecided = sum(one.verdict == "inconclusive" for one in scan.findings)
        rest = f"; {undecided:,} of {len(scan.findings):,} series are undecided" if undecided else ""
        return f"No sign of aging in {scan.subjects:,} subjects{rest}."
    named = ", ".join(aging[:_MOST_NAMED]) + (
        f" and {len(aging) - _MOST_NAMED} more" if len(aging) > _MOST_NAMED else ""
    )
    return f"{len(aging):,} of {scan.subjects:,} subjects {'ages' if len(aging) == 1 else 'age'}: {named}"


def extent(scan: Scan) -> str:
    """What was read."""
    read = f"{len(scan.findings):,} series of {scan.subjects:,} subjects"
    length, every = _duration((scan.end - scan.start) / 3600), _duration(scan.step / 3600)
    return f"{read}, {length} until {format.utc(scan.end):%Y-%m-%d %H:%M} UTC, one value every {every}"


def counts(scan: Scan) -> str:
    """How many series have which verdict."""
    found = Counter(one.verdict for one in scan.findings)
    return ", ".join(f"{count:,} {verdict}" for verdict, count in found.most_common())


def rate(finding: ScanFinding) -> str:
    """``+1.2 MiB/h``."""
    return format.slope(_name(finding.measure), finding.rate, "h", (finding.low, finding.high))


def interval(finding: ScanFinding) -> str:
    """The 95 % limits of the rate."""
    if finding.rate is None:
        return format.NONE
    return format.interval(_name(finding.measure), (finding.low, finding.high), "h")


def level(finding: ScanFinding) -> str:
    """The last value."""
    return format.level(_name(finding.measure), finding.level)


def reaches(finding: ScanFinding) -> str:
    """When which limit is reached: ``16 GiB in 2.1 to 3.4 days (container_spec_memory_limit_bytes)``."""
    if finding.verdict == "exhausted":
        return f"stands at its limit {_limit(finding)}"
    outlook = finding.outlook
    if outlook is None or outlook.earliest_hours is None:
        return format.NONE if finding.limit is None else f"not seen to reach {_limit(finding)}"
    earliest, latest = outlook.earliest_hours, outlook.latest_hours
    if latest is None:
        return f"{_limit(finding)} in {_duration(earliest)} at the earliest"
    return f"{_limit(finding)} in {_between(earliest, latest)}"


def restarts(finding: ScanFinding) -> str:
    """``6, every 2.3 days``."""
    if not finding.restarts:
        return "0"
    every = finding.restart_hours
    many = len(finding.restarts) > 1 and every is not None
    return f"{len(finding.restarts)}, every {_duration(every or 0.0)}" if many else "1"


def _limit(finding: ScanFinding) -> str:
    limit = finding.outlook.limit if finding.outlook is not None else finding.limit
    shown = format.level(_name(finding.measure), limit)
    return (
        shown
        if finding.limit_name is None or (finding.measure.base == "" and limit == 1)
        else f"{shown} ({finding.limit_name})"
    )


def _name(measure: Measure) -> str:
    """A name whose ending says the unit, for the formatter."""
    return _ENDINGS.get(measure.base, "") + ("_total" if measure.rate else "")


def _between(earliest: float, latest: float) -> str:
    size, unit = (_DAY_HOURS, "days") if latest >= 2 * _DAY_HOURS else (1.0, "h") if latest >= 2 else (1 / 60, "min")
    first, last = f"{earliest / size:,.3g}", f"{latest / size:,.3g}"
    return f"{first} {unit}" if first == last else f"{first} to {last} {unit}"


def _duration(hours: float) -> str:
    if hours >= 2 * _DAY_HOURS:
        return f"{hours / _DAY_HOURS:,.3g} days"
    if hours >= 2:
        return f"{hours:.3g} h"
    return f"{hours * 60:.3g} min" if hours * 60 >= 1 else f"{hours * 3600:.3g} s"
