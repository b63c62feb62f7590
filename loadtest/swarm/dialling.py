"""Connections of very many terminals from one machine: where each comes from, and its socket."""

from __future__ import annotations

import socket

SOURCES = 4
IP_BIND_ADDRESS_NO_PORT = 24  # ip(7): the port is chosen at connect, so that only address pairs limit us


def source_of(first: str, i: int) -> str:
    """The address that connection `i` comes from: one of SOURCES, counted up from `first`.

    Linux looks through the even ports of an address pair before it tries an odd one: with more than half of them in
    use, each further connect from the same address walks past some 14,000 ports.
    """
    head, _, last = first.rpartition(".")
    return f"{head}.{int(last) + i % SOURCES}"


def dial(address: tuple[str, int], source: str, receive_bytes: int = 0) -> int:
    """A descriptor that connects from `source`: what comes of it is read from there.

    `receive_bytes`, where given, is SO_RCVBUF.
    """
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)  # as HAProxy does (`tcp-smart-connect`)
    connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.bind((source, 0))
    connection.connect_ex(address)
    return connection.detach()
