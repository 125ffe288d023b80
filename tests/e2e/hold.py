#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a network and a mount namespace: makes them, says "ready", waits to be killed.

Not unshare(1): that gives up where / is no mount point, as in a plain chroot. There the mounts cannot be cut off from
the host's through any path below /; the way out is the namespace's own root (setns(2) into one's own mount namespace).
"""

import ctypes
import os
import signal

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_PRIVATE_RECURSIVE = 0x40000 | 0x4000
LIBC = ctypes.CDLL(None, use_errno=True)


def call(function, *args):
    if function(*args):
        raise OSError(ctypes.get_errno(), function.__name__)


def main():
    call(LIBC.prctl, 1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    call(LIBC.unshare, CLONE_NEWNS | CLONE_NEWNET)
    root = os.open("/", os.O_DIRECTORY)
    call(LIBC.setns, os.open("/proc/self/ns/mnt", os.O_RDONLY), CLONE_NEWNS)
    call(LIBC.mount, None, b"/", None, MS_PRIVATE_RECURSIVE, None)
    os.fchdir(root)
    os.chroot(".")
    print("ready", flush=True)
    signal.pause()


main()
