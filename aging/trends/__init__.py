"""Trend statistics as pure functions of arrays: t in seconds, y in the indicator's unit."""

from aging.trends.detectable import minimum_detectable
from aging.trends.exponent import Exponent, growth_exponent
from aging.trends.grid import median_grid, quantile_grid, rate_grid
from aging.trends.interval import AutocorrelatedSlope, sen_slope_autocorrelated
from aging.trends.multiplicity import benjamini_hochberg, benjamini_yekutieli
from aging.trends.series import SeriesError
from aging.trends.shape import classify_shape
from aging.trends.slope import Slope, sen_slope
from aging.trends.sustained import Growth, assess_growth
from aging.trends.tests.hamed_rao import hamed_rao
from aging.trends.tests.mann_kendall import mann_kendall
from aging.trends.tests.series_har import series_har
from aging.trends.trend import Trend, trend_test
from aging.trends.warmup import drop_warmup

__all__ = [
    "AutocorrelatedSlope",
    "Exponent",
    "Growth",
    "SeriesError",
    "Slope",
    "Trend",
    "assess_growth",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "classify_shape",
    "drop_warmup",
    "growth_exponent",
    "hamed_rao",
    "mann_kendall",
    "median_grid",
    "minimum_detectable",
    "quantile_grid",
    "rate_grid",
    "sen_slope",
    "sen_slope_autocorrelated",
    "series_har",
    "trend_test",
]
