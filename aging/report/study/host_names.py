"""Names of hosts as a reader tells them apart: without the domain that all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def short_names(hosts: Iterable[str]) -> Mapping[str, str]:
    """Each host's name without the labels at its end that all have; whole where there is one host.

    >>> short_names(["n1.example.org", "n2.example.org"])
    {'n1.example.org': 'n1', 'n2.example.org': 'n2'}
    >>> short_names(["10.0.0.1", "10.0.1.1"])
    {'10.0.0.1': '10.0.0.1', '10.0.1.1': '10.0.1.1'}
    """
    names = list(dict.fromkeys(hosts))
    labels = [name.split(".") for name in names]
    shared = 0
    while len(names) > 1 and all(len(one) > shared + 1 for one in labels):
        ends = {one[-1 - shared] for one in labels}
        if len(ends) > 1 or next(iter(ends)).isdigit():
            break
        shared += 1
    return {name: ".".join(one[: len(one) - shared]) for name, one in zip(names, labels, strict=True)}
