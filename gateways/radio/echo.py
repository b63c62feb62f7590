"""A call that hears itself: who dials `echo` knows that radio, network and gateway carry sound both ways.

What comes is sent back as it is, to where it came from; keyed sound under the key that it came with: it is the same.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from fusioncmd.errors import Unavailable
from fusioncmd.words import reason
from gateways.radio.calls import CallChanged, CallDown, CallUp, LocalMedia, MediaOffer, SrtpKeys

DIALLED = "echo"
BYTES_MAX = 1_500


class _Back(asyncio.DatagramProtocol):
    """`packets` counts what was sent back."""

    def __init__(self) -> None:
        self.packets = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if self._transport is not None and len(data) <= BYTES_MAX:
            self.packets += 1
            self._transport.sendto(data, addr)


class EchoMedia:
    """Implements `calls.Media`."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._open: dict[str, tuple[asyncio.DatagramTransport, _Back]] = {}

    async def open(self, call: CallUp) -> LocalMedia:
        loop = asyncio.get_running_loop()
        try:
            made = await loop.create_datagram_endpoint(_Back, local_addr=(self._host, 0))
        except OSError as error:
            en, zh = reason(error)
            raise Unavailable(f"No port for the call: {en}.", f"通话无可用端口：{zh}。") from None
        self._open[call.call] = made
        return self._local(call.call, call.offer)

    async def change(self, call: CallChanged) -> LocalMedia:
        if call.call not in self._open:
            raise Unavailable("The call has no sound any more.", "该通话已无媒体。")
        return self._local(call.call, call.offer)

    async def close(self, call: CallDown) -> None:
        if (made := self._open.pop(call.call, None)) is not None:
            made[0].close()

    @property
    def packets(self) -> int:
        return sum(back.packets for _, back in self._open.values())

    def _local(self, call: str, offer: MediaOffer) -> LocalMedia:
        host, port = self._open[call][0].get_extra_info("sockname")[:2]
        keys = None if offer.keys is None else SrtpKeys(offer.keys.inbound, offer.keys.inbound)
        return LocalMedia(host, port, keys, None)
