"""How many points a statistic needs, for those who ask before there is a series, and do without numpy."""

LEAST_FOR_INTERVAL = 12
"""Points that an interval of a slope needs."""
