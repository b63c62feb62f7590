"""Addresses as the kernel wants them."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

Address = tuple[str, int]


async def resolved(address: Address, kind: socket.SocketKind) -> tuple[socket.AddressFamily, Any]:
    """The first that the resolver names. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(*address, type=kind)
    family, _, _, _, sockaddr = found[0]
    return family, sockaddr
