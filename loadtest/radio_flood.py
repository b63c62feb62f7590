"""`python -m loadtest.radio_flood`: INVITE and REGISTER of nobody, from many addresses, until it is told to stop.

A fifth of them shows a nonce that was made up, a fifth is noise. Written for `registrations`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import sys
import time
from random import Random

BURST_S = 0.005


def requests(n: int, rng: Random, to: str) -> bytes:
    kind, branch = n % 5, rng.getrandbits(64)
    if kind == 4:
        return rng.randbytes(400)
    method = ("INVITE", "REGISTER")[n % 2]
    claim = ""
    if kind == 3:
        nonce = rng.randbytes(22).hex()[:32]
        claim = f'Authorization: Digest username="x", realm="44", nonce="{nonce}", uri="sip:{to}", response="00"\r\n'
    return (
        f"{method} sip:44@{to} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;rport;branch=z9hG4bK{branch:x}\r\n"
        f"From: <sip:x{branch:x}@{to}>;tag={branch:x}\r\nTo: <sip:44@{to}>\r\nCall-ID: {branch:x}\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:x@203.0.113.1>\r\n{claim}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.radio_flood", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="a second")
    parser.add_argument("--addresses", type=int, default=200)
    given = parser.parse_args()
    rng, sockets = Random(1), []
    for n in range(given.addresses):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((f"127.200.{n // 250}.{1 + n % 250}", 0))
        sock.connect(("127.0.0.1", given.port))
        sock.setblocking(False)
        sockets.append(sock)
    ready = [requests(n, rng, "127.0.0.1") for n in range(5_000)]
    os.nice(5)  # who measures comes first
    began_s, done = time.monotonic(), 0
    while not select.select([sys.stdin], [], [], BURST_S)[0]:
        due = int((time.monotonic() - began_s) * given.rate)
        for n in range(done, min(due, done + 2_000)):
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                sockets[n % len(sockets)].send(ready[n % len(ready)])
        done = max(done, min(due, done + 2_000))
    sys.stdout.write(f"{done} {time.monotonic() - began_s}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
