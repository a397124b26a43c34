"""Trend statistics as pure functions of arrays: t in seconds, y in the indicator's unit."""

from aging.trends.attribution import Attribution, attribute_growth
from aging.trends.detectable import minimum_detectable
from aging.trends.dose import DoseResponse, Driver, dose_response
from aging.trends.exhaustion import Exhaustion, time_to_exhaustion
from aging.trends.exponent import Exponent, growth_exponent
from aging.trends.grid import event_grid, mean_grid, median_grid, quantile_grid, rate_grid
from aging.trends.hierarchy import hierarchical_fdr, simes
from aging.trends.interval import AutocorrelatedSlope, sen_slope_autocorrelated
from aging.trends.mechanism import growth_mechanism
from aging.trends.multiplicity import benjamini_hochberg, benjamini_yekutieli
from aging.trends.origin import OriginRange, origin_range
from aging.trends.pooling import Pooled, pool, stouffer
from aging.trends.sequential import look_levels
from aging.trends.series import SeriesError
from aging.trends.shape import classify_shape
from aging.trends.slope import Slope, sen_slope
from aging.trends.sustained import Growth, assess_growth
from aging.trends.tests.hamed_rao import hamed_rao
from aging.trends.tests.mann_kendall import mann_kendall
from aging.trends.tests.pre_whitening import pre_whitening
from aging.trends.tests.seasonal import seasonal
from aging.trends.tests.series_har import series_har
from aging.trends.tests.three_pw import three_pw
from aging.trends.tests.trend_free_pre_whitening import trend_free_pre_whitening
from aging.trends.tests.yue_wang import yue_wang
from aging.trends.trend import Trend, trend_test
from aging.trends.warmup import drop_warmup, find_warmup

__all__ = [
    "Attribution",
    "AutocorrelatedSlope",
    "DoseResponse",
    "Driver",
    "Exhaustion",
    "Exponent",
    "Growth",
    "OriginRange",
    "Pooled",
    "SeriesError",
    "Slope",
    "Trend",
    "assess_growth",
    "attribute_growth",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "classify_shape",
    "dose_response",
    "drop_warmup",
    "event_grid",
    "find_warmup",
    "growth_exponent",
    "growth_mechanism",
    "hamed_rao",
    "hierarchical_fdr",
    "look_levels",
    "mann_kendall",
    "mean_grid",
    "median_grid",
    "minimum_detectable",
    "origin_range",
    "pool",
    "pre_whitening",
    "quantile_grid",
    "rate_grid",
    "seasonal",
    "sen_slope",
    "sen_slope_autocorrelated",
    "series_har",
    "simes",
    "stouffer",
    "three_pw",
    "time_to_exhaustion",
    "trend_free_pre_whitening",
    "trend_test",
    "yue_wang",
]
