"""Rates are written into the text of a campaign file without other changes."""

from __future__ import annotations

import tomllib

import pytest

from aging.campaign.rates import with_rates
from aging.core.errors import AgingError

FILE = """\
name = "f"   # kept
[load]
arrivals = { kind = "poisson", rate = 1.0 }

  [[deployment]]
  name = "one" # the first
  kind = "reference"
  port = 18001

# about the second
[[deployment]]
kind = "reference"
rate = 3.0 # as it was
name = "two"
rate_of_nothing = 1
[deployment.env]
rate = "x"
"""


def test_rate_inserted_or_replaced() -> None:
    expected = FILE.replace("# the first\n", "# the first\n  rate = 2.5 # 85 %\n").replace(
        "rate = 3.0 # as it was", "rate = 0.25 # 85 %"
    )
    assert with_rates(FILE, {"one": 2.5, "two": 0.25}, "85 %") == expected


def test_other_deployment_is_unchanged() -> None:
    assert with_rates(FILE, {"two": 3.0}, "as it was") == FILE


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        (
            'deployment = [\n  # both\n  { name = "one" }, # a\n  { name = "two", rate = 3.0, port = 1 },\n]\n',
            'deployment = [\n  # both\n  { name = "one", rate = 2.5}, # a\n'
            '  { name = "two", rate = 9.0, port = 1 },\n]\n',
        ),
        (
            "[[ 'deployment' ]]\r\n'name' = 'one'\r\n[[ 'deployment' ]]\r\nname = 'two'\r\n",
            "[[ 'deployment' ]]\r\n'name' = 'one'\r\nrate = 2.5 # x\n"
            "[[ 'deployment' ]]\r\nname = 'two'\r\nrate = 9.0 # x\n",
        ),
    ],
)
def test_toml_variants(text: str, filled: str) -> None:
    assert with_rates(text, {"one": 2.5, "two": 9.0}, "x") == filled
    assert [table["rate"] for table in tomllib.loads(filled)["deployment"]] == [2.5, 9.0]


@pytest.mark.parametrize(
    "text",
    [
        '[[deployment]]\nname = "one"\n[load]\nkind = "none"\n[[deployment]]\nname = "two"\n',  # tomlkit reorders it
        '[[deployment]]\nname = "two"',  # without a line end
    ],
)
def test_unpreservable_file(text: str) -> None:
    with pytest.raises(AgingError, match="by hand: two: rate = 9"):
        with_rates(text, {"two": 9.0}, "x")
