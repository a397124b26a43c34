"""What the instrument costs, each figure beside the simplest thing that could do the same: ``make bench``.

Prints one Markdown table, in about half an hour; ``python -m analysis.benchmarks append start`` only these parts of
it. Figures and ratios come from the same run, medians of at least five repeats, the two sides of a ratio taken in turn.
Costs are CPU time, start times and lateness wall time; ``make bench`` allows numpy one thread, as commands that analyze
do. It judges nothing: what the figures mean is in ``docs/measurement.md`` and, of the statistics, ``docs/methods.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Iterator, Mapping

from analysis.benchmarks import (
    guard,
    http_clients,
    load,
    load_client,
    observer,
    report,
    samplers,
    schedule,
    startup,
    stats,
    store,
)
from analysis.benchmarks.figures import Line

PARTS: Mapping[str, Callable[[], Iterator[Line]]] = {
    part.__name__: part
    for part in (
        samplers.process_tick,
        samplers.memory_by_kinds,
        samplers.disturbance,
        store.append,
        store.seal_an_hour,
        store.nine_days,
        stats.trends,
        stats.sorts,
        stats.campaign,
        report.report,
        startup.start,
        observer.observer,
        guard.guard,
        guard.guard_month,
        schedule.schedules,
        load.load_client,
        load.verification,
        load_client.transports,
        http_clients.tools,
    )
}


def main() -> None:
    """Print the table, each part as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"default: all of {', '.join(PARTS)}")
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := [name for name in parts if name not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    average = " ".join(f"{each:.2f}" for each in os.getloadavg())
    print(
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load average before: {average}\n"
    )
    print(f"| {'what':<61} | {'median':>7} | {'unit':<14} | {'ratio':>6} | {'to':<46} |")
    print(f"|{'-' * 63}|{'-' * 8}:|{'-' * 16}|{'-' * 7}:|{'-' * 48}|")
    for name in parts:
        for line in PARTS[name]():
            print(line, flush=True)


if __name__ == "__main__":
    main()
