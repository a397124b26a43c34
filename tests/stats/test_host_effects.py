"""Host as a random effect, against dense matrices and an independent implementation of one level."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chi2, norm
from scipy.stats import t as student

from aging.stats import SeriesError
from aging.stats.host_effects import Observation, host_deviations, mean_over_hosts

Solve = Callable[[float], float]


def one_cell_a_host(seed: int = 1, hosts: int = 8, spread: float = 3.0, mean: float = 10.0) -> list[Observation]:
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.5, 2, hosts)
    rates = mean + spread * rng.standard_normal(hosts) + errors * rng.standard_normal(hosts)
    return [
        Observation("a", f"h{n:02d}", float(y), float(s)) for n, (y, s) in enumerate(zip(rates, errors, strict=True))
    ]


def crossed(seed: int = 2, hosts: int = 6, cells: int = 2, host: float = 4.0) -> list[Observation]:
    rng = np.random.default_rng(seed)
    effects = host * rng.standard_normal(hosts)
    return [
        Observation(variant, f"h{n}", mean + effects[n] + 1.5 * rng.standard_normal(), float(rng.uniform(0.5, 1)))
        for n in range(hosts)
        for variant, mean in (("a", 10.0), ("b", 30.0))
        for _ in range(cells)
    ]


def bisected(function: Solve, value: float) -> float:
    low, high = 0.0, 1e6
    if function(0.0) <= value:
        return 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > value else (low, middle)
    return low


class TestMean:
    def test_against_statsmodels(self) -> None:
        from statsmodels.stats.meta_analysis import combine_effects

        seen = one_cell_a_host()
        y, s = np.array([one.rate for one in seen]), np.array([one.error for one in seen])
        known = combine_effects(y, s**2, method_re="iterated", use_t=True)
        with pytest.warns(UserWarning, match="use_t"):  # which is about the intervals of single samples
            frame = known.summary_frame()
        found = mean_over_hosts(seen)
        assert found.spread is not None
        expected = frame.loc["random effect wls"]
        assert (found.rate, found.error) == pytest.approx((expected["eff"], expected["sd_eff"]), rel=1e-4)
        assert (found.low, found.high) == pytest.approx((expected["ci_low"], expected["ci_upp"]), rel=1e-4)
        assert found.spread.host_sd**2 == pytest.approx(known.tau2, rel=1e-3)
        assert (found.spread.q, found.spread.i2) == pytest.approx((known.q, 100 * known.i2))
        assert found.spread.p == pytest.approx(chi2.sf(known.q, 7))

    def test_q_profile_by_definition(self) -> None:
        """Viechtbauer 2007, eq. 7: the limits are where the generalized Q is a quantile of chi²."""
        seen = one_cell_a_host()
        y, v = np.array([one.rate for one in seen]), np.array([one.error**2 for one in seen])

        def q(tau2: float) -> float:
            w = 1 / (v + tau2)
            return float(np.sum(w * (y - np.average(y, weights=w)) ** 2))

        spread = mean_over_hosts(seen).spread
        assert spread is not None
        low, high = bisected(q, chi2.ppf(0.975, 7)), bisected(q, chi2.ppf(0.025, 7))
        assert spread.limits == pytest.approx((math.sqrt(low), math.sqrt(high)), rel=1e-5)
        assert spread.limits is not None
        assert spread.limits[0] < spread.host_sd < spread.limits[1]

    @pytest.mark.parametrize(("apart", "has"), [(0.0, False), (0.04, False), (0.05, True), (1.0, True)])
    def test_hosts_that_are_too_alike_have_no_interval(self, apart: float, has: bool) -> None:
        """Viechtbauer 2007: where Q at 0 is below the lower quantile the interval is the null set.

        Two hosts of error 1 are then less than 0.044 apart: Q is half the square of what they differ by.
        """
        spread = mean_over_hosts([Observation("a", "g", 10.0, 1.0), Observation("a", "h", 10.0 + apart, 1.0)]).spread
        assert spread is not None
        assert spread.host_sd == 0.0
        assert spread.q == pytest.approx(apart**2 / 2)
        assert (spread.q > chi2.ppf(0.025, 1)) == has
        assert (spread.limits is not None) == has

    def test_one_host(self) -> None:
        alone = mean_over_hosts([Observation("a", "h", 3.0, 0.5)])
        assert (alone.rate, alone.error, alone.spread, alone.new_host) == (3.0, 0.5, None, None)
        assert alone.high == pytest.approx(3 + norm.ppf(0.975) * 0.5)
        assert [note.code for note in alone.notes] == ["one_host"]

    def test_two_hosts_are_wide(self) -> None:
        two = mean_over_hosts([Observation("a", "g", 10.0, 1.0), Observation("a", "h", 14.0, 1.0)])
        assert (two.freedom, two.new_host) == (1.0, None)
        assert two.high - two.rate == pytest.approx(student.ppf(0.975, 1) * 2)
        assert [note.code for note in two.notes] == ["two_hosts"]

    def test_cells_of_one_host_do_not_stand_for_hosts(self) -> None:
        """Twenty cells on each of three hosts: the error is that of three hosts, not of sixty cells."""
        rng = np.random.default_rng(3)
        levels = {"f": 80.0, "g": 100.0, "h": 120.0}
        cells = [
            Observation("a", host, y + rng.standard_normal(), 1.0) for host, y in levels.items() for _ in range(20)
        ]
        found = mean_over_hosts(cells)
        assert found.freedom == 2
        assert found.error == pytest.approx(20 / math.sqrt(3), rel=0.05)
        assert found.spread is not None
        assert found.spread.cell_sd is not None
        assert found.spread.cell_sd < 1

    def test_weights_add_up(self) -> None:
        seen = [one for one in crossed() if one.variant == "a"]
        found = mean_over_hosts(seen)
        assert sum(found.weights) == pytest.approx(1)
        assert float(np.dot(found.weights, [one.rate for one in seen])) == pytest.approx(found.rate)

    @pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
    def test_unit_does_not_matter(self, scale: float) -> None:
        seen = one_cell_a_host(mean=1000.0)
        found, plain = (
            mean_over_hosts([Observation("a", o.host, o.rate * by, o.error * by) for o in seen]) for by in (scale, 1.0)
        )
        assert found.spread is not None
        assert plain.spread is not None
        assert (found.rate, found.high) == pytest.approx((plain.rate * scale, plain.high * scale))
        assert found.spread.host_sd == pytest.approx(plain.spread.host_sd * scale, rel=1e-6)

    def test_large_rates_keep_their_differences(self) -> None:
        seen = one_cell_a_host()
        far = mean_over_hosts([Observation("a", o.host, o.rate + 1e12, o.error) for o in seen])
        near = mean_over_hosts(seen)
        assert far.spread is not None
        assert near.spread is not None
        assert far.spread.host_sd == pytest.approx(near.spread.host_sd, rel=1e-3)

    @pytest.mark.parametrize(
        "seen",
        [
            [],
            [Observation("a", "h", 1.0, 0.0)],
            [Observation("a", "h", math.nan, 1.0)],
            [Observation("a", "h", 1.0, math.inf)],
            [Observation("a", "h", 1.0, 1.0), Observation("b", "h", 1.0, 1.0)],
        ],
    )
    def test_refused(self, seen: list[Observation]) -> None:
        with pytest.raises(SeriesError):
            mean_over_hosts(seen)


class TestDeviations:
    def test_predictions_by_dense_matrices(self) -> None:
        """u = host² Z'Py with P of V = host² ZZ' + D, for the variances that solve the two moment equations."""
        seen = crossed()
        y, v = np.array([one.rate for one in seen]), np.array([one.error**2 for one in seen])
        x = np.array([[one.variant == "a", one.variant == "b"] for one in seen], dtype=float)
        z = np.array([[one.host == f"h{n}" for n in range(6)] for one in seen], dtype=float)

        def projection(covariance: np.ndarray, columns: np.ndarray) -> np.ndarray:
            inverse = np.linalg.inv(covariance)
            middle = np.linalg.pinv(columns.T @ inverse @ columns)
            return np.asarray(inverse - inverse @ columns @ middle @ columns.T @ inverse)

        def within(cell2: float) -> float:
            return float(y @ projection(np.diag(v + cell2), np.hstack([x, z])) @ y)

        cell2 = bisected(within, y.size - 7)

        def between(host2: float) -> float:
            whole = host2 * z @ z.T + np.diag(v + cell2)
            return float(y @ projection(whole, x) @ y) - within(cell2)

        host2 = bisected(between, 5)
        p = projection(host2 * z @ z.T + np.diag(v + cell2), x)
        errors = np.sqrt(np.diag(host2 * np.eye(6) - host2**2 * z.T @ p @ z))
        found = host_deviations(seen)
        assert [one.effect for one in found] == pytest.approx(host2 * z.T @ p @ y, rel=1e-4)
        reach = student.ppf(0.975, 5) * errors
        assert [one.high - one.effect for one in found] == pytest.approx(reach, rel=1e-4)

    def test_deleted_residual_by_definition(self) -> None:
        """Viechtbauer and Cheung 2010, eq. 5: (y - mean of the others) / √(s² + host² + Var(mean)), all without it."""
        seen = one_cell_a_host()
        for one, found in zip(seen, host_deviations(seen), strict=True):
            others = mean_over_hosts([other for other in seen if other is not one])
            assert others.spread is not None
            error = math.sqrt(one.error**2 + others.spread.host_sd**2 + others.error**2)
            assert found.residual == pytest.approx((one.rate - others.rate) / error)
            assert found.p == pytest.approx(2 * student.sf(abs(found.residual or 0), 6))

    def test_doubled_host_is_named(self) -> None:
        seen = [Observation("a", f"h{n}", 100.0 + 3 * (-1) ** n, 1.0) for n in range(7)]
        found = host_deviations([*seen, Observation("a", "odd", 200.0, 1.0)])
        assert [one.host for one in found if one.q is not None and one.q < 0.01] == ["odd"]

    def test_host_common_to_variants_is_named(self) -> None:
        """Half the deviation in each of two variants is named where one alone is not."""
        rng = np.random.default_rng(8)
        cells = [
            Observation(variant, f"h{n}", mean + 2.0 * rng.standard_normal() + 9.0 * (n == 0), 0.5)
            for n in range(8)
            for variant, mean in (("a", 50.0), ("b", 80.0))
        ]
        one, both = host_deviations(cells[::2])[0], host_deviations(cells)[0]
        assert both.p is not None
        assert one.p is not None
        assert both.p < one.p
        assert both.cells == 2

    def test_holm_is_more_cautious(self) -> None:
        seen = one_cell_a_host(seed=5)
        by_rate, by_family = host_deviations(seen), host_deviations(seen, "holm")
        assert all((one.q or 0) <= (other.q or 0) for one, other in zip(by_rate, by_family, strict=True))
        least = min(by_family, key=lambda one: one.p or 1)
        assert least.q == pytest.approx(min(1, 8 * (least.p or 1)))

    def test_two_hosts_cannot_judge_each_other(self) -> None:
        found = host_deviations(one_cell_a_host(hosts=2))
        assert [(one.residual, one.p, one.q) for one in found] == [(None, None, None)] * 2
        assert not host_deviations(one_cell_a_host(hosts=1))

    def test_variants_that_share_no_host(self) -> None:
        """A host is compared with those of its own variant; that of the other says nothing of it."""
        seen = [Observation("a", f"a{n}", 10.0 + n, 1.0) for n in range(4)]
        apart = [*seen, *(Observation("b", f"b{n}", 1e4 + n, 1.0) for n in range(4))]
        found = {one.host: one for one in host_deviations(apart)}
        alone = {one.host: one for one in host_deviations(seen)}
        assert found["a3"].deleted == pytest.approx(alone["a3"].deleted or 0, rel=0.05)
        lonely = host_deviations([*seen, Observation("c", "z", 5.0, 1.0)])
        assert next(one for one in lonely if one.host == "z").residual is None
