"""Renewal theory of rejuvenation: lifetimes, survival, the cost rate of an interval, and the interval of least cost."""
