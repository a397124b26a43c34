"""Create, list or remove the isolated Python environments of the runtimes under test."""

from __future__ import annotations

import argparse

from aging.core.errors import AgingError, ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "list", "remove"))
    parser.add_argument("name", nargs="?", metavar="NAME", help="environment, as `aging env list` prints it")


def run(options: argparse.Namespace) -> ExitCode:
    import aging.deployments.runtimes
    from aging.core.plugins import discover
    from aging.deployments.base import DeploymentBase
    from aging.deployments.environments import create, remove, state

    plugins = discover(aging.deployments.runtimes, DeploymentBase).values()
    known = {needs.name: needs for plugin in plugins for needs in plugin.requirements}
    if options.action == "list":
        for name, requirements in known.items():
            print(f"{name:<16} {state(requirements):<14} {' '.join(requirements.pins)}")
        return ExitCode.DONE
    if options.name is None:
        raise AgingError(f"env {options.action}: NAME is missing; known: {', '.join(known)}")
    if options.name not in known:
        raise AgingError(f"unknown environment {options.name!r}; known: {', '.join(known)}")
    print((create if options.action == "create" else remove)(known[options.name]))
    return ExitCode.DONE
