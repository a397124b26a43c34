"""Guard a live server for weeks: observe it, let a policy decide when to act, act as configured, export metrics.

  aging guard --name 'vllm serve'                                      observe only
  aging guard --name 'vllm serve' --policy trend --set within=2h --limit 80% --dry-run
  aging guard --cgroup /system.slice/llama.service --policy threshold --limit 8GiB \\
      --action 'systemctl restart llama'
  aging guard --config guard.toml --print-unit > /etc/systemd/system/aging-guard.service
  aging guard --status --state /var/lib/aging-guard

The server is sampled every 5 s and never signaled; only the action affects it: a command, run
without a shell, or a POST to a URL. A server that restarts is followed, except with --pid.
Options of a policy are given with --set KEY=VALUE, or in the table [rejuvenation] of --config;
all other options are keys of its table [guard]. Start with --dry-run.

Behind HAProxy (--proxy, --proxy-server) the server is drained first, and put back once it answers.

exit codes: 0 stopped by SIGTERM or Ctrl-C · 2 bad input, or guarded already ·
            3 the server ended (--pid, --once), or the state cannot be written at the start
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aging.cli.arguments import pattern, pid, url
from aging.core.errors import AgingError, ExitCode

if TYPE_CHECKING:
    from aging.guard.options import Guarding

_OWN = ("run", "config", "set", "action", "url", "policy", "dry_run", "status", "print_unit", "rearm")
_PROXY = {"proxy": "socket", "proxy_server": "servers", "alone": "alone"}


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--pid", type=pid, metavar="PID", help="a process and its descendants")
    what.add_argument("--name", type=pattern, metavar="PATTERN", help="the process whose command line or name matches")
    what.add_argument("--container", metavar="NAME", help="a docker or podman container")
    what.add_argument("--cgroup", metavar="PATH", help="every process of a control group")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with tables [guard] and [rejuvenation]")
    parser.add_argument("--metrics", type=url, metavar="URL", help="Prometheus metrics of the server")
    parser.add_argument("--interval", metavar="TIME", help="between two samples; default: 5s")
    parser.add_argument("--limit", metavar="SIZE", help="largest permitted memory: 8GiB, or 80%% of the kernel's limit")
    parser.add_argument("--policy", metavar="KIND", help="the policy that decides; default: none, observe only")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="option of the policy; repeatable"
    )
    parser.add_argument("--action", metavar="COMMAND", help="command to run, like 'systemctl restart x'")
    parser.add_argument("--url", type=url, metavar="URL", help="URL to POST to instead of a command")
    parser.add_argument("--dry-run", action="store_true", default=None, help="log decisions, carry out none")
    parser.add_argument(
        "--keeps-process", action="store_true", default=None, help="the action frees memory without a new process"
    )
    parser.add_argument(
        "--return-within", metavar="TIME", help="longest time until the next process is ready; default: 10m"
    )
    parser.add_argument("--settle", metavar="TIME", help="time until its memory is compared with before; default: 30s")
    parser.add_argument("--ready-url", type=url, metavar="URL", help="URL that answers 200 once the server is ready")
    proxy = parser.add_argument_group("behind HAProxy")
    proxy.add_argument("--proxy", metavar="ADDRESS", help="runtime API: unix:/run/haproxy/admin.sock or tcp:HOST:PORT")
    proxy.add_argument(
        "--proxy-server", action="append", metavar="BACKEND/SERVER", help="name of the server in HAProxy; repeatable"
    )
    proxy.add_argument("--alone", action="store_true", default=None, help="act even if no other server is up")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="address of the guard's metrics, or none; default: 127.0.0.1:9464"
    )
    parser.add_argument(
        "--state", metavar="DIR", help="folder of the guard's state; default: below ~/.local/state/aging/guard"
    )
    parser.add_argument("--once", action="store_true", default=None, help="end when the server ends")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--status", action="store_true", help="print the state of a guard, and end")
    how.add_argument("--rearm", action="store_true", help="let a disarmed policy act again, and end")
    how.add_argument("--print-unit", action="store_true", help="print a systemd unit of this command, and end")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app import guard as app

    if (options.status or options.rearm) and options.state is not None:
        return _show(Path(options.state), rearm=options.rearm)
    guarding = _guarding(options)
    if options.print_unit:
        from aging.guard.systemd import unit

        print(unit(_as_given(options), guarding.label, app.slug(guarding)), end="")
        return ExitCode.DONE
    folder = app.folder_of(guarding)
    if options.status or options.rearm:
        return _show(folder, rearm=options.rearm)
    return app.guard(guarding, folder, _say)


def _show(folder: Path, *, rearm: bool) -> ExitCode:
    from aging.app import guard as app

    if rearm:
        app.rearm(folder)
        print(f"{folder}: the policy acts again within a few seconds, or with the next start of the guard")
        return ExitCode.DONE
    for line in app.status(folder):
        print(line)
    return ExitCode.DONE


def _guarding(options: argparse.Namespace) -> Guarding:
    """The checked options. Raises GuardError with every mistake."""
    from aging.guard.options import command_of, guarding, setting

    values = vars(options)
    given: dict[str, Any] = {
        key: value for key, value in values.items() if key not in (*_OWN, *_PROXY) and value is not None
    }
    proxy = {name: values[key] for key, name in _PROXY.items() if values[key] is not None}
    if proxy:
        given["proxy"] = proxy
    try:
        table = dict(setting(text) for text in options.set)
        if options.action is not None:
            table["command"] = command_of(options.action)
    except ValueError as error:
        raise AgingError(f"guard: {error}") from None
    for key, value in (("policy", options.policy), ("url", options.url), ("dry_run", options.dry_run)):
        if value is not None:
            table[key] = value
    return guarding(options.config, given, table)


def _as_given(options: argparse.Namespace) -> list[str]:
    """The options as words, without those that the unit has itself."""
    words: list[str] = []
    for key, value in vars(options).items():
        flag = f"--{key.replace('_', '-')}"
        if key in ("run", "state", "status", "rearm", "print_unit") or value in (None, False, []):
            continue
        if value is True:
            words.append(flag)
        elif key == "config":
            words += [flag, str(value.resolve())]
        else:
            for one in value if isinstance(value, list) else [value]:
                words += [flag, str(one)]
    return words


def _say(text: str) -> None:
    """One line of the log; systemd's journal has the time by itself."""
    import os

    at = "" if os.environ.get("JOURNAL_STREAM") else f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  "
    print(f"{at}{text}", file=sys.stderr, flush=True)
