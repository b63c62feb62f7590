"""Bounds of the gateway of positions, each with what happens beyond it. Pure."""

from __future__ import annotations

SENDERS_MAX = 256  # addresses that datagrams come from; the one not heard of for longest is forgotten
DATAGRAMS_PER_S = 500  # of one sender; shed, and counted
DATAGRAMS_BURST = 1_000
DATAGRAM_BYTES_MAX = 8 * 1024  # reject
SYSTEMS_MAX = 512  # MAVLink systems of all senders; the one not heard of for longest is forgotten
TAKEN_MS = 30_000  # a name that its system did not use for so long is another's who wants it
UNIT_EVERY_MS = 1_000  # between two positions of one unit that go on the bus; the rest is shed: newer ones come

CLIENTS_MAX = 128  # TAK clients by TCP; the next is refused
EVENT_BYTES_MAX = 16 * 1024  # of one CoT event; disconnect
EVENTS_PER_S = 20  # of one client; shed, and counted
EVENTS_BURST = 100
UNREAD_MAX = 20  # events in a row that are none; disconnect
WAITING_BYTES_MAX = 512 * 1024  # that a client does not read; disconnect
CLIENT_UNITS_MAX = 64  # units that one client may say; of others it is refused
STALE_S = 300  # for so long TAK shows a unit as present after its last position
SILENT_S = (
    240.0  # a client that says nothing for so long is gone (TAK asks whether we are there each minute); disconnect
)
