"""`python -m loadtest.video.source`: who publishes in the video benchmark, by WHIP, or as plain RTP for Janus.

A frame's packets go at once, a keyframe's four each 5 ms, as from a sender that paces. Words on standard input, each
answered with a line of JSON: `plain PORT`, `whip URL TOKEN`, `go SPEED`, `stop`, `status`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import httpx

from fusioncmd.errors import BadMessage, Problem, Unavailable
from fusioncmd.video import rtcp
from fusioncmd.video.source import VIDEO_RATE, VIDEO_TYPE
from fusioncmd.words import sentence
from loadtest.floor_process import cpu_s
from loadtest.video import clip
from loadtest.video.peer import Peer, listen_at

BURST, BURST_S = 4, 0.005
REPORT_S = 1.0
KEPT = 1_024  # packets, for who asks again
PLAIN_SSRC = 0x0BEC4A11
SIGNAL_S_MAX = 30.0
DATAGRAM_BYTES_MAX = 2_048


class Pace:
    """When what of the clip is due: `(second, frame, begin, end)`, from its start."""

    def __init__(self, frames: list[clip.Frame]) -> None:
        self.turns = [
            (n / clip.RATE_PER_S + BURST_S * (begin // BURST), n, begin, begin + BURST)
            for n, frame in enumerate(frames)
            for begin in range(0, len(frame.packets), BURST)
        ]
        self.turns.sort()
        self.seconds = clip.FRAMES / clip.RATE_PER_S


class Playing:
    """Repeats the clip in a thread of its own, `speed` times as fast, until it is stopped; asked for a new picture,
    it begins again. `send` is given a packet and gives back what went out, `again` is given that once more, `report`
    an RTCP compound."""

    def __init__(
        self, send: Callable[[bytes], bytes], again: Callable[[bytes], None], report: Callable[[bytes], None] | None,
        ssrc: int, payload_type: int,
    ) -> None:  # fmt: skip
        self._resend = again
        self._send, self._report, self._ssrc, self._type = send, report, ssrc, payload_type
        self._frames = clip.made()
        self._pace = Pace(self._frames)
        self.sent = self.resent = self.pictures_asked = 0
        self.wanted = threading.Event()  # a new picture
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._origin = time.monotonic()

    def go(self, speed: float) -> None:
        self.stop()
        self._over.clear()
        self._thread = threading.Thread(target=self._play, args=(speed,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def again(self, sequences: tuple[int, ...]) -> None:
        for sequence in sequences:
            if (packet := self._kept.get(sequence)) is not None:
                self._resend(packet)
                self.resent += 1

    def _play(self, speed: float) -> None:
        began, reported = time.monotonic(), 0.0
        while not self._over.is_set():
            for due, n, begin, end in self._pace.turns:
                if self._over.is_set() or (self.wanted.is_set() and n > 0):
                    break
                left = began + due / speed - time.monotonic()
                if left > 0:
                    time.sleep(left)
                ticks = int(VIDEO_RATE * (began + n / clip.RATE_PER_S / speed - self._origin))
                self._turn(self._frames[n].packets[begin:end], ticks)
                if n == 0:
                    self.wanted.clear()
                if time.monotonic() - reported > REPORT_S:
                    reported = time.monotonic()
                    self._say(int(VIDEO_RATE * (reported - self._origin)))
            began = time.monotonic() if self.wanted.is_set() else began + self._pace.seconds / speed

    def _turn(self, packets: list[bytearray], ticks: int) -> None:
        for packet in packets:
            clip.fill(packet, self.sent, ticks, self._ssrc, self._type, self.sent, time.time_ns())
            data = self._send(bytes(packet))
            if self._report is not None:
                self._kept[self.sent & 0xFFFF] = data
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self.sent += 1

    def _say(self, ticks: int) -> None:
        if self._report is not None:
            ntp = rtcp.to_ntp(time.time() * 1_000)
            octets = self.sent * (clip.PACKET_BYTES - 12)
            report = rtcp.SenderReport(self._ssrc, ntp, ticks & 0xFFFF_FFFF, self.sent, octets)
            self._report(rtcp.build([report, rtcp.Name(self._ssrc, b"clip")]))


def plain(port: int) -> Playing:
    there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there.connect(("127.0.0.1", port))

    def send(packet: bytes) -> bytes:
        with contextlib.suppress(ConnectionRefusedError, BlockingIOError):
            there.send(packet)
        return packet

    return Playing(send, _nothing, None, PLAIN_SSRC, VIDEO_TYPE)


async def whip(url: str, token: str) -> Playing:
    """Publishes, and heeds what is asked of it. Raises Unavailable."""
    peer = Peer()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/sdp"}
    async with httpx.AsyncClient(timeout=SIGNAL_S_MAX) as http:
        came = await http.post(url, content=await peer.offer("sendonly"), headers=headers)
    if came.status_code != 201:
        said = came.text[:200]
        raise Unavailable(f"WHIP is refused: {came.status_code} {said}", f"WHIP 被拒绝：{came.status_code} {said}")
    await peer.accept(came.text)
    await peer.connected()
    address, there = peer.address, peer.socket
    sending = threading.Lock()  # one SRTP context

    def again(sealed: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            there.sendto(sealed, address)

    def send(packet: bytes) -> bytes:
        with sending:
            sealed: bytes = peer.protect(packet)
        again(sealed)
        return sealed

    def report(packet: bytes) -> None:
        with sending, contextlib.suppress(BlockingIOError):
            there.sendto(peer.protect_rtcp(packet), address)

    playing = Playing(send, again, report, peer.ssrc, peer.payload_type)
    asyncio.get_running_loop().add_reader(there.fileno(), _heed, peer, playing)
    return playing


def _nothing(_: bytes) -> None:
    """Nobody asks again for what is sent plain."""


def _heed(peer: Peer, playing: Playing) -> None:
    data, address = peer.socket.recvfrom(DATAGRAM_BYTES_MAX)
    if not (data and 128 <= data[0] < 192):
        return peer.other(data, address)
    try:
        said = rtcp.parse(peer.unprotect_rtcp(data))
    except BadMessage:
        return
    for one in said:
        if isinstance(one, rtcp.Pli | rtcp.Fir):
            playing.pictures_asked += 1
            playing.wanted.set()
        elif isinstance(one, rtcp.Nack):
            playing.again(one.lost)


async def serve(address: str) -> None:
    listen_at(address)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    playing: Playing | None = None
    while words := (await reader.readline()).decode().split():
        reply: dict[str, object] = {}
        try:
            match words:
                case ["plain", port]:
                    playing = plain(int(port))
                case ["whip", url, token]:
                    playing = await whip(url, token)
                case ["go", speed] if playing is not None:
                    playing.go(float(speed))
                case ["stop"] if playing is not None:
                    await asyncio.to_thread(playing.stop)
        except Problem as problem:
            reply = {"problem": sentence(problem)}
        if playing is not None:
            reply |= {"sent": playing.sent, "resent": playing.resent, "pictures_asked": playing.pictures_asked}
        print(json.dumps(reply | {"cpu_s": cpu_s()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.video.source", description=__doc__)
    parser.add_argument("--address", required=True, help="of this machine, for its session")
    asyncio.run(serve(parser.parse_args().address))


if __name__ == "__main__":
    main()
