"""``python tether.py PARENT_PID PROGRAM…``: become PROGRAM, and be sent SIGTERM when the parent dies.

Run by path with the bare interpreter, between fork and the real program, so that a
harness that is killed outright (SIGKILL, OOM) leaves no server and no load behind.
The setting survives ``exec``; where the kernel has no such call the program runs untethered.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h

if __name__ == "__main__":
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the call
            sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])
