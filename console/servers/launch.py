"""Becomes a server that ends when the hub does. Run by path, as a program; imports nothing of ours.

It is a program, and no function between fork and exec, because the hub has threads by then: what a forked copy of
them may do is next to nothing. The process that started it stays the parent of the server it becomes.
"""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, signal: int, user: str, command: list[str]) -> None:
    """Replace this process by *command*, as *user* ("uid:gid", or "-" for nobody else)."""
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - other systems have no prctl

        # After the change of user, which clears it. The kernel now sends *signal* when the starting thread ends.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the hub ended before its server had begun")
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606 - the point of this program


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
