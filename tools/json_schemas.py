"""JSON Schemas, for editors and programs: campaign and study files, findings of both, comparison, the gate's report.

``make docs`` writes them to ``docs/schemas/``; a test compares the committed files with what this makes. That of the
campaign file knows the keys of every built-in kind. It is looser than ``aging validate``, which also knows what no
single table can know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from aging.campaign.schema import Campaign, _load_or_none
from aging.check.reports.json import GateDocument
from aging.core import levels, quantities, units
from aging.findings.comparison.types import Comparison
from aging.findings.study.types import StudyFindings
from aging.findings.types import Findings
from aging.runner.catalogue import Catalogue
from aging.study.schema import StudyFile

Json = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _quantity(unit_names: Iterable[str]) -> str:
    return rf"^\s*([0-9]+(\.[0-9]+)?\s*({'|'.join(sorted(unit_names, key=len, reverse=True))})\s*)+$"


_DURATION: Json = {"type": "string", "pattern": _quantity(quantities._SECONDS)}
_SIZE: Json = {"type": "string", "pattern": _quantity(quantities._BYTES)}
_SHARE: Json = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$"}
_WRITTEN: Mapping[Any, Json] = {
    quantities.parse_duration: _DURATION,
    quantities.parse_size: _SIZE,
    units.parse_warmup: {"anyOf": [_DURATION, {"const": "auto"}]},
    levels.parse_level: {"anyOf": [{"type": "number", "minimum": 0}, _SIZE, _DURATION, _SHARE]},
}


class _AsWritten(GenerateJsonSchema):
    """Quantities as a file has them, text with a unit, and not as the numbers that they become; no made-up titles."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, levels.Level) else super().encode_default(dft)

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        function = schema["function"]["function"]
        if function is _load_or_none:
            watched = {"type": "object", "properties": {"kind": {"const": "none"}}, "required": ["kind"]}
            return {"anyOf": [self.generate_inner(_of_nullable(schema["schema"])), watched | _CLOSED]}
        written = _WRITTEN.get(function)
        return dict(written) if written is not None else super().function_before_schema(schema)


_CLOSED: Json = {"additionalProperties": False}


def _of_nullable(schema: Any) -> Any:
    """What a file can say of something that may be None: TOML has no null."""
    while schema["type"] == "nullable":
        schema = schema["schema"]
    return schema


def campaign_schema() -> str:
    """The schema of a campaign file, with the keys of every built-in kind."""
    catalogue = Catalogue.discovered()
    whole = _schema_of(Campaign)
    definitions: Json = whole["$defs"]
    arrivals = _choice("kind", catalogue.arrivals, definitions)
    lengths = _choice("kind", catalogue.lengths, definitions, default="log-normal")
    for name in ("LoadTable", "ClassTable"):
        for key, choice in (("arrivals", arrivals), ("prompt_tokens", lengths), ("output_tokens", lengths)):
            definitions[name]["properties"][key] |= choice
    keys: Json = whole["properties"]
    keys["deployment"]["items"] = _choice("kind", catalogue.deployments, definitions)
    one = _choice("policy", catalogue.policies, definitions)
    keys["rejuvenation"] = {key: keys["rejuvenation"][key] for key in ("description",)} | {
        "anyOf": [*one["anyOf"], {"type": "array", "items": one}]
    }
    keys["sampling"] |= {"properties": {kind: dict(_DURATION) for kind in catalogue.samplers}, **_CLOSED}
    definitions["AnalysisTable"]["properties"]["test"]["enum"] = sorted(catalogue.tests)
    return _text(_in_toml(whole), "aging campaign file")


def study_schema() -> str:
    """The schema of a study file."""
    return _text(_in_toml(_schema_of(StudyFile)), "aging study file")


def findings_schema() -> str:
    """The schema of ``findings.json``: keys that are not in it are those of later releases."""
    return _text(TypeAdapter(Findings).json_schema(mode="validation"), "aging findings.json")


def study_findings_schema() -> str:
    """The schema of a study's ``findings.json``: keys that are not in it are those of later releases."""
    return _text(TypeAdapter(StudyFindings).json_schema(mode="validation"), "aging findings.json of a study")


def gate_schema() -> str:
    """The schema of ``aging check --report json=PATH``: keys that are not in it are those of later releases."""
    return _text(TypeAdapter(GateDocument).json_schema(mode="validation"), "aging report of a gate")


def comparison_schema() -> str:
    """The schema of ``aging compare --json``: keys that are not in it are those of later releases."""
    return _text(TypeAdapter(Comparison).json_schema(mode="validation"), "aging comparison")


def _choice(key: str, plugins: Mapping[str, Any], definitions: Json, default: str | None = None) -> Json:
    """A table whose keys depend on the kind that it names; a kind's table is added to ``definitions``."""
    branches = []
    for kind, plugin in plugins.items():
        if plugin.__module__.partition(".")[0] != "aging":
            continue
        table = _schema_of(plugin.options_table)
        for name, shared in table.pop("$defs", {}).items():
            assert definitions.setdefault(name, shared) == shared, f"two tables are called {name}"
        table["properties"][key] = {"const": kind}
        required = set(table.get("required", ())) | {key}
        table["required"] = sorted(required - {key} if kind == default else required)
        name = plugin.options_table.__module__.removeprefix("aging.")
        assert name not in definitions, f"{name} has two kinds"
        definitions[name] = table
        branches.append({"$ref": f"#/$defs/{name}"})
    return {"anyOf": branches}


def _schema_of(table: type[BaseModel]) -> Json:
    return table.model_json_schema(by_alias=True, schema_generator=_AsWritten)


def _in_toml(part: Any) -> Any:
    """TOML has no null, neither as a type nor as a default; the default of a quantity has its unit."""
    if isinstance(part, list):
        return [_in_toml(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _in_toml(each) for key, each in part.items() if not (key == "default" and each is None)}
    if isinstance(several := kept.get("anyOf"), list) and {"type": "null"} in several:
        several.remove({"type": "null"})
        if len(several) == 1:
            del kept["anyOf"]
            kept = several[0] | kept
    patterns = [each.get("pattern") for each in (kept, *kept.get("anyOf", ()))]
    if isinstance(default := kept.get("default"), int | float):
        if _DURATION["pattern"] in patterns:
            kept["default"] = f"{default:g}s"
        elif _SIZE["pattern"] in patterns:
            kept["default"] = f"{default}B"
    return kept


def _text(schema: Json, title: str) -> str:
    head = {"$schema": _DIALECT, "title": title}
    return json.dumps(head | {key: each for key, each in schema.items() if key not in head}, indent=1) + "\n"
