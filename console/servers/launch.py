"""Becomes a server that ends when the hub does. Run by path, as a program; imports nothing of ours.

It is a program, and no function between fork and exec, because the hub has threads by then, and what a forked
copy of them may do is next to nothing. The process that started it stays the parent of the server.
"""

from __future__ import annotations

import os
import sys

if sys.platform == "linux":
    import ctypes  # now: the servers' user may not be able to read our Python

    LIBC = ctypes.CDLL(None)
    PR_SET_PDEATHSIG = 1


def become(parent: int, signal: int, user: str, command: list[str]) -> None:
    """Replace this process by *command*, as *user* ("uid:gid", or "-" to stay who we are)."""
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which clears it. *signal* now comes when the starting thread ends.
        LIBC.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the hub ended before its server had begun
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606 - the point of this program


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
