"""`python -m loadtest.voice_process`: one end of the voice benchmark: a gateway that carries calls, or who listens.

`gateway` is the real media of a radio gateway without its signalling: calls are opened here, as SIP would. `sink` is
the other end of every listener. Commands come as words on standard input, answers go out as lines of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import select
import socket
import struct
import sys
import time
from pathlib import Path

import uvloop

from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import parse
from fusioncmd.descriptors import raise_descriptors
from gateways.radio.calls import Caller, CallUp, Codec, MediaOffer
from gateways.radio.media import TalkgroupMedia
from loadtest.floor_process import cpu_s

TYPES: dict[Codec, int] = {"opus": 111, "pcma": 8, "pcmu": 0}
STAMP = struct.Struct(">d")  # when it was due, in an Opus packet's place
STAMP_AT = 13  # behind the RTP header and the first octet of the packet
RECEIVE_BUFFER_BYTES = 64 * 1024 * 1024
SO_RCVBUFFORCE = 33  # socket(7); root alone


def offer(address: tuple[str, int], codec: Codec, floor: bool) -> MediaOffer:
    return MediaOffer(*address, codec, TYPES[codec], 101, 20, True, True, None, address if floor else None)


async def gateway(given: argparse.Namespace) -> None:
    raise_descriptors()
    bus = await open_bus(given.nats, "loadtest", key=given.bus_key)
    media = TalkgroupMedia(bus, f"44-{given.bus_key.stem}", parse("44"), "127.0.0.1")
    await media.start()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    count = 0
    while line := (await reader.readline()).decode().split():
        reply: dict[str, object] = {"cpu_s": cpu_s(), "lost": media.lost, "refused": media.refused}
        if line[0] == "open":  # how many, codec, host and port of the peer, where, and by which button
            ports = []
            for _ in range(int(line[1])):
                count += 1
                codec: Codec = next(name for name in TYPES if name == line[2])
                address = line[3], int(line[4])
                who = Caller(None, f"radio {count}", "440106001", f"radio {count}")
                call = CallUp(str(count), who, line[5], offer(address, codec, line[6] == "floor"))
                local = await media.open(call)
                ports.append((local.port, local.floor_port))
            reply["ports"] = ports
        print(json.dumps(reply), flush=True)
    await media.stop()
    await bus.close()


class Sink:
    """`late` are milliseconds from when a packet of Opus was due to when it came, of each sixteenth."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER_BYTES)
                break
            except PermissionError:
                continue
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._buffer = bytearray(2_048)
        self.counts: dict[int, int] = {}
        self.late: list[float] = []
        self._seen = 0

    def run(self) -> None:
        poll = select.epoll()
        poll.register(self._socket.fileno(), select.EPOLLIN)
        poll.register(sys.stdin.fileno(), select.EPOLLIN)
        print(json.dumps({"port": self._socket.getsockname()[1]}), flush=True)
        while True:
            for fd, _ in poll.poll():
                if fd == self._socket.fileno():
                    self._receive()
                elif not (words := sys.stdin.readline().split()):
                    return
                else:
                    print(json.dumps(self._told(words[0])), flush=True)

    def _receive(self) -> None:
        buffer, counts = self._buffer, self.counts
        try:
            while True:
                size, (_, port) = self._socket.recvfrom_into(buffer)
                if 192 <= buffer[1] < 224:
                    continue  # RTCP
                counts[port] = counts.get(port, 0) + 1
                self._seen += 1
                if self._seen % 16 == 0 and buffer[1] & 0x7F == TYPES["opus"] and size >= STAMP_AT + STAMP.size:
                    self.late.append(1_000 * (time.monotonic() - STAMP.unpack_from(buffer, STAMP_AT)[0]))
        except BlockingIOError:
            return

    def _told(self, word: str) -> object:
        counts, late = list(self.counts.values()), self.late
        if word == "clear":
            self.counts, self.late = {}, []
        return {"counts": counts, "late": late, "cpu_s": cpu_s()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.voice_process", description=__doc__)
    parser.add_argument("role", choices=("gateway", "sink"))
    parser.add_argument("--nats")
    parser.add_argument("--bus-key", type=Path)
    given = parser.parse_args()
    if given.role == "sink":
        Sink().run()
    else:
        uvloop.run(gateway(given))


if __name__ == "__main__":
    main()
