"""Validates the tables under `[load]` whose keys depend on their `kind`, and the load as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aging.campaign.errors import Choice, validate_by_kind, validate_table
from aging.campaign.schema import ArrivalsOptions, ClassTable, LengthsOptions, LoadTable, SubjectOptions
from aging.core.errors import CampaignError, Mistake, MistakeCode

_LENGTHS = ("prompt_tokens", "output_tokens")
_OF_COMPLETIONS = (*_LENGTHS, "streaming_share", "prompts", "options", "priority")
_FAULTS_OF_COMPLETIONS = ("oversized", "malformed", "not_found")
_CLOSED = "closed"
_TRACE = "trace"


def typed_tables(
    load: LoadTable | None,
    raw: Any,
    arrivals: Mapping[str, type[ArrivalsOptions]],
    lengths: Mapping[str, type[LengthsOptions]],
    mistakes: list[Mistake],
) -> LoadTable | None:
    """The load with typed option tables of its arrivals and lengths; mistakes in ``raw`` are appended to ``mistakes``.

    ``load`` is the validated ``raw``; None if it has mistakes, or if no load is sent.
    """
    if not isinstance(raw, dict) or raw.get("kind") == "none":
        return None
    tables = [table for table in _listed(raw.get("class")) if isinstance(table, dict)]
    whole = _kinds_of(raw, "load", arrivals, lengths, mistakes)
    own = [_kinds_of(table, f"load.class[{table.get('name')}]", arrivals, lengths, mistakes) for table in tables]
    mistakes.extend(_missing(raw, tables))
    if load is None:
        return None
    classes = tuple(one.model_copy(update=update) for one, update in zip(load.classes, own, strict=True))
    return load.model_copy(update=whole | {"classes": classes})


def typed_load(
    raw: Any, arrivals: Mapping[str, type[ArrivalsOptions]], lengths: Mapping[str, type[LengthsOptions]]
) -> LoadTable:
    """The load of a parsed `[load]` table. Raises :class:`CampaignError` with every mistake."""
    mistakes: list[Mistake] = []
    load: LoadTable | None = validate_table(LoadTable, raw, "load", mistakes)
    typed = typed_tables(load, raw, arrivals, lengths, mistakes)
    if mistakes or typed is None:
        raise CampaignError("load", mistakes)
    return typed


def load_mistakes(load: LoadTable | None, deployments: Sequence[SubjectOptions]) -> Iterator[Mistake]:
    """Mistakes that involve several tables of the load, or the load and a deployment."""
    for options in deployments:
        where = f"deployment[{options.name}]"
        if load is None and options.rate is not None:
            what = "there is no load to scale; leave it out, or describe a load in [load]"
            yield Mistake(f"{where}.rate", what, MistakeCode.CONFLICT)
        if load is not None and not options.answers:
            what = 'is missing: the load requires an address; add it, or write `kind = "none"` under [load]'
            yield Mistake(f"{where}.url", what, MistakeCode.MISSING_KEY)
        if load is not None and options.rate is not None and _all_closed(load):
            what = "a closed loop has no rate to scale; leave it out, or use open arrivals"
            yield Mistake(f"{where}.rate", what, MistakeCode.CONFLICT)
    if load is None:
        return
    yield from _duplicate_names(load.classes)
    yield from _keys_of_completions(load)
    contexts = [(options.longest_sequence, options.name) for options in deployments if options.longest_sequence]
    for where, one in (("load", None), *((f"load.class[{one.name}]", one) for one in load.classes)):
        if one is None and load.classes:
            continue
        yield from _class_mistakes(where, _Effective(load, one), min(contexts, default=None))


class _Effective:
    """The tables of a class: its own, or else the load's."""

    def __init__(self, load: LoadTable, one: ClassTable | None) -> None:
        self._load, self._one = load, one

    def __getitem__(self, key: str) -> Any:
        own = getattr(self._one, key, None)
        return getattr(self._load, key) if own is None else own


def _keys_of_completions(load: LoadTable) -> Iterator[Mistake]:
    """Keys that plain requests make no use of."""
    tables: list[tuple[str, LoadTable | ClassTable, ClassTable | None]] = [("load", load, None)]
    tables += [(f"load.class[{one.name}]", one, one) for one in load.classes]
    for where, table, one in tables:
        effective = _Effective(load, one)
        if not effective["requests"]:
            continue
        for key in (key for key in _OF_COMPLETIONS if key in table.model_fields_set):
            what = "is of completions, and plain requests are sent (`request`); leave one of them out"
            yield Mistake(f"{where}.{key}", what, MistakeCode.CONFLICT)
        for key in (key for key in _FAULTS_OF_COMPLETIONS if getattr(effective["faults"], key)):
            what = "is a fault of completions; write such a request as a [[load.request]] with the statuses it expects"
            yield Mistake(f"{where}.faults.{key.replace('_', '-')}", what, MistakeCode.CONFLICT)


def _class_mistakes(where: str, one: _Effective, context: tuple[int, str] | None) -> Iterator[Mistake]:
    arrivals, prompt, output = (one[key] for key in ("arrivals", *_LENGTHS))
    replayed = arrivals is not None and arrivals.kind == _TRACE
    for key in _LENGTHS:
        lengths = one[key]
        if lengths is not None and lengths.kind == _TRACE and arrivals is not None and not replayed:
            what = f"takes lengths from a trace, but the arrivals are {arrivals.kind!r}; use the same trace for both"
            yield Mistake(f"{where}.{key}", what, MistakeCode.CONFLICT)
    prompts = one["prompts"]
    if replayed and (prompts.sessions or prompts.shared_prefix):
        what = "a replayed trace contains its own conversations and prefixes; leave this out"
        yield Mistake(f"{where}.prompts", what, MistakeCode.CONFLICT)
    longest, answer = (None if each is None else each.longest for each in (prompt, output))
    if one["options"].long and prompt is not None and longest is None:
        what = "requires prompt lengths with a maximum, and those of a trace have none; leave this out"
        yield Mistake(f"{where}.options.long", what, MistakeCode.CONFLICT)
    if context is None or longest is None:
        return
    sessions = prompts.sessions
    whole = longest + (answer or 0)
    if sessions is not None:
        whole = max(whole, min(sessions.turns * whole, sessions.max_tokens or sessions.turns * whole))
    if whole > context[0]:
        what = "prompts of up to" if answer is None else "prompt and answer of up to"
        remedy = "reduce `max`" if sessions is None else "reduce `max`, or set `prompts.sessions.max_tokens`"
        message = f"{what} {whole:,} tokens do not fit the context of {context[0]:,} tokens of {context[1]}; {remedy}"
        yield Mistake(f"{where}.prompt_tokens", message, MistakeCode.CONFLICT)


def _kinds_of(
    table: Mapping[str, Any],
    where: str,
    arrivals: Mapping[str, type[ArrivalsOptions]],
    lengths: Mapping[str, type[LengthsOptions]],
    mistakes: list[Mistake],
) -> dict[str, Any]:
    """The typed option tables of a load or a class, by key; the lengths of a replayed trace are those of the trace."""
    found: dict[str, Any] = {}
    if (raw := table.get("arrivals")) is not None:
        choice = Choice("kind", "arrival process", arrivals)
        found["arrivals"] = validate_by_kind(raw, f"{where}.arrivals", choice, mistakes)
    for key in _LENGTHS:
        raw_lengths = table.get(key)
        if raw_lengths is None and isinstance(raw, dict) and raw.get("kind") == _TRACE:
            raw_lengths = {"kind": _TRACE}
        if raw_lengths is not None:
            given = {"kind": "log-normal"} | raw_lengths if isinstance(raw_lengths, dict) else raw_lengths
            choice = Choice("kind", "kind of lengths", lengths)
            found[key] = validate_by_kind(given, f"{where}.{key}", choice, mistakes)
    return found


def _missing(raw: Mapping[str, Any], classes: Sequence[Mapping[str, Any]]) -> Iterator[Mistake]:
    """Keys that are in neither the load nor every class of it."""
    for key in ("arrivals", *_LENGTHS):
        if _has_key(raw, key):
            continue
        without = [str(one.get("name")) for one in classes if not _has_key(one, key)]
        if not classes:
            yield Mistake(f"load.{key}", "is missing", MistakeCode.MISSING_KEY)
        elif without:
            what = f"is missing, and the classes {', '.join(without)} do not have it either"
            yield Mistake(f"load.{key}", what, MistakeCode.MISSING_KEY)


def _has_key(table: Mapping[str, Any], key: str) -> bool:
    arrivals = table.get("arrivals")
    replayed = isinstance(arrivals, dict) and arrivals.get("kind") == _TRACE
    return table.get(key) is not None or (key in _LENGTHS and (replayed or bool(table.get("request"))))


def _duplicate_names(classes: Sequence[ClassTable]) -> Iterator[Mistake]:
    for name, count in Counter(one.name for one in classes).items():
        if count > 1:
            what = f"{name!r} is used {count} times; choose a different name for each class"
            yield Mistake("load.class.name", what, MistakeCode.DUPLICATE_NAME)


def _all_closed(load: LoadTable) -> bool:
    tables = [_Effective(load, one)["arrivals"] for one in load.classes or (None,)]
    return all(table is not None and table.kind == _CLOSED for table in tables)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
