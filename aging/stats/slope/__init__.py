"""Slopes: Sen's estimator, its interval, Kendall's statistics, and the algorithms behind them."""
