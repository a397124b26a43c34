"""Unit words: the measure that a word beside a number, or in a column's name, stands for.

Conventions (docs/tables.md has them for users): ``GB`` is 10⁹ bytes, ``GiB`` and ``Gi`` are 2³⁰, and so is the single
letter ``g`` or ``G`` of ps, top, free and du. ``kB`` is 1024 bytes, as the kernel and its tools write it, but 1000
beside ``MB`` or ``GB``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from aging.core.measure import PLAIN, Base, Measure

_POWERS = {letter: power for power, letter in enumerate("kmgtp", start=1)}
_PREFIXES = {"kilo": 1, "mega": 2, "giga": 3, "tera": 4, "kibi": 1, "mebi": 2, "gibi": 3, "tebi": 4}
_BYTES = re.compile(r"([kmgtp])(i?)(b|bytes?)|([kmgtp])i|(kilo|mega|giga|tera|kibi|mebi|gibi|tebi)(bytes?)|(b|bytes?)")
_SECONDS = {
    **dict.fromkeys(("ns", "nsec", "nanos", "nano", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "μs", "usec", "micros", "micro", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milli", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}
_PERCENT = {"%", "percent", "pct", "perc", "percentage"}
_CORES = {
    **dict.fromkeys(("core", "cores", "cpu", "cpus", "vcpu", "vcpus"), 1.0),
    **dict.fromkeys(("mcpu", "mcores", "millicore", "millicores", "millicpu"), 1e-3),
}
_RATE = re.compile(r"(.+?)\s*(?:/\s*s(?:ec(?:ond)?)?|per[ _]?s(?:ec(?:ond)?)?)", re.IGNORECASE)
_BITS = re.compile(r"[kmgt]?(?:bit|bits|bps)|[kmgt]bit", re.IGNORECASE)
_CANONICAL = {"kb": "kB", "mb": "MB", "gb": "GB", "tb": "TB", "pb": "PB", "kib": "KiB", "mib": "MiB", "gib": "GiB"}
_CANONICAL |= {"tib": "TiB", "pib": "PiB", "b": "B", "byte": "B", "bytes": "B", "percent": "%", "pct": "%"}
_CANONICAL |= {"sec": "s", "secs": "s", "second": "s", "seconds": "s", "hours": "h", "hour": "h", "days": "d"}
_CANONICAL |= {"minute": "min", "minutes": "min", "mins": "min", "kbytes": "kB", "mbytes": "MB", "gbytes": "GB"}
KIB = 1024.0


class UnitError(ValueError):
    """Units that cannot be put together, or one that could be several; the message is a clause."""


def seconds_of_unit(word: str) -> float | None:
    """Seconds of a unit of time: ``ms``, ``min``, ``hours``; ``m`` stands for minutes."""
    return 60.0 if word == "m" else _SECONDS.get(word.lower())


def unit_in_name(word: str) -> Measure | None:
    """The measure of a unit word that stands in a column's name; ``kB`` is 1024 bytes there."""
    rate = _RATE.fullmatch(word)
    bare = rate[1] if rate else word
    low = bare.lower()
    if _BITS.fullmatch(bare) and low != "b":
        return Measure("", word)
    options = {base: factor for base, factor in _options(bare).items() if base}
    if len(low) == 1 and low not in "bs%":
        return None
    if len(options) != 1:
        return None
    base, factor = next(iter(options.items()))
    return Measure(base, _CANONICAL.get(low, bare), factor, rate is not None)


def resolved(words: Iterable[str], hint: Base | None, *, decimal: bool = False) -> Mapping[str, Measure]:
    """The measure of each unit word of one column, all of one base; ``hint`` is the base that its name suggests.

    ``decimal``: its ``kB`` is 1000 bytes whatever stands beside it. Raises UnitError.
    """
    spelled = sorted(set(words))
    rates = {word: _RATE.fullmatch(word) for word in spelled}
    if len(spelled) == 1 and (_BITS.fullmatch(spelled[0]) or not _options(_bare(spelled[0]))):
        return {spelled[0]: Measure("", spelled[0])}
    if any(rates.values()) and not all(rates.values()):
        raise UnitError(f"holds {_listed(spelled)}, which are a size and a speed")
    offered = {word: _options(_bare(word)) for word in spelled}
    unknown = [word for word, options in offered.items() if not options]
    if unknown:
        raise UnitError(f"holds {_listed(spelled)}; {unknown[0]!r} is no unit that can be converted")
    common = set.intersection(*(set(options) for options in offered.values()))
    base = _base(common, spelled, hint)
    decimal = decimal or any(word.lower() in {"mb", "gb", "tb", "b"} for word in map(_bare, spelled))
    factors = {word: offered[word][base] for word in spelled}
    if base == "B" and decimal:
        factors |= {word: 1000.0 for word in spelled if _bare(word).lower() == "kb"}
    rate = bool(spelled) and all(rates.values())
    return {word: Measure(base, word if base else "", factors[word], rate) for word in spelled}


def _bare(word: str) -> str:
    rate = _RATE.fullmatch(word)
    return rate[1] if rate else word


def _base(common: set[Base], spelled: list[str], hint: Base | None) -> Base:
    if hint in common and hint is not None:
        return hint
    if not common:
        raise UnitError(f"mixes {_listed(spelled)}, which do not measure the same")
    if len(common) == 1:
        return next(iter(common))
    if spelled == ["m"]:
        raise UnitError(
            "holds values like 12m, which are thousandths of a CPU, MiB or minutes; name the column cpu, mem or time"
        )
    return next(base for base in ("B", "s", "CPU", "%", "") if base in common)


def _listed(words: list[str]) -> str:
    shown = ", ".join(map(repr, words[:4]))
    return f"the units {shown}{', …' if len(words) > 4 else ''}" if len(words) > 1 else f"the unit {shown}"


def _options(word: str) -> dict[Base, float]:
    """What a word may stand for: the factor by base. Empty for an unknown word."""
    low = word.lower().rstrip(".")
    options: dict[Base, float] = {}
    if (size := _size(low)) is not None:
        options["B"] = size
    if word == "m":
        options |= {"s": 60.0, "CPU": 1e-3}
    elif low in _SECONDS and not (len(low) == 1 and word.isupper()):
        options["s"] = _SECONDS[low]
    if low in _PERCENT:
        options["%"] = 1.0
    if low in _CORES:
        options["CPU"] = _CORES[low]
    if word in ("u", "n"):
        options["CPU"] = {"u": 1e-6, "n": 1e-9}[word]
    if word in ("k", "K", "M", "G"):
        options[""] = 1e3 ** _POWERS[low]
    return options


def _size(low: str) -> float | None:
    if low in _POWERS:
        return KIB ** _POWERS[low]
    match = _BYTES.fullmatch(low)
    if match is None:
        return None
    if match[7]:
        return 1.0
    if match[5]:
        binary = match[5].endswith("bi")
        return (KIB if binary else 1000.0) ** _PREFIXES[match[5]]
    power = _POWERS[match[1] or match[4]]
    binary = bool(match[2] or match[4]) or power == 1
    return (KIB if binary else 1000.0) ** power


def joined(measures: Iterable[Measure]) -> Measure:
    """The measure of a column whose cells have these, one each: its unit where all share it."""
    distinct = set(measures)
    if not distinct:
        return PLAIN
    if len(distinct) == 1:
        return next(iter(distinct))
    one = next(iter(distinct))
    return Measure(one.base, "", 1.0, one.rate)
