"""What a talkgroup says, and to whom: the sockets and the bus as it sees them. Pure."""

from __future__ import annotations

from typing import Protocol

from gateways.radio.leg import Leg


class Wire(Protocol):
    """What a talkgroup says: to a call by RTP or RTCP, to the bus, and which keys were pressed."""

    def rtp(self, leg: Leg, packet: bytearray) -> None: ...

    def rtcp(self, leg: Leg, packet: bytes) -> None: ...

    def say(self, subject: str, data: bytes) -> None: ...

    def pressed(self, leg: Leg, key: str, order: bytes) -> None:
        """`order` was spoken in the talkgroup lately; empty: none was."""
