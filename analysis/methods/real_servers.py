"""Four real servers under steady load for 40 minutes, and what each method says of their memory.

Random-weight models, 2 requests a second, no errors; medians of 10 s of anonymous
memory plus swap (``tests/stats/data``), the first five minutes left out.
"""

from __future__ import annotations

import pandas as pd

from aging.stats import drop_warmup, hamed_rao, mann_kendall, series_har, trend_test
from analysis import ROOT
from analysis.methods.study import conduct

DATA = ROOT / "tests" / "stats" / "data"
SERVERS = {
    "xllamacpp-default": "llama.cpp, host prompt cache at its default",
    "xllamacpp-cacheram0": "llama.cpp, host prompt cache off",
    "hf-serve-cb": "transformers serve, continuous batching",
    "llama-cpp-python": "llama-cpp-python",
}
WARMUP_SECONDS = 300.0
_HOUR, _KIB = 3600.0, 1024.0


def row(name: str, warmup: float) -> dict[str, object]:
    """Return what each method says of one recording after ``warmup`` seconds."""
    frame = pd.read_csv(DATA / f"{name}.csv")
    t, y = drop_warmup(frame["elapsed_seconds"], frame["anon_swap_bytes"], warmup)
    trend = trend_test(t, y)
    power = trend.exponent
    return {
        "server": SERVERS[name],
        "mann_kendall_p": mann_kendall(y).p,
        "hamed_rao_p": hamed_rao(t, y).p,
        "series_har_p": series_har(y).p,
        "kib_per_hour": trend.slope * _HOUR / _KIB,
        "low": trend.low * _HOUR / _KIB,
        "high": trend.high * _HOUR / _KIB,
        "power_of_growth": "" if power is None else f"{power.b:.2f} [{power.low:.2f}, {power.high:.2f}]",
        "verdict": trend.verdict,
        "verdict_without_warmup_cut": trend_test(frame["elapsed_seconds"], frame["anon_swap_bytes"]).verdict,
    }


def measure(_full: bool) -> pd.DataFrame:
    """One row a server."""
    return pd.DataFrame([row(name, WARMUP_SECONDS) for name in SERVERS])


if __name__ == "__main__":
    conduct("real_servers", __doc__, measure)
