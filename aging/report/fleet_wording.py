"""A scan in words and figures: for the terminal and for the page."""

from __future__ import annotations

from collections import Counter

from aging.core import format
from aging.findings.fleet.types import Scan, ScanFinding

_DAY_HOURS, _CENTURY_HOURS = 24.0, 876_000.0
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
    return format.slope(unit(finding), finding.rate, "h", (finding.low, finding.high))


def interval(finding: ScanFinding) -> str:
    """The 95 % limits of the rate."""
    if finding.rate is None:
        return format.NONE
    return format.interval(unit(finding), (finding.low, finding.high), "h")


def level(finding: ScanFinding) -> str:
    """The last value."""
    return format.level(unit(finding), finding.level)


def reaches(finding: ScanFinding) -> str:
    """When which limit is reached at the present rate: ``16 GiB (container_spec_memory_limit_bytes) in 2.6 days``."""
    if finding.limit is None:
        return format.NONE
    if finding.verdict == "exhausted":
        return f"stands at its limit {_limit(finding)}"
    left = finding.left
    if left is None or left.hours is None:
        return format.NONE if not finding.ages else f"{_limit(finding)}: not at this rate"
    if left.hours == 0:
        return f"has reached {_limit(finding)}"
    latest = "never" if left.latest is None else _duration(left.latest)
    return f"{_limit(finding)} in {_duration(left.hours)} [{_duration(left.earliest or 0.0)}, {latest}]"


def restarts(finding: ScanFinding) -> str:
    """``6, every 2.3 days``."""
    if not finding.restarts:
        return "0"
    every = finding.restart_hours
    many = len(finding.restarts) > 1 and every is not None
    return f"{len(finding.restarts)}, every {_duration(every or 0.0)}" if many else "1"


def _limit(finding: ScanFinding) -> str:
    shown = format.level(unit(finding), finding.limit)
    return shown if finding.limit_name in (None, shown) else f"{shown} ({finding.limit_name})"


def unit(finding: ScanFinding) -> format.Unit:
    """How its values are written."""
    return format.unit_of_measure(finding.measure)


def _duration(hours: float) -> str:
    if hours > _CENTURY_HOURS:
        return "over a century"
    if hours >= 2 * _DAY_HOURS:
        return f"{hours / _DAY_HOURS:,.3g} days"
    if hours >= 2:
        return f"{hours:.3g} h"
    return f"{hours * 60:.3g} min" if hours * 60 >= 1 else f"{hours * 3600:.3g} s"
