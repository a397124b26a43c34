"""The load's tables whose keys depend on what they name, and what no single table of it can know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aging.campaign.errors import Choice, by_kind, checked
from aging.campaign.schema import ArrivalsOptions, ClassTable, LengthsOptions, LoadTable, SubjectOptions
from aging.core.errors import CampaignError, Mistake

_LENGTHS = ("prompt_tokens", "output_tokens")
_CLOSED = "closed"
_TRACE = "trace"


def with_kinds(
    load: LoadTable | None,
    raw: Any,
    arrivals: Mapping[str, type[ArrivalsOptions]],
    lengths: Mapping[str, type[LengthsOptions]],
    mistakes: list[Mistake],
) -> LoadTable | None:
    """The load with its arrivals and lengths as tables of their kinds; mistakes in ``raw`` are added to ``mistakes``.

    ``load`` is ``raw`` as its own table has it, None where that had mistakes, or where no load is driven.
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
    """A load that is driven, from its table as written. Raises :class:`CampaignError` with every mistake."""
    mistakes: list[Mistake] = []
    load: LoadTable | None = checked(LoadTable, raw, "load", mistakes)
    typed = with_kinds(load, raw, arrivals, lengths, mistakes)
    if mistakes or typed is None:
        raise CampaignError("load", mistakes)
    return typed


def of_load(load: LoadTable | None, deployments: Sequence[SubjectOptions]) -> Iterator[Mistake]:
    """What the load's tables do not know of each other, and what deployments say of it."""
    for options in deployments:
        where = f"deployment[{options.name}]"
        if load is None and options.rate is not None:
            yield Mistake(f"{where}.rate", "there is no load to scale; leave it out, or describe a load in [load]")
        if load is not None and not options.answers:
            yield Mistake(
                f"{where}.url", 'is missing: the load needs an address; give it, or write `kind = "none"` under [load]'
            )
        if load is not None and options.rate is not None and _all_closed(load):
            yield Mistake(f"{where}.rate", "a closed loop has no rate to scale; leave it out, or give open arrivals")
    if load is None:
        return
    yield from _names(load.classes)
    contexts = [(options.longest_sequence, options.name) for options in deployments if options.longest_sequence]
    for where, one in (("load", None), *((f"load.class[{one.name}]", one) for one in load.classes)):
        if one is None and load.classes:
            continue
        yield from _of_class(where, _Effective(load, one), min(contexts, default=None))


class _Effective:
    """What holds for a class: its own tables, else the load's."""

    def __init__(self, load: LoadTable, one: ClassTable | None) -> None:
        self._load, self._one = load, one

    def __getitem__(self, key: str) -> Any:
        own = getattr(self._one, key, None)
        return getattr(self._load, key) if own is None else own


def _of_class(where: str, one: _Effective, context: tuple[int, str] | None) -> Iterator[Mistake]:
    arrivals, prompt, output = (one[key] for key in ("arrivals", *_LENGTHS))
    replayed = arrivals is not None and arrivals.kind == _TRACE
    for key in _LENGTHS:
        lengths = one[key]
        if lengths is not None and lengths.kind == _TRACE and arrivals is not None and not replayed:
            yield Mistake(f"{where}.{key}", f"takes lengths from a trace, but the arrivals are {arrivals.kind!r}")
    prompts = one["prompts"]
    if replayed and (prompts.sessions or prompts.shared_prefix):
        yield Mistake(f"{where}.prompts", "a replayed trace brings its own conversations and prefixes; leave this out")
    longest, answer = (None if each is None else each.longest for each in (prompt, output))
    if one["options"].long and prompt is not None and longest is None:
        yield Mistake(f"{where}.options.long", "needs prompt lengths with a longest one; those of a trace have none")
    if context is None or longest is None:
        return
    sessions = prompts.sessions
    whole = longest + (answer or 0)
    if sessions is not None:
        whole = max(whole, min(sessions.turns * whole, sessions.max_tokens or sessions.turns * whole))
    if whole > context[0]:
        what = "prompts of up to" if answer is None else "prompt and answer of up to"
        shorten = "; shorten `max`" if sessions is None else "; shorten `max`, or give `prompts.sessions.max_tokens`"
        told = f"{what} {whole:,} tokens do not fit the context of {context[0]:,} tokens of {context[1]}{shorten}"
        yield Mistake(f"{where}.prompt_tokens", told)


def _kinds_of(
    table: Mapping[str, Any],
    where: str,
    arrivals: Mapping[str, type[ArrivalsOptions]],
    lengths: Mapping[str, type[LengthsOptions]],
    mistakes: list[Mistake],
) -> dict[str, Any]:
    """The tables of their kinds among a load's or a class's; a replayed trace brings its own lengths."""
    found: dict[str, Any] = {}
    if (raw := table.get("arrivals")) is not None:
        found["arrivals"] = by_kind(raw, f"{where}.arrivals", Choice("kind", "arrival process", arrivals), mistakes)
    for key in _LENGTHS:
        raw_lengths = table.get(key)
        if raw_lengths is None and isinstance(raw, dict) and raw.get("kind") == _TRACE:
            raw_lengths = {"kind": _TRACE}
        if raw_lengths is not None:
            given = {"kind": "log-normal"} | raw_lengths if isinstance(raw_lengths, dict) else raw_lengths
            found[key] = by_kind(given, f"{where}.{key}", Choice("kind", "kind of lengths", lengths), mistakes)
    return found


def _missing(raw: Mapping[str, Any], classes: Sequence[Mapping[str, Any]]) -> Iterator[Mistake]:
    """What neither the load says nor every class of it."""
    for key in ("arrivals", *_LENGTHS):
        if _says(raw, key):
            continue
        lacking = [str(one.get("name")) for one in classes if not _says(one, key)]
        if not classes:
            yield Mistake(f"load.{key}", "is missing")
        elif lacking:
            yield Mistake(f"load.{key}", f"is missing, and so it is for the classes {', '.join(lacking)}")


def _says(table: Mapping[str, Any], key: str) -> bool:
    arrivals = table.get("arrivals")
    replayed = isinstance(arrivals, dict) and arrivals.get("kind") == _TRACE
    return table.get(key) is not None or (key in _LENGTHS and replayed)


def _names(classes: Sequence[ClassTable]) -> Iterator[Mistake]:
    for name, count in Counter(one.name for one in classes).items():
        if count > 1:
            yield Mistake("load.class.name", f"{name!r} is used {count} times; each class needs its own")


def _all_closed(load: LoadTable) -> bool:
    tables = [_Effective(load, one)["arrivals"] for one in load.classes or (None,)]
    return all(table is not None and table.kind == _CLOSED for table in tables)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
