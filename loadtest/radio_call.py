"""One call for `registrations`: to `echo`, changed again and again, with sound each 20 ms whose way back is timed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
import time
from hashlib import sha256
from typing import Any

from fusioncmd import radios

PACKET_S = 0.02
CHANGE_S = 0.25
ANSWER_S_MAX = 5.0
LATE_S = 0.06  # a jitter buffer would have dropped it
LOST_S = 1.0
SAY_AGAIN_S = 0.5


class _Heard(asyncio.DatagramProtocol):
    def __init__(self, take: Any) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._take(data)

    def error_received(self, exc: Exception) -> None:
        pass  # it is said again, or counted as lost


class Call:
    def __init__(self, account: str, secret: str, realm: str, at: tuple[str, int]) -> None:
        self._account, self._secret, self._realm, self._at = account, secret, realm, at
        self._number, self._tag, self._target = 0, "", f"sip:echo@{at[0]}"
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._sent_s: dict[int, float] = {}
        self._changes: list[float] = []
        self._sent = self._late = self._back = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        loop = asyncio.get_running_loop()
        local = ("127.0.0.1", 0)
        self._sip, _ = await loop.create_datagram_endpoint(lambda: _Heard(self._said), local, self._at)
        self._rtp, _ = await loop.create_datagram_endpoint(lambda: _Heard(self._sound), local)
        challenge = await self._ask("INVITE")
        assert challenge.startswith("SIP/2.0 401"), challenge
        self._send("ACK", number=self._number)
        found = re.findall(r'nonce="([^"]+)"', challenge)[0]
        answer = await self._ask("INVITE", self._claim(found))
        assert answer.startswith("SIP/2.0 200"), answer
        self._take_up(answer)
        self._tasks = [asyncio.create_task(self._talk()), asyncio.create_task(self._change())]

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ask("BYE")
        self._sip.close()
        self._rtp.close()

    def spell(self) -> None:
        """Count from now on."""
        self._changes, self._sent, self._late, self._back = [], 0, 0, 0
        self._sent_s.clear()

    def told(self) -> tuple[list[float], int, int, int]:
        """Seconds of each change; packets that were sent, that came late, and that did not come back."""
        flying = sum(time.monotonic() - at_s < LOST_S for at_s in self._sent_s.values())
        return self._changes, self._sent, self._late, self._sent - self._back - flying

    async def _talk(self) -> None:
        number, next_s = 0, time.monotonic()
        while True:
            number = (number + 1) % 65_536
            self._sent_s[number], self._sent = time.monotonic(), self._sent + 1
            packet = struct.pack("!BBHII", 0x80, 8, number, number * 160, 1) + bytes(160)
            self._rtp.sendto(packet, self._media)
            next_s += PACKET_S
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))

    async def _change(self) -> None:
        while True:
            await asyncio.sleep(CHANGE_S)
            began_s = time.monotonic()
            answer = await self._ask("INVITE")
            assert answer.startswith("SIP/2.0 200"), answer
            self._changes.append(time.monotonic() - began_s)
            self._take_up(answer)

    def _sound(self, data: bytes) -> None:
        at_s = self._sent_s.pop(struct.unpack_from("!H", data, 2)[0], None)
        if at_s is not None:
            self._back += 1
            self._late += time.monotonic() - at_s > LATE_S

    def _take_up(self, answer: str) -> None:
        self._tag = re.findall(r"\r\nTo: [^\r]*;tag=(\S+)", answer)[0]
        self._target = re.findall(r"\r\nContact: <([^>]+)>", answer)[0]
        self._media = (self._at[0], int(re.findall(r"m=audio (\d+)", answer)[0]))
        self._send("ACK", number=self._number)

    def _said(self, data: bytes) -> None:
        text = data.decode()
        number = int(re.findall(r"\r\nCSeq: (\d+)", text)[0])
        waiting = self._answers.get(number)
        if waiting is not None and not waiting.done() and not text.startswith("SIP/2.0 1"):
            waiting.set_result(text)

    async def _ask(self, method: str, claim: str = "") -> str:
        """The final answer; said again as SIP does."""
        self._number += 1
        number = self._number
        self._answers[number] = waiting = asyncio.get_running_loop().create_future()
        wait_s, left_s = SAY_AGAIN_S, ANSWER_S_MAX
        try:
            while True:
                self._send(method, claim, number)
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(waiting), wait_s)
                left_s, wait_s = left_s - wait_s, wait_s * 2
                if left_s <= 0:
                    raise TimeoutError(f"nobody answers {method}")
        finally:
            del self._answers[number]

    def _send(self, method: str, claim: str = "", number: int = 0) -> None:
        host, port = self._sip.get_extra_info("sockname")
        media = self._rtp.get_extra_info("sockname")[1]
        body = ""
        if method == "INVITE":
            body = f"v=0\r\no=- 1 {number} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            body += f"m=audio {media} RTP/AVP 8\r\n"
        to = f"<sip:echo@{self._at[0]}>" + (f";tag={self._tag}" if self._tag else "")
        typed = "Content-Type: application/sdp\r\n" if body else ""
        branch = f"z9hG4bKcall{'INVITE' if method == 'ACK' and not self._tag else method}{number}"
        text = (
            f"{method} {self._target} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};rport;branch={branch}\r\n"
            f"From: <sip:{self._account}@{self._at[0]}>;tag=call\r\nTo: {to}\r\nCall-ID: the-call\r\n"
            f"CSeq: {number} {method}\r\nContact: <sip:{self._account}@{host}:{port}>\r\nMax-Forwards: 70\r\n"
            f"{claim}{typed}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._sip.sendto(text.encode())

    def _claim(self, nonce: str) -> str:
        first, _ = radios.hashes(self._account, self._realm, self._secret)
        second = sha256(f"INVITE:{self._target}".encode()).hexdigest()
        response = sha256(f"{first}:{nonce}:00000001:c:auth:{second}".encode()).hexdigest()
        return (
            f'Authorization: Digest username="{self._account}", realm="{self._realm}", nonce="{nonce}", '
            f'uri="{self._target}", response="{response}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c"\r\n'
        )
