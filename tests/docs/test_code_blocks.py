"""Commands, paths and code in the documents are those of this checkout."""

from __future__ import annotations

import argparse
import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import aging
from aging.campaign.load import load_campaign
from aging.cli.main import parser
from aging.runner.catalogue import Catalogue
from tests.conftest import ROOT

PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")})
COMMAND = re.compile(r"(?:^|[\s/])aging +([a-z]+)\b([^`\n]*)")
ROOMS = re.compile(r"(?:aging|analysis|campaigns|docs|notebooks|results|tests|tools)/[\w./-]*\w")


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The code blocks of these languages."""
    for language, text in re.findall(
        r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        if language in languages:
            yield text


def lines(page: Path) -> Iterator[str]:
    """The command lines of a page's shell blocks."""
    for text in blocks(page, "sh", "ini", ""):
        yield from text.replace("\\\n", " ").splitlines()


def inline(page: Path) -> list[str]:
    """What a page's text has between backticks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", text)


@cache
def verb_parser(verb: str) -> argparse.ArgumentParser | None:
    root = parser([verb])
    verbs = next(action for action in root._actions if isinstance(action, argparse._SubParsersAction))
    found: argparse.ArgumentParser | None = verbs.choices.get(verb)
    return found


def options_of(one: argparse.ArgumentParser) -> set[str]:
    """The options of a verb, those of its own verbs included (`aging env create`)."""
    found = set(one._option_string_actions)
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                found |= options_of(below)
    return found


def mistakes_of(verb: str, rest: str) -> list[str]:
    """The verb where there is none such, and the options that it does not have."""
    one = verb_parser(verb)
    if one is None:
        return [verb]
    return [option for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest) if option not in options_of(one)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_verb_and_option_exists(page: Path) -> None:
    commands = [found for text in (*inline(page), *lines(page)) for found in COMMAND.findall(f" {text}")]
    wrong = {f"aging {verb} {rest}": bad for verb, rest in commands if (bad := mistakes_of(verb, rest))}
    assert wrong == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_is_accepted(page: Path) -> None:
    for line in (line for line in lines(page) if re.match(r"(\.venv/bin/)?aging [a-z]", line)):
        _, *words = shlex.split(line, comments=True)
        arguments = [*takewhile(lambda word: word not in (">", "|", "&"), words)]
        try:
            parser(arguments[:1]).parse_args(arguments)
        except SystemExit:
            pytest.fail(f"{page.name}: {line}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_exists(page: Path) -> None:
    named = [text for text in inline(page) if ROOMS.fullmatch(text.rstrip("/"))]
    placeholders = re.compile(r"[/_.-][A-Z]{2,}\b")
    assert [path for path in named if not placeholders.search(path) and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_and_target_exists(page: Path) -> None:
    texts = " ".join((*inline(page), *lines(page)))
    modules = set(re.findall(r"python3? -m\s+((?:aging|analysis|tools)[\w.]*\w)", texts))
    assert [name for name in sorted(modules) if find_spec(name) is None] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|[\s`])make ([a-z-]+)\b", "\n".join((*inline(page), *lines(page))), re.MULTILINE))
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_compiles_and_its_names_exist(page: Path) -> None:
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "aging":
                module = __import__(node.module or "", fromlist=["_"])
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "aging":
                assert hasattr(aging, node.attr), ast.unparse(node)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_toml_and_json_are_well_formed(page: Path) -> None:
    for text in blocks(page, "toml"):
        tomllib.loads(text)
    for text in blocks(page, "json"):
        json.loads(text)


def containers(document: Any) -> Iterator[dict[str, Any]]:
    """Every container of a Kubernetes manifest."""
    if isinstance(document, dict):
        if "image" in document and "name" in document:
            yield document
        for value in document.values():
            yield from containers(value)
    elif isinstance(document, list):
        for value in document:
            yield from containers(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_is_well_formed_and_its_commands_are_accepted(page: Path) -> None:
    for text in blocks(page, "yaml"):
        for document in yaml.safe_load_all(text):
            for one in containers(document):
                program, *arguments = [*one.get("command", ()), *one.get("args", ())] or [""]
                if program == "aging":
                    parser(arguments[:1]).parse_args(arguments)


def test_the_manifests_of_kubernetes_fit_together() -> None:
    documents = [one for text in blocks(ROOT / "docs" / "kubernetes.md", "yaml") for one in yaml.safe_load_all(text)]
    assert {(one["apiVersion"], one["kind"]) for one in documents} == {
        ("apps/v1", "Deployment"),
        ("batch/v1", "Job"),
        ("monitoring.coreos.com/v1", "PodMonitor"),
        ("monitoring.coreos.com/v1", "PrometheusRule"),
    }
    for one in documents:
        spec = one["spec"].get("template", {}).get("spec", {})
        mounted = {mount["name"] for each in containers(one) for mount in each.get("volumeMounts", ())}
        assert mounted == {volume["name"] for volume in spec.get("volumes", ())}
    deployment, monitor, rule, _ = documents
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == monitor["spec"]["selector"]["matchLabels"]
    ports = {port["name"] for each in containers(deployment) for port in each.get("ports", ())}
    assert {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]} <= ports
    alerts = " ".join(alert["expr"] for group in rule["spec"]["groups"] for alert in group["rules"])
    exported = (ROOT / "aging" / "guard" / "exposition.py").read_text(encoding="utf-8")
    named = re.findall(r"aging_guard_(\w+)", alerts)
    assert named
    assert [name for name in named if name not in exported] == []


@pytest.mark.parametrize("page", ["docker.md", "gpu-host.md", "own-runtime.md"])
def test_whole_campaign_files_are_valid(page: str, tmp_path: Path) -> None:
    files = [text for text in blocks(ROOT / "docs" / page, "toml") if "[[deployment]]" in text and "duration" in text]
    assert files
    kinds = Catalogue.discovered().complete().kinds()
    for text in files:
        (tmp_path / "campaign.toml").write_text(text, encoding="utf-8")
        assert load_campaign(tmp_path / "campaign.toml", kinds).deployment


def test_the_example_of_findings_is_valid() -> None:
    schema = json.loads((ROOT / "docs" / "schemas" / "findings.schema.json").read_text(encoding="utf-8"))
    (example,) = blocks(ROOT / "docs" / "findings.md", "json")
    assert list(Draft202012Validator(schema).iter_errors(json.loads(example))) == []


@pytest.mark.parametrize(
    ("verb", "rest", "wrong"),
    [
        ("run", "FILE --smoke", []),
        ("run", "FILE --smokes", ["--smokes"]),
        ("rum", "FILE", ["rum"]),
        ("check", "FILE --fail 'x > 1' --budget 3m", []),
    ],
)
def test_a_wrong_verb_or_option_is_found(verb: str, rest: str, wrong: list[str]) -> None:
    assert mistakes_of(verb, rest) == wrong
