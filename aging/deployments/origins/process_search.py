"""The running processes that a pattern means: by command line or name, without those that only watch or mention it.

`--name 'vllm serve'` is also in the command line of the shell that typed it, of `pgrep -f`, of an editor of the notes,
and of the next `aging observe`. None of them is the server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from aging.core.processes import procfs
from aging.core.processes.command_lines import masked

SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "fish", "ash"))

WRAPPERS = frozenset(
    (
        *("sudo", "doas", "su", "runuser", "timeout", "nice", "ionice", "chrt", "taskset", "numactl", "stdbuf", "time"),
        *("env", "nohup", "setsid", "setpriv", "unshare", "nsenter", "systemd-run", "tini", "dumb-init", "catatonit"),
        *("docker-init", "s6-supervise", "runsv", "supervise", "script", "screen", "tmux", "tmux: server", "xargs"),
        *("flock", "chroot", "ssh", "mosh", "docker", "podman", "nerdctl", "kubectl", "oc"),
    )
)
"""Programs with the command line of another program in their arguments: it runs beside or below them, or elsewhere."""

_READERS = frozenset(
    (
        *("pgrep", "pkill", "killall", "pidof", "grep", "egrep", "fgrep", "rg", "ag", "ack", "awk", "gawk", "mawk"),
        *("ps", "top", "htop", "atop", "btop", "watch", "tail", "head", "less", "more", "cat", "find", "fd", "locate"),
        *("journalctl", "multitail", "lnav", "tee", "wc", "sort", "cut", "jq", "sed", "man", "diff", "git"),
        *("vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "hx", "helix", "ed", "joe", "kak", "code"),
        *("strace", "ltrace", "perf", "gdb", "lsof", "pidstat", "psrecord", "mprof", "py-spy", "memray", "bpftrace"),
        *("curl", "wget", "scp", "rsync"),
    )
)
"""Programs that look at a process or a file of this name, and serve nothing."""

_INTERPRETERS = re.compile(r"(python|pypy|node|ruby|perl|java)[\d.]*")
_AGING_MODULES = re.compile(r"aging(\.(__main__|cli|app|core|runner|load)\b.*)?")
_KERNEL_THREADS = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A running process: its parent, its name of at most 15 letters, and the words of its command line."""

    pid: int
    parent: int
    name: str
    words: tuple[str, ...]

    @property
    def line(self) -> str:
        """Its command line for people: printable, secrets masked; its name in brackets where it has none."""
        line = " ".join(masked(self.words)) if self.words else f"[{self.name}]"
        return "".join(letter if letter.isprintable() else " " for letter in line)

    @property
    def program(self) -> str:
        """The name of its program's file; that of the process where it has no command line."""
        return PurePath(self.words[0]).name.removeprefix("-") if self.words and self.words[0] else self.name


def candidates() -> Mapping[int, Candidate]:
    """Every running process but the kernel's threads, by pid."""
    return {one.pid: one for name in os.listdir("/proc") if name.isdigit() and (one := _candidate(int(name)))}


def matching(
    pattern: str, running: Mapping[int, Candidate], caller: int, *, shells: bool = True
) -> Sequence[Candidate]:
    """The processes that ``pattern`` means, by pid: those that match, without a matching ancestor.

    A worker belongs to its server. The process ``caller`` and its ancestors are left out, and the scripts of shells
    without ``shells``.
    """
    searched = re.compile(pattern)
    left_out = {caller, *_ancestors(caller, running)}
    found = {
        pid
        for pid, one in running.items()
        if pid not in left_out
        and not _observes(one)
        and (shells or one.program not in SHELLS)
        and any(map(searched.search, _names(one)))
    }
    # The script that starts a server again and again may have its name.
    with_child = {above for pid in found for above in _ancestors(pid, running)}
    found -= {pid for pid in found & with_child if running[pid].program in SHELLS}
    return [running[pid] for pid in sorted(found) if not found.intersection(_ancestors(pid, running))]


def _names(one: Candidate) -> Iterator[str]:
    """What a pattern is compared with: of a shell its script, of a wrapper its name."""
    yield one.name
    words = one.words
    if one.program in WRAPPERS:
        words = words[:1]
    elif one.program in SHELLS:
        script = next((place for place, word in enumerate(words[1:], 1) if not word.startswith("-")), 0)
        words = () if any(re.fullmatch(r"-\w*c\w*", word) for word in words[1:]) else words[: script + 1]
    yield " ".join(words)


def _observes(one: Candidate) -> bool:
    return one.program in _READERS or _is_aging(one.words)


def _is_aging(words: Sequence[str]) -> bool:
    """Whether this is the command line of the instrument, of its keeper or of one of its workers."""
    rest = list(words)
    while rest and (PurePath(rest[0]).name in WRAPPERS or re.fullmatch(r"[\d.]+[smhd]?|-.*|\w+=.*", rest[0])):
        del rest[0]
    if rest and _INTERPRETERS.fullmatch(PurePath(rest[0]).name):
        options = rest[1:]
        if "-m" in options[:4]:
            module = options[options.index("-m") + 1 :][:1]
            return bool(module) and _AGING_MODULES.fullmatch(module[0]) is not None
        rest = [word for word in options if not word.startswith("-")]
    if not rest:
        return False
    program = PurePath(rest[0])
    return program.name == "aging" or program.parts[-3:] == ("aging", "runner", "keeper.py")


def _ancestors(pid: int, running: Mapping[int, Candidate]) -> Collection[int]:
    found: set[int] = set()
    one = running.get(pid)
    while one is not None and one.parent not in found:
        found.add(one.parent)
        one = running.get(one.parent)
    return found


def _candidate(pid: int) -> Candidate | None:
    try:
        head, _, tail = procfs.read(pid, "stat").rpartition(")")
        state, parent = tail.split()[:2]
        text = procfs.read(pid, "cmdline").rstrip("\0")
    except (OSError, ValueError):  # it has ended, or hidepid hides it
        return None
    if state in "ZX" or (not text and _KERNEL_THREADS in (pid, int(parent))):
        return None
    return Candidate(pid, int(parent), head.partition("(")[2], tuple(text.split("\0")) if text else ())
