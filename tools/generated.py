"""Every document that is made from the code, and what makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tools import (
    api_reference,
    campaign_reference,
    command_reference,
    documentation,
    event_reference,
    exit_code_reference,
    format_reference,
    json_schemas,
    metric_reference,
    row_reference,
    study_reference,
)

ROOT = Path(__file__).resolve().parent.parent

GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/api-reference.md": api_reference.page,
    "docs/commands.md": command_reference.page,
    "docs/index.md": documentation.index_page,
    "docs/llms.txt": documentation.llms_page,
    "docs/campaign.md": campaign_reference.page,
    "docs/study.md": study_reference.page,
    "docs/events.md": event_reference.page,
    "docs/indicators.md": metric_reference.page,
    "docs/rows.md": row_reference.page,
    "docs/exit-codes.md": exit_code_reference.page,
    "docs/formats.md": format_reference.page,
    "docs/schemas/campaign.schema.json": json_schemas.campaign_schema,
    "docs/schemas/study.schema.json": json_schemas.study_schema,
    "docs/schemas/findings.schema.json": json_schemas.findings_schema,
    "docs/schemas/study-findings.schema.json": json_schemas.study_findings_schema,
    "docs/schemas/gate.schema.json": json_schemas.gate_schema,
    "docs/schemas/comparison.schema.json": json_schemas.comparison_schema,
}
"""By path below the checkout."""


def write_all() -> None:
    """Write every document, and print the path of each that has changed."""
    for name, made in GENERATED.items():
        path, text = ROOT / name, made()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
