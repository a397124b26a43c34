"""The one definition of each latency. Its base is always named: a queue in the client counts in one and not in
the other.

- TTFT: to the first token of an answer that is streamed.
- TPOT: (last token − first token) / (tokens − 1), as in DistServe and in vLLM's benchmark; it has no base.
- E2E: to the last token.
- lateness: how long after it was due a request was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from aging.core.records import CHOICES

if TYPE_CHECKING:
    import pandas as pd

Base = Literal["sent", "scheduled", "waited"]
"""``sent``: the server's part alone. ``scheduled``: from when the request was due, the client's queue included.
``waited``: from when it was sent, or due where a rejuvenation held it back, since users wait for that, too."""

SINCE: Mapping[Base, str] = {
    "sent": "since it was sent",
    "scheduled": "since it was due",
    "waited": "since it was sent, or due where a rejuvenation held it back",
}
"""A base in words, of a request."""

_LATE_QUANTILE = 0.99


def latencies(requests: pd.DataFrame, base: Base) -> pd.DataFrame:
    """TTFT, TPOT, E2E and longest stall of every request, in seconds, on the index of ``requests``.

    NaN where a request has no such latency: it was not answered, not streamed, or has one token.
    """
    import numpy as np  # noqa: PLC0415 - the live view takes a record at a time, and must do without
    import pandas as pd  # noqa: PLC0415

    if requests.empty:  # without columns where no file can be read
        return pd.DataFrame(columns=["ttft", "tpot", "e2e", "stall"], index=requests.index, dtype=np.float64)
    since = _beginning(requests, base)
    answered = requests["status"] == "ok"
    streamed = answered & requests["streaming"].astype(bool) & requests["first_token"].notna()
    tokens = _tokens_of_one_answer(requests)
    gaps = (requests["last_token"] - requests["first_token"]) / (tokens - 1).where(tokens > 1)
    stall = requests["stall"] if "stall" in requests else pd.Series(np.nan, requests.index)
    return pd.DataFrame(
        {
            "ttft": (requests["first_token"] - since).where(streamed),
            "tpot": gaps.where(streamed),
            "e2e": (requests["last_token"] - since).where(answered),
            "stall": stall.where(streamed),
        }
    ).astype(np.float64)


def time_to_first_token(record: Mapping[str, Any], base: Literal["sent", "scheduled"]) -> float | None:
    """TTFT of one record, in seconds; None where it has none, as in :func:`latencies`."""
    if record.get("status") != "ok" or not record.get("streaming") or record.get("first_token") is None:
        return None
    return float(record["first_token"] - record[base])


def lateness(requests: pd.DataFrame) -> float:
    """The 99th percentile of the requests' lateness, in seconds; those held back by a rejuvenation are left out.

    0 where no request was sent.
    """
    import numpy as np  # noqa: PLC0415 - as above

    if requests.empty:
        return 0.0
    prompt = requests[requests["sent"].notna() & ~requests["held"].astype(bool)]
    return float(np.quantile(prompt["sent"] - prompt["scheduled"], _LATE_QUANTILE)) if len(prompt) else 0.0


def _beginning(requests: pd.DataFrame, base: Base) -> pd.Series:
    if base == "waited":
        return requests["sent"].where(~requests["held"].astype(bool), requests["scheduled"])
    return requests[base]


def _tokens_of_one_answer(requests: pd.DataFrame) -> pd.Series:
    """Output tokens; of a request for several answers those of one.

    Usage counts the tokens of all answers (vLLM) or of one (llama.cpp); no answer has more than the request allows.
    """
    tokens = requests["output_tokens"]
    if "options" not in requests:
        return tokens
    chosen = [one for one in requests["options"].dropna().unique() if "n" in one.split("+")]
    if not chosen:
        return tokens
    several = requests["options"].isin(chosen)
    return tokens.where(~(several & (tokens > requests["output_tokens_asked"])), tokens / CHOICES)
