"""Radios for `registrations`: each at an address of its own, registering again and again by SHA-256 digest.

They say again what is not answered, as SIP does over UDP (RFC 3261 §17.1.2), and count what they had to.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from dataclasses import dataclass, field
from hashlib import sha256

T1_S, GIVE_UP_S = 0.5, 8.0
TICK_S = 0.01
_NONCE = re.compile(rb'nonce="([^"]+)"')


@dataclass(slots=True)
class Figures:
    """`times_s`: from the first REGISTER to its 200, both round trips."""

    times_s: list[float] = field(default_factory=list)
    again: int = 0
    failed: int = 0
    refused: int = 0


class Radio:
    """One account at one address."""

    __slots__ = (
        "_at",
        "_begun_s",
        "_figures",
        "_first",
        "_n",
        "_said",
        "_said_s",
        "_wait_s",
        "account",
        "busy",
        "sock",
    )

    def __init__(self, n: int, account: str, realm: str, secret: str, at: tuple[str, int], figures: Figures) -> None:
        self.account, self._at, self._figures, self._n, self.busy = account, at, figures, 0, False
        self._first = sha256(f"{account}:{realm}:{secret}".encode()).hexdigest()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((f"127.{10 + n // 62_500}.{n // 250 % 250}.{1 + n % 250}", 0))
        self.sock.connect(at)
        self.sock.setblocking(False)
        self._said, self._begun_s, self._said_s, self._wait_s = b"", 0.0, 0.0, T1_S

    def begin(self, now_s: float) -> None:
        self.busy, self._begun_s = True, now_s
        self._say("", now_s)

    def _say(self, claim: str, now_s: float) -> None:
        self._n += 1
        host, port = self.sock.getsockname()
        account, to = self.account, self._at[0]
        self._said = (
            f"REGISTER sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{account}{self._n}\r\n"
            f"From: <sip:{account}@{to}>;tag={account}\r\nTo: <sip:{account}@{to}>\r\nCall-ID: {account}\r\n"
            f"CSeq: {self._n} REGISTER\r\nContact: <sip:{account}@{host}:{port}>\r\nMax-Forwards: 70\r\n"
            f"Expires: 3600\r\n{claim}User-Agent: swarm\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        self._said_s, self._wait_s = now_s, T1_S
        self._send()

    def _send(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):  # lost: it is said again
            self.sock.send(self._said)

    def heard(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self._take(self.sock.recv(4_096), time.monotonic())

    def _take(self, data: bytes, now_s: float) -> None:
        if not self.busy or b"CSeq: %d " % self._n not in data:
            return  # an answer to what was said twice
        if data.startswith(b"SIP/2.0 200"):
            self._figures.times_s.append(now_s - self._begun_s)
            self.busy = False
        elif data.startswith(b"SIP/2.0 401") and (found := _NONCE.search(data)) and b"Authorization" not in self._said:
            nonce, uri = found[1].decode(), f"sip:{self._at[0]}"
            second = sha256(f"REGISTER:{uri}".encode()).hexdigest()
            response = sha256(f"{self._first}:{nonce}:00000001:c:auth:{second}".encode()).hexdigest()
            realm = data.split(b'realm="')[1].split(b'"')[0].decode()
            self._say(
                f'Authorization: Digest username="{self.account}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
                f'response="{response}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c"\r\n',
                now_s,
            )
        else:
            self._figures.refused += 1
            self.busy = False

    def look(self, now_s: float) -> None:
        """Say it again, or give up."""
        if not self.busy or now_s < self._said_s + self._wait_s:
            return
        if now_s - self._begun_s > GIVE_UP_S:
            self._figures.failed += 1
            self.busy = False
            return
        self._figures.again += 1
        self._said_s, self._wait_s = now_s, self._wait_s * 2
        self._send()


async def register(radios: list[Radio], rate: float, seconds: float) -> None:
    """At `rate` a second, each radio in its turn, where it is not busy; until all have an end."""
    loop = asyncio.get_running_loop()
    for radio in radios:
        loop.add_reader(radio.sock.fileno(), radio.heard)
    began_s, done = time.monotonic(), 0
    try:
        while (now_s := time.monotonic()) < began_s + seconds or any(radio.busy for radio in radios):
            due = int(min(now_s - began_s, seconds) * rate)
            while done < due:
                radio = radios[done % len(radios)]
                if not radio.busy:
                    radio.begin(now_s)
                done += 1
            for radio in radios:
                radio.look(now_s)
            await asyncio.sleep(TICK_S)
    finally:
        for radio in radios:
            loop.remove_reader(radio.sock.fileno())
