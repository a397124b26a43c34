"""A scan in words and figures: for the terminal and for the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from aging.core import format
from aging.findings.fleet.types import Scan, ScanFinding
from aging.findings.types import Outlook
from aging.stats.trend import LEAST

_DAY_HOURS, _CENTURY_HOURS = 24.0, 876_000.0
_MOST_NAMED = 5
_MANY_RESTARTS = 3
_TOLD = ("since_restart", "origin_sensitive", "may_still_fill")
"""Notes without which the verdict is taken for more than it is."""


def headline(scan: Scan) -> str:
    """Who ages, in one line."""
    named: dict[str, str] = {}
    for one in scan.aging:
        named.setdefault(one.family, one.subject)
    aging = list(named.values())
    if not scan.findings:
        return "Nothing was judged: no known metric has series there. aging scan --catalogue FILE adds metrics."
    if aging:
        rest = f" and {len(aging) - _MOST_NAMED} more" if len(aging) > _MOST_NAMED else ""
        verb = "ages" if len(aging) == 1 else "age"
        return f"{len(aging):,} of {_subjects(scan)} {verb}: {', '.join(aging[:_MOST_NAMED])}{rest}"
    undecided = sum(one.verdict == "inconclusive" for one in scan.findings)
    if undecided == len(scan.findings):
        return f"Nothing was decided of {_subjects(scan)}. {_too_short(scan)}".rstrip()
    rest = f"; {undecided:,} of {len(scan.findings):,} series are undecided" if undecided else ""
    return f"No sign of aging in {_subjects(scan)}{rest}."


def _subjects(scan: Scan) -> str:
    return "1 subject" if scan.subjects == 1 else f"{scan.subjects:,} subjects"


def _too_short(scan: Scan) -> str:
    """How much is missing where no series has enough values."""
    most = max(one.samples for one in scan.findings)
    if most >= LEAST:
        return ""
    every, missing = _duration(scan.step / 3600), _duration((LEAST - most) * scan.step / 3600)
    return f"The longest series has {most} values, one every {every}; {LEAST} are needed: scan again in {missing}."


def extent(scan: Scan) -> str:
    """What was read."""
    read = f"{len(scan.findings):,} series of {_subjects(scan)}"
    seconds, shorter, every = scan.end - scan.start, "", _duration(scan.step / 3600)
    if scan.asked_seconds is not None and scan.findings:
        seconds = max(one.last for one in scan.findings) - min(one.first for one in scan.findings)
        shorter = f" (of {_duration(scan.asked_seconds / 3600)}: no series is older)"
    length = _duration(seconds / 3600)
    return f"{read}, {length}{shorter} until {format.utc(scan.end):%Y-%m-%d %H:%M} UTC, one value every {every}"


def beside(scan: Scan) -> Iterator[tuple[str, Sequence[ScanFinding]]]:
    """What does not age and still deserves a look: titles with findings."""
    others = [one for one in scan.findings if not one.ages]
    grows = [one for one in others if one.verdict == "inconclusive" and _grows(one, scan.level)]
    stands = [one for one in others if one.verdict == "capped"]
    told = {id(one) for one in (*grows, *stands)}
    restarted = [one for one in others if len(one.restarts) >= _MANY_RESTARTS and id(one) not in told]
    for title, found in (
        ("It grows, and the data cannot tell whether it goes on", grows),
        ("It grew until it stood still at its maximum", stands),
        ("It does not age, but restarts often", restarted),
    ):
        if found:
            yield title, found


def _grows(finding: ScanFinding, level: float) -> bool:
    worst = finding.high if finding.worse == "down" else finding.low
    significant = finding.q is not None and finding.q <= level
    return significant and worst is not None and (worst < 0 if finding.worse == "down" else worst > 0)


def counts(scan: Scan) -> str:
    """How many series have which verdict."""
    found = Counter(one.verdict for one in scan.findings)
    return ", ".join(f"{count:,} {verdict}" for verdict, count in found.most_common())


def rate(finding: ScanFinding) -> str:
    """``+1.2 MiB/h``."""
    return format.bounded(unit(finding), finding.rate, (finding.low, finding.high), "h")[0]


def interval(finding: ScanFinding) -> str:
    """The 95 % limits of the rate."""
    if finding.rate is None:
        return format.NONE
    return format.bounded(unit(finding), finding.rate, (finding.low, finding.high), "h")[1]


def sentence(finding: ScanFinding) -> str:
    """Everything that is known of a finding beside its verdict, with its numbers."""
    parts = []
    if finding.rate is not None and (finding.rate or finding.ages):
        limits = interval(finding).replace(" to ", ", ")
        parts.append(f"{rate(finding)} [{limits}]")
    parts.append(f"now {level(finding)}")
    if (reached := reaches(finding)) != format.NONE:
        parts.append(reached)
    if finding.restarts:
        parts.append(f"restarts: {restarts(finding)}")
    told = [str(note) for note in finding.notes if note.code in _TOLD]
    return "; ".join(parts) + (f". {' '.join(told)}" if told else "")


def level(finding: ScanFinding) -> str:
    """The last value."""
    return format.level(unit(finding), finding.level)


def reaches(finding: ScanFinding) -> str:
    """When which limit is reached: ``reaches 16 GiB (container_spec_memory_limit_bytes) in 2.4 days to 2.9 days``."""
    if finding.limit is None:
        return format.NONE
    if finding.verdict == "exhausted":
        return f"stands at its limit {_limit(finding)}"
    return format.NONE if finding.outlook is None else _when(finding, finding.outlook)


def _when(finding: ScanFinding, outlook: Outlook) -> str:
    if outlook.left == 0:
        return f"has reached {_limit(finding)}"
    earliest, latest = outlook.earliest_hours, outlook.latest_hours
    if earliest is None:
        return f"does not reach {_limit(finding)} at this rate"
    if latest is None:
        return f"reaches {_limit(finding)} in {_duration(earliest)} at the earliest"
    return f"reaches {_limit(finding)} in {_duration(earliest)} to {_duration(latest)}"


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
