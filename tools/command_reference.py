"""``docs/commands.md``, every command with its options, from the parsers of ``aging/cli/``.

Not what ``--help`` prints: that depends on the terminal's width and on the release of Python.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from aging.cli.main import parser
from tools.markdown import made_by, table

_HEAD = f"""\
# Commands

{made_by("command_reference", "aging/cli/")}
Every command of `aging`, with its options; `aging VERB --help` prints the same. Times take a unit (`90s`, `2h`,
`30d`), sizes, too (`256B`, `8GiB`). Exit codes: [exit-codes.md](exit-codes.md).

"""


def page() -> str:
    """The whole page."""
    verbs = list(_below(parser()))
    contents = "\n".join(f"- [`{one.prog}`](#{_anchor(one.prog)}): {_about(one)[0]}" for one in verbs)
    return _HEAD + contents + "\n\n" + "\n".join(_section(one, "##") for one in verbs)


def _section(one: argparse.ArgumentParser, level: str) -> str:
    first, rest = _about(one)
    text = f"{level} `{one.prog}`\n\n{first}\n"
    if rest:
        text += f"\n```text\n{rest}\n```\n"
    for group in one._action_groups:
        rows = [(_written(action), _meaning(action)) for action in group._group_actions if _is_shown(action)]
        if rows:
            named = group.title not in ("options", "positional arguments")
            title = f"{group.title}: {group.description}" if group.description else group.title
            text += (f"\n{str(title).capitalize()}:\n" if named else "") + "\n" + table(("argument", "meaning"), rows)
    return text + "".join(f"\n{_section(below, level + '#')}" for below in _below(one))


def _below(one: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                below.description = below.description or helps.get(name)
                yield below


def _about(one: argparse.ArgumentParser) -> tuple[str, str]:
    first, _, rest = (one.description or "").partition("\n")
    return _with_code(first.rstrip(".") + "."), rest.strip("\n")


def _is_shown(action: argparse.Action) -> bool:
    kinds = (argparse._SubParsersAction, argparse._HelpAction)
    return not isinstance(action, kinds) and action.help is not argparse.SUPPRESS


def _written(action: argparse.Action) -> str:
    names = [*action.metavar] if isinstance(action.metavar, tuple) else [action.metavar or _choices(action)]
    value = " ".join(str(name) for name in names if name)
    if action.nargs == "?":
        value = f"[{value}]"
    if not action.option_strings:
        return f"`{value or action.dest}`"
    takes = action.nargs != 0
    return ", ".join(f"`{name} {value}`" if takes and value else f"`{name}`" for name in action.option_strings)


def _choices(action: argparse.Action) -> str:
    if action.choices:
        return "{" + ",".join(str(choice) for choice in action.choices) + "}"
    return "" if action.nargs == 0 else action.dest.upper()


def _meaning(action: argparse.Action) -> str:
    text = _with_code(" ".join(str(action.help or "").replace("%%", "%").split()))
    return text.replace("<", "&lt;") + ("" if not action.required or not action.option_strings else " (required)")


def _with_code(text: str) -> str:
    """The text with options as code: two dashes would become one long one."""
    return re.sub(r"(?<![\w`])(--[a-z][a-z-]*)", r"`\1`", text)


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")
