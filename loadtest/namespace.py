"""A network namespace of one's own, for scenarios with so many connections that the kernel's socket table is short.

The kernel finds the socket of each packet in a hash table, whose size is set when it boots: 262,144 chains with 24 GiB
of memory. 840,000 connections, both ends here, are 1.7 million sockets: each packet walks past several that are cold in
the cache, a sixth of what a call-down costs. A server for so many boots with `thash_entries=`; here a namespace gets a
table of its own (net.ipv4.tcp_child_ehash_entries, Linux 6.1, Documentation/networking/ip-sysctl.rst).
"""

from __future__ import annotations

import ctypes
import fcntl
import io
import os
import socket
import struct
from pathlib import Path

ENTRIES = Path("/proc/sys/net/ipv4/tcp_ehash_entries")
CHILD_ENTRIES = Path("/proc/sys/net/ipv4/tcp_child_ehash_entries")
ENTRIES_MAX = 1 << 24  # more the kernel does not take
_CLONE_NEWNET = 0x40000000  # unshare(2)
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # netdevice(7)


def table_entries() -> int:
    """Chains in the socket table of the namespace that this process is in; 0 where the kernel does not say."""
    try:
        return abs(int(ENTRIES.read_text()))  # negative: a namespace that shares the first one's table
    except OSError:
        return 0


def entries_for(sockets: int) -> int:
    """A chain or two for each: a power of two."""
    return min(1 << sockets.bit_length(), ENTRIES_MAX)


def make_room(sockets: int) -> bool:
    """Move this process, and what it starts from now on, to a namespace with loopback and a table for `sockets`.

    False, and nothing has changed, where there is room, the kernel cannot do it, or this user may not.
    """
    if not 0 < table_entries() < sockets or os.geteuid() != 0:
        return False
    try:
        # Kept open: from within the new namespace the path leads to that one's setting.
        with CHILD_ENTRIES.open("r+b", buffering=0) as setting:
            before = setting.read()
            try:
                _set(setting, str(entries_for(sockets)).encode())
                if ctypes.CDLL(None).unshare(_CLONE_NEWNET) != 0:
                    return False
            finally:
                _set(setting, before)
    except OSError:  # an older kernel, a sealed /proc
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP))
    return True


def _set(setting: io.FileIO, value: bytes) -> None:
    setting.seek(0)
    setting.write(value)
