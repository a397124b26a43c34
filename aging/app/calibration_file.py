"""The calibration file: the ceilings of which deployments, under which load, on which host.

``FILE.calibration.json`` is kept beside ``FILE.toml``. It is valid for a campaign as long as
the fingerprint of deployments, model, load and host is the same. The fingerprint leaves
rates out, because a calibration determines them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aging.campaign.schema import Campaign
from aging.core.errors import Mistake, PreflightError
from aging.core.machine import machine
from aging.runner.manifest import resolved_load

if TYPE_CHECKING:  # it imports pandas, and every campaign asks whether its calibration belongs to it
    from aging.findings.saturation import Ceiling

SCHEMA = 1
_OF_HOST = ("name", "machine", "cores", "memory_bytes")
_NOT_OF_LOAD = ("require_calibration", "objectives")
_RATE = "rate"


def calibration_path(campaign_file: Path) -> Path:
    """The path of the calibration of a campaign file."""
    return campaign_file.with_suffix(".calibration.json")


def fingerprint(campaign: Campaign) -> str:
    """A hash of what a ceiling depends on: deployments, model, load and this host, their rates left out."""
    load = {key: value for key, value in (resolved_load(campaign.load) or {}).items() if key not in _NOT_OF_LOAD}
    known = {
        "deployments": [_without_rates(options.model_dump(mode="json")) for options in campaign.deployment],
        "model": campaign.model and campaign.model.model_dump(mode="json"),
        "load": _without_rates(load),
        "host": {key: value for key, value in machine().items() if key in _OF_HOST},
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()


def _without_rates(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_rates(inner) for key, inner in value.items() if key != _RATE}
    return [_without_rates(one) for one in value] if isinstance(value, list | tuple) else value


def calibration_content(campaign: Campaign, ceilings: Sequence[Ceiling], fraction: float) -> dict[str, Any]:
    """The content of a calibration file."""
    return {
        "schema": SCHEMA,
        "campaign": campaign.name,
        "calibrated": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": fingerprint(campaign),
        "fraction": fraction,
        "host": machine(),
        "deployments": [
            {
                "name": one.deployment,
                "rate": rate_of(one, fraction),
                "ceiling": one.rate,
                "held": one.held,
                "saturated": one.saturated,
                "steps": [asdict(step) for step in sorted(one.steps, key=lambda step: step.rate)],
            }
            for one in ceilings
        ],
    }


def rate_of(ceiling: Ceiling, fraction: float) -> float | None:
    """The rate at ``fraction`` of a ceiling, in requests per second, to four digits; None if no ceiling was found."""
    return None if ceiling.rate is None else float(f"{fraction * ceiling.rate:.4g}")


def require_calibration(campaign: Campaign, source: str) -> None:
    """Raise :class:`PreflightError` for a campaign that requires a calibration and has no valid one."""
    required = campaign.load is not None and campaign.load.require_calibration
    if required and (mistakes := list(_calibration_mistakes(campaign, source))):
        raise PreflightError(source, mistakes)


def _calibration_mistakes(campaign: Campaign, source: str) -> Iterator[Mistake]:
    path = calibration_path(Path(source))
    where, help_ = "load.require_calibration", f"run: aging calibrate {source}"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        recorded = known["fingerprint"]
        rates = {one["name"]: one["rate"] for one in known["deployments"]}
    except FileNotFoundError:
        yield Mistake(where, f"{path.name} does not exist beside the campaign file; {help_}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Mistake(where, f"{path.name} cannot be read ({type(error).__name__}); {help_}")
    else:
        if recorded != fingerprint(campaign):
            yield Mistake(where, f"{path.name} was made for other deployments, another load or another host; {help_}")
        for options in campaign.deployment:
            if rates.get(options.name) is None:
                yield Mistake(where, f"{path.name} found no ceiling of {options.name}; {help_}")
