"""The campaign of ``aging check --baseline`` and ``--against``: both versions, or one and a stored baseline."""

from __future__ import annotations

import contextlib
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomlkit
from rich.console import Console

from aging.app.baselines.in_worktree import in_worktree
from aging.app.baselines.twins import with_baselines
from aging.app.baselines.worktree import is_revision, worktree
from aging.app.check import GateRequest, gate_of
from aging.campaign.errors import suggestion
from aging.campaign.load import CampaignText, parse_campaign, read_campaign
from aging.campaign.schema import Campaign, PackagedOptions, SubjectOptions, requirements
from aging.check.stored_baseline import StoredBaseline, Wanted, read_baseline
from aging.core.errors import AgingError, Mistake, MistakeCode, MistakesError
from aging.deployments.environments import environments_folder
from aging.findings.comparability import Facts, facts_of
from aging.runner.catalogue import Catalogue
from aging.runner.manifest import circumstances
from aging.store.manifest import ManifestDeployment

Raw = Mapping[str, Any]

_COMMAND = "command"


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """What is compared with, as on the command line.

    ``baseline`` is a file, a directory or a git revision; ``against`` are requirements; ``command`` is another command
    line, ``setup`` a shell command that is run in the checked-out revision. ``wanted`` are the indicators and
    quantities that are judged, ``alpha`` and ``beta`` the errors of the gate, ``scale`` that of the load.
    """

    baseline: str | None = None
    against: Sequence[str] = ()
    command: str | None = None
    setup: str | None = None
    wanted: Sequence[Wanted] = ()
    alpha: float = 0.01
    beta: float = 0.05
    scale: float | None = None

    @property
    def given(self) -> bool:
        return bool(self.baseline or self.against or self.command)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The campaign to run, with both versions where they are paired; a stored baseline; and what is compared with."""

    campaign: CampaignText
    stored: StoredBaseline | None = None
    what: str | None = None


@contextlib.contextmanager
def compared(
    campaign_text: CampaignText, asked: BaselineOptions, request: GateRequest, console: Console
) -> Iterator[Comparison]:
    """The campaign that compares the deployments that the ``request`` judges with what is ``asked``.

    A revision of the repository is checked out until the end of the context; environments are built. Raises
    MistakesError with every mistake of the campaign and the request, and AgingError or CampaignError for what cannot be
    compared, before anything runs.
    """
    if asked.setup is not None and asked.baseline is None:
        raise AgingError("--baseline-setup: prepares a revision; name one with --baseline")
    if asked.against and (asked.baseline or asked.command):
        raise AgingError("--against: is another baseline than --baseline or --baseline-command; give one of them")
    if not asked.given:
        yield Comparison(campaign_text)
        return
    judged = gate_of(campaign_text, request).deployments
    parsed = _Parsed.of(campaign_text, judged, asked.scale)
    if asked.against:
        yield _paired(parsed, _other_packages(parsed, asked.against), " ".join(asked.against), console)
    elif asked.baseline is None:
        yield _paired(parsed, _other_commands(parsed, asked.command or ""), asked.command or "", console)
    elif (path := Path(asked.baseline)).suffix == ".toml":
        if asked.command or asked.setup:
            raise AgingError("--baseline-command and --baseline-setup: are for a revision, not for a campaign file")
        yield _paired(parsed, _of_file(parsed, path), str(path), console)
    elif _is_stored(path, asked.baseline):
        if asked.command or asked.setup:
            raise AgingError("--baseline-command and --baseline-setup: are for a revision, not for a stored baseline")
        stored = read_baseline(path, parsed.judged, asked.wanted, asked.alpha, asked.beta)
        stored.require(parsed.judged, asked.wanted, parsed.facts())
        yield Comparison(campaign_text, stored, stored.what)
    else:
        with worktree(asked.baseline, setup=asked.setup, other_command=asked.command is not None) as tree:
            tables = parsed.tables_of_commands("a git revision", "use --against 'PACKAGE==VERSION'")
            if asked.command:
                tables = {name: table | {"command": _words(asked.command)} for name, table in tables.items()}
            moved = {name: in_worktree(table, tree, Path.cwd()) for name, table in tables.items()}
            yield _paired(parsed, moved, f"{asked.baseline} ({tree.commit[:12]})", console)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A campaign and the names of the deployments that are compared."""

    text: CampaignText
    raw: Raw
    campaign: Campaign
    catalogue: Catalogue
    judged: Sequence[str]

    @classmethod
    def of(cls, text: CampaignText, judged: Sequence[str], scale: float | None) -> _Parsed:
        catalogue = Catalogue.discovered()
        campaign = parse_campaign(text.text, catalogue.kinds(), text.source, scale=scale)
        if campaign.factors:
            raise AgingError(f"{text.source}: [factors] makes deployments of its own; a gate compares those of a file")
        return cls(text, tomllib.loads(text.text), campaign, catalogue, judged)

    def options(self, name: str) -> SubjectOptions:
        """The options of a deployment."""
        found: SubjectOptions = next(one for one in self.campaign.deployment if one.name == name)
        return found

    def table(self, name: str) -> dict[str, Any]:
        """The table of a deployment as it is in the file."""
        return dict(next(one for one in self.raw["deployment"] if one["name"] == name))

    def facts(self) -> Facts:
        """What the rates of a run here and now would depend on."""
        from aging.load.schedule.input_files import read_inputs  # noqa: PLC0415 - numpy, for a stored baseline

        inputs = read_inputs(self.campaign, self.text.source)
        made = [
            ManifestDeployment(name=one.name, kind=one.kind, options=one.model_dump(mode="json"))
            for one in self.campaign.deployment
        ]
        return facts_of(circumstances(inputs.campaign, made, inputs.files), self.judged)

    def tables_of_commands(self, what: str, remedy: str) -> Mapping[str, dict[str, Any]]:
        """The tables of the judged deployments. Raises MistakesError for one that no command line starts."""
        others = {name: self.options(name).kind for name in self.judged if self.options(name).kind != _COMMAND}
        if others:
            raise MistakesError(
                self.text.source,
                [
                    Mistake(f"deployment[{name}]", f'{what} is for kind = "command", and this is "{kind}"; {remedy}')
                    for name, kind in others.items()
                ],
            )
        return {name: self.table(name) for name in self.judged}


def _other_packages(parsed: _Parsed, packages: Sequence[str]) -> Mapping[str, Raw]:
    """The tables with other requirements. Raises MistakesError for one that is none, or a kind without packages."""
    mistakes = []
    try:
        requirements(tuple(packages))
    except ValueError as error:
        mistakes.append(Mistake("--against", str(error)))
    mistakes += [
        Mistake(
            f"deployment[{name}]",
            f'kind = "{kind}" has no packages of its own; give --baseline a revision or another campaign file',
        )
        for name in parsed.judged
        if "packages" not in parsed.catalogue.deployments[kind := parsed.options(name).kind].options_table.model_fields
    ]
    if mistakes:
        raise MistakesError(parsed.text.source, mistakes)
    return {name: parsed.table(name) | {"packages": list(packages)} for name in parsed.judged}


def _other_commands(parsed: _Parsed, command: str) -> Mapping[str, Raw]:
    tables = parsed.tables_of_commands("--baseline-command", "use --baseline OTHER.toml")
    return {name: table | {"command": _words(command)} for name, table in tables.items()}


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise AgingError(f"--baseline-command {command!r}: is no command line: {str(error).lower()}") from None


def _of_file(parsed: _Parsed, path: Path) -> Mapping[str, Raw]:
    """The tables of the deployments of the same names in another campaign file."""
    text = read_campaign(path)
    parse_campaign(text.text, parsed.catalogue.kinds(), text.source)
    other = tomllib.loads(text.text)
    names = [table["name"] for table in other["deployment"]]
    mistakes = [
        Mistake(
            f"deployment[{name}]",
            f"{path} has no deployment of this name to compare it with; {suggestion(name, names)}",
            MistakeCode.UNKNOWN_NAME,
        )
        for name in parsed.judged
        if name not in names
    ]
    if "model" in other and other["model"] != parsed.raw.get("model"):
        mistakes.append(Mistake("model", f"is another one in {path}; both versions serve one model: make them equal"))
    if mistakes:
        raise MistakesError(parsed.text.source, mistakes)
    return {name: next(one for one in other["deployment"] if one["name"] == name) for name in parsed.judged}


def _is_stored(path: Path, text: str) -> bool:
    """Whether a stored baseline is meant: an existing file or directory, unless it is the name of a branch as well."""
    if path.is_dir():
        return (path / "journal.jsonl").is_file() or not is_revision(text)
    return path.is_file() or path.suffix == ".json"


def _paired(parsed: _Parsed, baselines: Mapping[str, Raw], what: str, console: Console) -> Comparison:
    """The campaign with both versions. Raises CampaignError for a baseline that is not one, AgingError if it is equal
    to what it is compared with, or cannot be installed.
    """
    raw = with_baselines(parsed.raw, baselines)
    text = f"# Written by aging check: {parsed.text.source}, compared with {what}\n{tomlkit.dumps(raw)}"
    made = replace(parsed.text, text=text, source=f"{parsed.text.source}, compared with {what}")
    campaign = parse_campaign(text, parsed.catalogue.kinds(), made.source)
    install = _installer(parsed, campaign)
    console.print(f"compared with {what}, side by side", soft_wrap=True)
    install(console)
    return Comparison(made, what=what)


def _installer(parsed: _Parsed, campaign: Campaign) -> Callable[[Console], None]:
    """What builds the environments of the baselines. Raises MistakesError for a baseline that would be the same."""
    plugins = {one.name: parsed.catalogue.deployments[one.kind](one, None) for one in campaign.deployment}
    mistakes = []
    for plugin in plugins.values():
        judged = plugins.get(plugin.options.baseline_of or "")
        if judged is None or plugin.kind != judged.kind:
            continue
        ours, theirs = judged.options.model_dump(exclude=_IDENTITY), plugin.options.model_dump(exclude=_IDENTITY)
        equal_pins = isinstance(plugin.options, PackagedOptions) and _recipe(plugin) == _recipe(judged)
        if ours == theirs or (equal_pins and {**ours, "packages": ()} == {**theirs, "packages": ()}):
            mistakes.append(Mistake(f"deployment[{judged.options.name}]", "both versions are the same; change one"))
    if mistakes:
        raise MistakesError(parsed.text.source, mistakes)

    def install(console: Console) -> None:
        for plugin in plugins.values():
            needs = plugin.environment
            if plugin.options.baseline_of is None:
                continue
            if needs is not None and not needs.installed(environments_folder()):
                console.print(f"installing {' '.join(needs.pins)} into {environments_folder() / needs.name}")
            try:
                plugin.install()
            except ValueError as error:
                raise AgingError(f"--against: {plugin.options.baseline_of}: {error}") from None

    return install


def _recipe(plugin: Any) -> Sequence[str]:
    return () if plugin.environment is None else plugin.environment.pins


_IDENTITY = {"name", "port", "slot", "baseline_of"}
