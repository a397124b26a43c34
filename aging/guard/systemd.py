"""systemd: readiness and watchdog over `NOTIFY_SOCKET` (sd_notify(3)), and the unit that is shipped."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

_UNIT = """\
# aging guard: observes a server and restarts it before its memory is exhausted.
# Install it as /etc/systemd/system/aging-guard-{name}.service, then:
#   systemctl daemon-reload && systemctl enable --now aging-guard-{name}
#   aging guard --status --state /var/lib/aging-guard/{name}
[Unit]
Description=aging guard {description}
After=network.target
# What is refused (exit 2) is a mistake of the command line: starting it again does not mend it.
StartLimitIntervalSec=10min
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
Restart=on-failure
RestartSec=10s
RestartPreventExitStatus=2
WatchdogSec=2min
# The action that is under way ends first: see "The guard of a live server" in docs/rejuvenation.md.
TimeoutStopSec=2min
KillMode=mixed
StateDirectory=aging-guard/{name}
StateDirectoryMode=0750
MemoryMax=256M
CPUQuota=25%
TasksMax=64
OOMScoreAdjust=-500

# It reads /proc of its server and runs your action. An action that starts the server by itself, instead of asking
# systemd or a container engine, would start it in here, within these limits.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectClock=yes
PrivateTmp=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
UMask=0027

[Install]
WantedBy=multi-user.target
"""


class Notifier:
    """Speaks to the service manager that has started this process; without one it has no effect."""

    def __init__(self, address: str | None = None) -> None:
        given = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = f"\0{given[1:]}" if given and given.startswith("@") else given

    def ready(self, status: str) -> None:
        """The service has started."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def alive(self, status: str | None = None) -> None:
        """The watchdog is kept quiet."""
        self._send("WATCHDOG=1" if status is None else f"WATCHDOG=1\nSTATUS={_line(status)}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(1.0)
                sender.sendto(message.encode(errors="replace"), self._address)
        except OSError:  # the manager is restarted: its next watchdog message reaches it
            return


def watchdog_seconds() -> float | None:
    """How often at least the manager is to hear of this process; None without a watchdog."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdigit() and int(text) > 0 else None


def unit(arguments: Sequence[str], description: str, name: str) -> str:
    """The unit file of a guard with these options of `aging guard`; ``name`` is part of its name and its folder."""
    words = [sys.executable, "-m", "aging", "guard", *arguments, "--state", f"/var/lib/aging-guard/{name}"]
    return _UNIT.format(name=name, description=_line(description).replace("%", "%%"), command=_command(words))


def _command(words: Sequence[str]) -> str:
    """A command line in the syntax of `ExecStart=` (systemd.service(5), "Command lines")."""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    plain = escaped and all(letter.isalnum() or letter in "-_./:=%,@+$\\" for letter in escaped)
    quoted = escaped.replace('"', '\\"').replace("\n", "\\n")
    return escaped if plain and "\\" not in escaped else f'"{quoted}"'


def _line(text: str) -> str:
    return " ".join(text.split())
