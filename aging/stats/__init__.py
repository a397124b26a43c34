"""Trend statistics as pure functions of arrays: t in seconds, y in the indicator's unit.

A name is imported from its module when it is asked for: what needs one of them does not import scipy for all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aging.stats.growth.attribution import Attribution, attribute_growth
    from aging.stats.growth.course import Course
    from aging.stats.growth.dose_response import DoseResponse, Driver, dose_response
    from aging.stats.growth.exhaustion import Exhaustion, time_to_exhaustion
    from aging.stats.growth.exponent import Exponent, growth_exponent
    from aging.stats.growth.load_start_sensitivity import OriginRange, origin_range
    from aging.stats.growth.mechanism import growth_mechanism
    from aging.stats.growth.outlook import Outlook, outlook
    from aging.stats.growth.shape import classify_shape
    from aging.stats.growth.sustained import Growth, assess_growth
    from aging.stats.multiple.fdr import benjamini_hochberg, benjamini_yekutieli
    from aging.stats.multiple.group_sequential import look_levels
    from aging.stats.multiple.hierarchical_fdr import hierarchical_fdr, simes
    from aging.stats.multiple.pooling import Pooled, pool, stouffer
    from aging.stats.rate_test.sample_size import RequiredTime, least_limit, required_seconds
    from aging.stats.series.grid import event_grid, mean_grid, median_grid, quantile_grid, rate_cell, rate_grid
    from aging.stats.series.validation import SeriesError
    from aging.stats.series.warmup import drop_warmup, find_warmup
    from aging.stats.slope.interval import AutocorrelatedSlope, sen_slope_autocorrelated
    from aging.stats.slope.minimum_detectable import minimum_detectable
    from aging.stats.slope.sen import Slope, sen_slope
    from aging.stats.trend import Trend, trend_test
    from aging.stats.trend_tests.hamed_rao import hamed_rao
    from aging.stats.trend_tests.mann_kendall import mann_kendall
    from aging.stats.trend_tests.pre_whitening import pre_whitening
    from aging.stats.trend_tests.seasonal import seasonal
    from aging.stats.trend_tests.series_har import series_har
    from aging.stats.trend_tests.three_pw import three_pw
    from aging.stats.trend_tests.trend_free_pre_whitening import trend_free_pre_whitening
    from aging.stats.trend_tests.yue_wang import yue_wang

__all__ = [
    "Attribution",
    "AutocorrelatedSlope",
    "Course",
    "DoseResponse",
    "Driver",
    "Exhaustion",
    "Exponent",
    "Growth",
    "OriginRange",
    "Outlook",
    "Pooled",
    "RequiredTime",
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
    "least_limit",
    "look_levels",
    "mann_kendall",
    "mean_grid",
    "median_grid",
    "minimum_detectable",
    "origin_range",
    "outlook",
    "pool",
    "pre_whitening",
    "quantile_grid",
    "rate_cell",
    "rate_grid",
    "required_seconds",
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

_NAMES = {
    "growth.attribution": ("Attribution", "attribute_growth"),
    "growth.course": ("Course",),
    "growth.dose_response": ("DoseResponse", "Driver", "dose_response"),
    "growth.exhaustion": ("Exhaustion", "time_to_exhaustion"),
    "growth.exponent": ("Exponent", "growth_exponent"),
    "growth.load_start_sensitivity": ("OriginRange", "origin_range"),
    "growth.mechanism": ("growth_mechanism",),
    "growth.outlook": ("Outlook", "outlook"),
    "growth.shape": ("classify_shape",),
    "growth.sustained": ("Growth", "assess_growth"),
    "multiple.fdr": ("benjamini_hochberg", "benjamini_yekutieli"),
    "multiple.group_sequential": ("look_levels",),
    "multiple.hierarchical_fdr": ("hierarchical_fdr", "simes"),
    "multiple.pooling": ("Pooled", "pool", "stouffer"),
    "rate_test.sample_size": ("RequiredTime", "least_limit", "required_seconds"),
    "series.grid": ("event_grid", "mean_grid", "median_grid", "quantile_grid", "rate_cell", "rate_grid"),
    "series.validation": ("SeriesError",),
    "series.warmup": ("drop_warmup", "find_warmup"),
    "slope.interval": ("AutocorrelatedSlope", "sen_slope_autocorrelated"),
    "slope.minimum_detectable": ("minimum_detectable",),
    "slope.sen": ("Slope", "sen_slope"),
    "trend": ("Trend", "trend_test"),
    "trend_tests.hamed_rao": ("hamed_rao",),
    "trend_tests.mann_kendall": ("mann_kendall",),
    "trend_tests.pre_whitening": ("pre_whitening",),
    "trend_tests.seasonal": ("seasonal",),
    "trend_tests.series_har": ("series_har",),
    "trend_tests.three_pw": ("three_pw",),
    "trend_tests.trend_free_pre_whitening": ("trend_free_pre_whitening",),
    "trend_tests.yue_wang": ("yue_wang",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
