"""The queries of a scan: selectors, batches, PromQL."""

from __future__ import annotations

import re

import pytest

from aging.core.errors import AgingError
from aging.core.measure import Measure
from aging.findings.fleet.catalogue import Entry
from aging.findings.fleet.questions import MOST_VALUES, Part, Selector, any_of, parts, promql


@pytest.mark.parametrize(
    ("text", "name", "matchers"),
    [
        ('{namespace="llm"}', "", 'namespace="llm"'),
        ("process_open_fds", "process_open_fds", ""),
        (' vllm:x{a="b", c=~"d|e",} ', "vllm:x", 'a="b", c=~"d|e"'),
    ],
)
def test_selector(text: str, name: str, matchers: str) -> None:
    assert Selector.of(text) == Selector(name, matchers)


@pytest.mark.parametrize("text", ["", "{}", "rate(x[5m])", "a b", '{a="b"'])
def test_no_selector(text: str) -> None:
    with pytest.raises(AgingError, match="--match"):
        Selector.of(text)


class TestParts:
    def test_all_series_in_bounded_parts(self) -> None:
        labels = [{"__name__": "x", "instance": f"h:{k}", "job": "a"} for k in range(500)]
        found = parts(("",), labels, 4032)
        assert sum(part.series for part in found) == 500
        assert all(part.series * 4032 <= MOST_VALUES for part in found)
        values = [value for part in found for value in part.values]
        assert sorted(values) == sorted({one["instance"] for one in labels})

    def test_few_series_are_one_query(self) -> None:
        (part,) = parts(('a="b"',), [{"__name__": "x", "a": "b"}], 4032)
        assert part.selector("x") == 'x{a="b"}'

    def test_values_are_literal(self) -> None:
        awkward = ['a.b|c"d\\e', "plain"]
        (part,) = parts((), [{"name": value} for value in awkward], 10)
        found = re.fullmatch(r'x\{name=~"(.*)"\}', part.selector("x"))
        assert found is not None
        pattern = found[1].replace("\\\\", "\\").replace('\\"', '"')
        assert all(re.fullmatch(pattern, value) for value in awkward)
        assert not re.fullmatch(pattern, 'aXb|c"d\\e')

    def test_halves_are_the_whole(self) -> None:
        part = Part((), "a", ("1", "2", "3"), 9)
        first, second = part.halves()
        assert first.values + second.values == part.values
        assert first.series + second.series == 9
        assert Part((), "a", ("1",), 1).halves() == ()


class TestPromql:
    PART = Part(('job="a"',))

    def test_gauge(self) -> None:
        assert promql(Entry("x", ""), self.PART, 300, 15) == 'x{job="a"}'

    def test_counter(self) -> None:
        assert promql(Entry("x_total", "", "counter"), self.PART, 15, 15) == 'rate(x_total{job="a"}[60s])'

    def test_mean(self) -> None:
        entry = Entry("x", "", "mean", Measure("s"), sums="x_sum", counts="x_count", without=("path",))
        assert promql(entry, self.PART, 300, 15) == (
            'sum without (path) (rate(x_sum{job="a"}[300s])) / sum without (path) (rate(x_count{job="a"}[300s]))'
        )

    def test_quantile(self) -> None:
        entry = Entry("x", "", "quantile", without=("le", "path"))
        assert promql(entry, self.PART, 300, None) == (
            'histogram_quantile(0.95, sum without (path) (rate(x_bucket{job="a"}[300s])))'
        )


def test_selector_of_another_metric_does_not_fit() -> None:
    chosen = (Selector("y", ""), Selector("", 'job="a"'))
    assert any_of(chosen, Entry("x", "", where=('c!=""', 'd!=""'))) == [('job="a"', 'c!=""'), ('job="a"', 'd!=""')]
