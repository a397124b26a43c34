"""Print what makes a shell complete verbs, options, campaign files and result directories.

  aging completion bash > ~/.local/share/bash-completion/completions/aging
  aging completion zsh  > "${fpath[1]}/_aging"          # a folder of $fpath, before compinit
  aging completion fish > ~/.config/fish/completions/aging.fish

For the present bash alone: eval "$(aging completion bash)". Print it again after an upgrade.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from aging.core.errors import ExitCode

_SHELLS = ("bash", "zsh", "fish")

_CAMPAIGN: Mapping[str, str] = {
    "bash": "_aging_campaign_files",
    "zsh": "_files -g '*.toml'",
    "fish": "(_aging_campaign_files)",
}

_PREAMBLE: Mapping[str, str] = {
    "bash": """
_aging_campaign_files() {
  compgen -d -- "$1"
  compgen -f -X '!*.toml' -- "$1"
}
""",
    "fish": """
function _aging_campaign_files
  __fish_complete_path (commandline -ct) | string match -r '.*(?:/|[.]toml)(?:\\t.*)?$'
end
""",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help=", ".join(_SHELLS))


def run(options: argparse.Namespace) -> ExitCode:
    from shtab import complete

    from aging.cli.main import VERBS, parser

    whole = parser(VERBS)
    _say_what_files(whole)
    print(complete(whole, shell=options.shell, preamble=dict(_PREAMBLE)))  # type: ignore[arg-type]
    return ExitCode.DONE


def _say_what_files(parser: argparse.ArgumentParser) -> None:
    """Set which paths are offered for every action that takes one; shtab reads it from an attribute ``complete``."""
    from shtab import DIRECTORY, FILE

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                _say_what_files(verb)
        elif (action.help or "").startswith("campaign file") and action.metavar == "FILE":
            action.complete = _CAMPAIGN  # type: ignore[attr-defined]
        elif action.type is Path or action.metavar == "FILE":
            action.complete = DIRECTORY if action.metavar == "DIR" else FILE  # type: ignore[attr-defined]
