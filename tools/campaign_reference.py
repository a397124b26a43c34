"""Writes ``docs/campaign.md``, the reference of the campaign file, from the schema's own descriptions.

``make docs`` writes it; a test compares the committed page with what this makes.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aging.campaign.schema import (
    AnalysisTable,
    Campaign,
    ClassTable,
    DeploymentOptions,
    DesignTable,
    FaultShares,
    LoadTable,
    ModelTable,
    Objectives,
    OptionShares,
    PromptsTable,
    RejuvenationOptions,
    RequestTable,
    Sessions,
    SharedPrefix,
    SubjectOptions,
    ValidityTable,
    WatchdogsTable,
)
from aging.core import levels, quantities, units
from aging.runner.catalogue import Catalogue
from tools.markdown import Row, listed, made_by, table

_TABLES = {
    "model": "[model]",
    "load": "[load]",
    "sampling": "[sampling]",
    "analysis": "[analysis]",
    "watchdogs": "[watchdogs]",
    "validity": "[validity]",
    "factors": "[factors]",
    "design": "[design]",
    "rejuvenation": "[rejuvenation]",
    "deployment": "[[deployment]]",
}

EXAMPLE = """\
name = "first-try"
seed = 1
duration = "10m"
warmup = "2m"

[load]
arrivals = { kind = "poisson", rate = 5.0 }
prompt_tokens = { median = 48, p95 = 96, min = 8, max = 192 }
output_tokens = { median = 12, p95 = 24, min = 4, max = 48 }

[analysis]
grid = "5s"

[[deployment]]
name = "control"
kind = "reference"
leak_per_request = "16KiB"
"""

_INTRODUCTION = f"""\
# The campaign file

A campaign is one [TOML](https://toml.io) file. It says which deployments are tested, what load each of them gets, what
is sampled, and how the series become verdicts. `aging run FILE` runs it. `aging validate FILE` checks it and starts
nothing: it reports all mistakes at once, each with its key. A misspelt key is a mistake.

This is a whole campaign. Every key it leaves out has a default:

```toml
{EXAMPLE}```

[`campaigns/quickstart.toml`](../campaigns/quickstart.toml) is the example to copy, with a comment on every choice;
[`campaigns/six-deployments-216h.toml`](../campaigns/six-deployments-216h.toml) is a published campaign of nine days.

An editor that knows JSON Schema completes and checks the keys while you type. [Taplo](https://taplo.tamasfe.dev) and
the editors built on it (Even Better TOML for VS Code) read the schema's address from a comment in the first line,
relative to the file:

```toml
#:schema ../docs/schemas/campaign.schema.json
```

The schema knows the built-in kinds. `aging validate` also checks what no single table can know, such as two
deployments with one name.

{made_by("campaign_reference", "the descriptions in the code")}"""

_QUANTITIES = """\
## Quantities and types

| written as | means | examples |
| --- | --- | --- |
| duration | numbers with their units, added up, in quotes: {durations} | `"45s"`, `"1h30m"`, `"9d"` |
| size | the same: {sizes}; powers of 1024 with an `i`, of 1000 without | `"4096B"`, `"1.5GiB"` |
| level | of an indicator: a number in its unit, size, duration, or share of its limit | `400`, `"2GiB"`, `"80%"` |
| number | with or without decimals; its unit is in the description | `8`, `0.7` |
| whole number | without decimals | `64` |
| text | in quotes | `"tiny"` |
| true or false | without quotes | `true` |
| list, table | TOML's own | `["a", "b"]`, `{{ OMP_NUM_THREADS = "1" }}` |

A duration or a size without its unit is a mistake: `60` might mean seconds or minutes.
"""

_NAMES = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def page() -> str:
    """The whole page."""
    catalogue = Catalogue.discovered()
    parts = (
        (_INTRODUCTION, _QUANTITIES.format(durations=listed(quantities._SECONDS), sizes=listed(quantities._BYTES))),
        _top_level(),
        _model(),
        _load(catalogue),
        _sampling(catalogue),
        _analysis(catalogue),
        _watchdogs(),
        _validity(),
        _factors(),
        _rejuvenation(catalogue),
        _deployments(catalogue),
    )
    return "\n".join(text for part in parts for text in part)


def _top_level() -> Iterator[str]:
    yield "## The top level\n"
    yield "These keys stand before the first `[table]` of the file; the tables follow in any order.\n"
    tables = set(_TABLES)
    yield keys_table(Campaign, without=tables)
    yield "`warmup` must be shorter than `duration`: something has to be left to analyze.\n"
    rows = [
        (f"[`{_TABLES[name]}`](#{name})", "**required**" if field.is_required() else "optional", _description(field))
        for name, field in Campaign.model_fields.items()
        if name in tables
    ]
    yield table(("table", "needed", "content"), rows)


def _model() -> Iterator[str]:
    yield "## `[model]`\n"
    yield f"{_doc(ModelTable)} Just one of the keys is given. A campaign of controls alone needs no model.\n"
    yield keys_table(ModelTable)


def _load(catalogue: Catalogue) -> Iterator[str]:
    yield "## `[load]`\n"
    yield f"{_doc(LoadTable)} What to choose when is in [load.md](load.md).\n"
    yield keys_table(LoadTable)
    yield "### `[[load.request]]`\n"
    yield f"{_doc(RequestTable)} More on them: [load.md](load.md#plain-requests).\n"
    yield keys_table(RequestTable)
    yield "### `prompt_tokens` and `output_tokens`\n"
    yield "A table with `kind`, and that kind's keys; without `kind` it is `log-normal`.\n"
    for kind, plugin in _built_in(catalogue.lengths):
        yield f'#### `kind = "{kind}"`\n'
        yield f"{_about(plugin)}\n"
        if set(plugin.options_table.model_fields) > {"kind"}:
            yield keys_table(plugin.options_table, without={"kind"})
    yield "### `[load.prompts]`\n"
    yield f"{_doc(PromptsTable)}\n"
    yield keys_table(PromptsTable)
    for key, options in (("shared_prefix", SharedPrefix), ("sessions", Sessions)):
        yield f"#### `{key}`\n"
        yield f"{_doc(options)}\n"
        yield keys_table(options)
    for name, shares in (("options", OptionShares), ("faults", FaultShares)):
        yield f"### `[load.{name}]`\n"
        yield f"{_doc(shares)}\n"
        yield keys_table(shares)
    yield "### `objectives`\n"
    yield f"{_doc(Objectives)} How they are judged: [objectives.md](objectives.md).\n"
    yield keys_table(Objectives)
    yield "### `[[load.class]]`\n"
    yield f"{_doc(ClassTable)}\n"
    yield keys_table(ClassTable)
    yield "### `arrivals`\n"
    yield 'A table with `kind`, and that kind\'s keys: `arrivals = { kind = "poisson", rate = 8.0 }`.\n'
    for kind, plugin in _built_in(catalogue.arrivals):
        yield f'#### `kind = "{kind}"`\n'
        yield f"{_about(plugin)}\n"
        yield keys_table(plugin.options_table, without={"kind"})


def _sampling(catalogue: Catalogue) -> Iterator[str]:
    yield "## `[sampling]`\n"
    yield "The time between two readings, by sampler. Every sampler runs, whether it is named here or not.\n"
    rows = [
        (f"`{kind}`", "duration, above 0", _quantity(sampler.default_interval, "duration"), _about(sampler))
        for kind, sampler in _built_in(catalogue.samplers)
    ]
    yield table(("key", "type", "default", "what is read"), rows)


def _analysis(catalogue: Catalogue) -> Iterator[str]:
    yield "## `[analysis]`\n"
    yield f"{_doc(AnalysisTable)}\n"
    yield keys_table(AnalysisTable)
    tests = listed(kind for kind, test in catalogue.tests.items() if _is_built_in(test.run.__module__))
    yield f"The tests there are: {tests}.\n"


def _watchdogs() -> Iterator[str]:
    yield "## `[watchdogs]`\n"
    yield f"{_doc(WatchdogsTable)} What they do is in [running.md](running.md#watchdogs).\n"
    yield keys_table(WatchdogsTable)


def _validity() -> Iterator[str]:
    yield "## `[validity]`\n"
    yield f"{_doc(ValidityTable)} What each means: [experiments.md](experiments.md#what-a-run-is-worth).\n"
    yield keys_table(ValidityTable)


_FACTORS = """\
Each key is a key path of this file, in quotes, and its value the list of levels that are put in its place:
`"load.arrivals.rate"`, `"deployment[NAME].KEY"`, or `"deployment.KEY"` for every deployment whose kind has that key.
A deployment is run once at each point of the design, under the name `NAME-p01`, `NAME-p02`, …; see
[experiments.md](experiments.md#designed-experiments).

```toml
[factors]
"deployment[llama].cache_ram_mib" = [0, 64]
"load.arrivals.rate" = [1.0, 4.0]
```
"""


def _factors() -> Iterator[str]:
    yield "## `[factors]`\n"
    yield _FACTORS
    yield "## `[design]`\n"
    yield f"{_doc(DesignTable)}\n"
    yield keys_table(DesignTable)


_REJUVENATION = """\
Servers are rejuvenated while the campaign runs; by default they are restarted, and arrivals wait until the server is
back, so that no request is lost. Several tables (`[[rejuvenation]]`), each with a `name`, apply to different
deployments. Which policy to choose when: [rejuvenation.md](rejuvenation.md#policies-when).
"""


def _rejuvenation(catalogue: Catalogue) -> Iterator[str]:
    yield "## `[rejuvenation]`\n"
    yield _REJUVENATION
    policies = [kind for kind, _ in _built_in(catalogue.policies)]
    named = ("`policy`", "text", "**required**", f"which policy decides: {listed(policies)}; each adds its own keys")
    common = set(RejuvenationOptions.model_fields)
    yield keys_table(RejuvenationOptions, without={"policy"}, first=[named])
    for kind, plugin in _built_in(catalogue.policies):
        yield f'### `policy = "{kind}"`\n'
        yield f"{_about(plugin)}\n"
        if set(plugin.options_table.model_fields) - common:
            yield keys_table(plugin.options_table, without=common)


def _deployments(catalogue: Catalogue) -> Iterator[str]:
    yield "## `[[deployment]]`\n"
    yield "One such table for every deployment. Names must differ, and so must ports. All kinds have these keys:\n"
    common = set(DeploymentOptions.model_fields)
    yield keys_table(SubjectOptions)
    yield "All but `attach`, which starts nothing, also have these:\n"
    yield keys_table(DeploymentOptions, without=SubjectOptions.model_fields)
    for kind, plugin in _built_in(catalogue.deployments):
        yield f'### `kind = "{kind}"`\n'
        commands = " or ".join(f"`aging env create {needs.name}`" for needs in plugin.requirements)
        made = f" Its environment is made by {commands}." if commands else ""
        yield f"{_about(plugin)}{made}\n"
        yield keys_table(plugin.options_table, without=common)


_QUANTITY_NOUNS: dict[Any, str] = {
    quantities.parse_duration: "duration",
    units.parse_warmup: 'duration or `"auto"`',
    quantities.parse_size: "size",
    levels.parse_level: "level",
}


def keys_table(options: type[BaseModel], without: Iterable[str] = (), first: Iterable[Row] = ()) -> str:
    """A table's keys as Markdown: ``first``, then its fields but for ``without``."""
    left_out = set(without)
    rows = [
        (f"`{field.alias or name}`", _type(field), _default(field), _description(field))
        for name, field in options.model_fields.items()
        if name not in left_out
    ]
    return table(("key", "type", "default", "description"), [*first, *rows])


def _type(field: FieldInfo) -> str:
    """The type as a writer of the file sees it, and its limits."""
    return ", ".join((_noun(field.annotation, field.metadata), *_limits(field.metadata)))


def _noun(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    for each in metadata:
        if noun := _QUANTITY_NOUNS.get(getattr(each, "func", None)):
            return noun
    arguments = get_args(annotation)
    if not arguments:
        return _NAMES.get(annotation, "table")
    return _noun_of_generic(get_origin(annotation), arguments, metadata)


def _noun_of_generic(origin: Any, arguments: tuple[Any, ...], metadata: Iterable[Any]) -> str:
    if origin is Annotated:
        return _noun(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        return " or ".join(_noun(each, metadata) for each in arguments if each is not NoneType)
    if origin is Literal:
        return " or ".join(_toml(each) for each in arguments)
    if origin is dict:
        value = _noun(arguments[1])
        return "table" if value == "table" else f"table of {_several(value)}"
    return f"list of {'values' if arguments[0] is Any else _several(_noun(arguments[0]))}"


def _several(noun: str) -> str:
    if noun.startswith("list of "):
        return noun.replace("list", "lists", 1)
    return f"{noun}s"


def _limits(metadata: Iterable[Any]) -> Iterator[str]:
    bounds = {type(each): each for each in metadata}
    if Ge in bounds and Le in bounds:
        yield f"{bounds[Ge].ge} to {bounds[Le].le}"
        return
    for each in bounds.values():
        match each:
            case Gt(gt=bound):
                yield f"above {bound}"
            case Ge(ge=bound):
                yield f"at least {bound}"
            case Lt(lt=bound):
                yield f"below {bound}"
            case MinLen(min_length=least):
                yield f"at least {least}"
            case _ if pattern := getattr(each, "pattern", None):
                yield f"like `{pattern}`"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, levels.Level):
        return f'`"{value}"`'
    if value is None or isinstance(value, BaseModel) or value in ({}, (), ""):
        return "—"
    return _quantity(value, _noun(field.annotation, field.metadata))


def _quantity(value: Any, noun: str) -> str:
    if noun.startswith("duration"):
        return f'`"{value * 1000:g}ms"`' if 0 < value < 1 else f'`"{value:g}s"`'
    return f'`"{value}B"`' if noun == "size" else _toml(value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _description(field: FieldInfo) -> str:
    if field.description:
        return field.description
    described = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    assert described, f"a key without a description: {field}"
    text = _doc(field.annotation).rstrip(".")
    return text[0].lower() + text[1:]


def _about(plugin: Any) -> str:
    """What a plug-in is, from the top of its file."""
    return _doc(sys.modules[plugin.__module__])


def _doc(thing: Any) -> str:
    """The first paragraph of a docstring, as Markdown."""
    return " ".join(inspect.cleandoc(thing.__doc__).split("\n\n")[0].split()).replace("``", "`")


def _built_in(plugins: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The built-in plug-ins; other distributions document theirs."""
    return ((kind, plugin) for kind, plugin in plugins.items() if _is_built_in(plugin.__module__))


def _is_built_in(module: str) -> bool:
    return module.partition(".")[0] == "aging"
