"""The columns of a scrape: label sets, quantiles of histograms and summaries, what the names do not show."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from aging.sampling.exposition import MOST_LABEL_SETS, Columns, bucket_quantile, exposition

DATA = Path(__file__).parent / "data"


def histogram(counts: dict[str, float], labels: str = "") -> str:
    inside = f"{labels}," if labels else ""
    lines = [f'd_seconds_bucket{{{inside}le="{bound}"}} {count}' for bound, count in counts.items()]
    around = f"{{{labels}}}" if labels else ""
    return "\n".join([*lines, f"d_seconds_sum{around} 1", f"d_seconds_count{around} {counts['+Inf']}"]) + "\n"


def text(*parts: str) -> str:
    return "# TYPE d_seconds histogram\n" + "".join(parts)


def columns(state: Columns, scraped: str) -> dict[str, float]:
    return {name: value for name, value in state.of(exposition(scraped)).items() if "_p" in name}


def test_quantiles_are_of_what_came_since() -> None:
    state = Columns()
    assert columns(state, text(histogram({"0.1": 1000, "0.2": 1000, "+Inf": 1000}))) == {}
    later = columns(state, text(histogram({"0.1": 1010, "0.2": 1040, "+Inf": 1040})))
    assert later == pytest.approx({"engine_d_p50_seconds": 0.1 + 0.1 * 10 / 30, "engine_d_p95_seconds": 0.2 - 0.2 / 30})


def test_few_observations_are_gathered() -> None:
    state = Columns()
    for count in (0, 8, 16):
        assert columns(state, text(histogram({"0.1": 0, "0.2": count, "+Inf": count}))) == {}
    found = columns(state, text(histogram({"0.1": 0, "0.2": 24, "+Inf": 24})))
    assert found["engine_d_p50_seconds"] == pytest.approx(0.15)


def test_a_reset_begins_anew() -> None:
    state = Columns()
    columns(state, text(histogram({"0.1": 500, "+Inf": 500})))
    assert columns(state, text(histogram({"0.1": 30, "+Inf": 30}))) == {}
    assert columns(state, text(histogram({"0.1": 60, "+Inf": 60}))) != {}


def test_label_sets_of_a_histogram_and_their_sum() -> None:
    state = Columns()
    for count in (0, 40):
        found = columns(
            state,
            text(
                histogram({"0.1": count, "0.2": count, "+Inf": count}, 'path="/a"'),
                histogram({"0.1": 0, "0.2": count, "+Inf": count}, 'path="/b"'),
            ),
        )
    assert found['engine_d_p50_seconds{path="/a"}'] == pytest.approx(0.05)
    assert found['engine_d_p50_seconds{path="/b"}'] == pytest.approx(0.15)
    assert found["engine_d_p50_seconds"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("buckets", "q", "value"),
    [
        ({1.0: 10.0, math.inf: 10.0}, 0.5, 0.5),
        ({1.0: 0.0, math.inf: 10.0}, 0.5, 1.0),
        ({math.inf: 10.0}, 0.5, None),
        ({1.0: 0.0, math.inf: 0.0}, 0.5, None),
        ({-1.0: 10.0, 1.0: 10.0, math.inf: 10.0}, 0.9, -1.0),
    ],
)
def test_bucket_quantile(buckets: dict[float, float], q: float, value: float | None) -> None:
    assert bucket_quantile(buckets, q) == value


def test_many_label_sets_are_summed() -> None:
    lines = [f'jobs{{user="{number}"}} 1\n' for number in range(100)]
    state = Columns()
    found = state.of(exposition("# TYPE jobs gauge\n" + "".join(lines)))
    assert len(found) == MOST_LABEL_SETS + 1
    assert found["engine_jobs{others}"] == 100 - MOST_LABEL_SETS
    described = state.described(exposition("# TYPE jobs gauge\n" + "".join(lines)), 0.0)
    assert described is not None
    assert json.loads(described)["summed"] == {"engine_jobs": 100 - MOST_LABEL_SETS}
    again = state.of(exposition("# TYPE jobs gauge\n" + "".join(reversed(lines))))
    assert again == found, "the same label sets keep their columns"


def test_the_columns_of_an_endpoint_are_bounded() -> None:
    lines = [f'm{metric}{{user="{number}"}} 1\n' for metric in range(50) for number in range(60)]
    found = Columns().of(exposition("".join(lines)))
    assert 960 <= len(found) <= 1024 + 50


def test_declared_types_that_the_names_do_not_show() -> None:
    scraped = exposition("# TYPE a counter\na 1\n# TYPE b_total gauge\nb_total 2\n")
    state = Columns()
    assert list(scraped.values) == ["a_total", "b_total"], "every counter's name ends in _total"
    first = state.described(scraped, 0.0)
    assert first is not None
    assert json.loads(first) == {"gauges": ["engine_b_total"]}
    assert state.described(scraped, 10.0) is None
    assert state.described(scraped, 601.0) == first


def test_real_engines_have_few_columns() -> None:
    for name in ("vllm-0.32.0", "llama-cpp-2026.10.11549", "triton-2.51.0"):
        scraped = exposition((DATA / f"{name}.txt").read_text())
        assert len(Columns().of(scraped)) < len(scraped.samples), name
