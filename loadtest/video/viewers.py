"""`python -m loadtest.video.viewers`: a process of viewers of the video benchmark.

Words on standard input, each answered with a line of JSON: `open COUNT janus PIPE`, `open COUNT whep URL TOKENS` (a
file of one a line, for each viewer another), `open COUNT attacked URL TOKENS`, `attack SECONDS`, `exact`, `count`,
`clear`, `status`, `delays`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import sys
from pathlib import Path

import httpx

from fusioncmd.descriptors import raise_descriptors
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.words import sentence
from loadtest.floor_process import cpu_s
from loadtest.video import hostile
from loadtest.video.janus import Janus
from loadtest.video.peer import Peer, listen_at
from loadtest.video.viewing import Signal, Viewing

OPENING_MAX = 5  # sessions that shake hands at the same time
SIGNAL_S_MAX = 30.0
_PORT = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host")


def by_whep(http: httpx.AsyncClient, url: str, tokens: Path, attacked: bool = False) -> Signal:
    """`attacked`: somebody else is there before our first datagram."""
    left = iter(tokens.read_text("utf-8").split())

    async def signal(peer: Peer) -> None:
        headers = {"authorization": f"Bearer {next(left)}", "content-type": "application/sdp"}
        came = await http.post(url, content=await peer.offer("recvonly"), headers=headers)
        if came.status_code != 201:
            said = came.text[:200]
            raise Unavailable(f"WHEP is refused: {came.status_code} {said}", f"WHEP 被拒绝：{came.status_code} {said}")
        if attacked and (port := _PORT.search(came.text)) is not None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
                for data in hostile.before_connecting():
                    somebody.sendto(data, (port[1], int(port[2])))
        await peer.accept(came.text)

    return signal


def by_janus(janus: Janus) -> Signal:
    async def signal(peer: Peer) -> None:
        handle, offer = await janus.watch()
        await janus.start(handle, await peer.answer(offer))

    return signal


async def _open(viewing: Viewing, signal: Signal, many: int) -> None:
    room = asyncio.Semaphore(OPENING_MAX)

    async def one() -> None:
        async with room:
            await viewing.open(signal)

    await asyncio.gather(*(one() for _ in range(many)))


async def serve(address: str) -> None:
    raise_descriptors()
    listen_at(address)
    viewing = Viewing()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with httpx.AsyncClient(timeout=SIGNAL_S_MAX) as http:
        while words := (await reader.readline()).decode().split():
            reply: dict[str, object] = {}
            try:
                match words:
                    case ["open", many, "janus", pipe]:
                        janus = Janus(str(Path(pipe)))
                        await janus.begin()
                        await _open(viewing, by_janus(janus), int(many))
                    case ["open", many, "whep", url, tokens]:
                        await _open(viewing, by_whep(http, url, Path(tokens)), int(many))
                    case ["open", many, "attacked", url, tokens]:
                        await _open(viewing, by_whep(http, url, Path(tokens), attacked=True), int(many))
                    case ["attack", seconds]:
                        targets = [(one.peer.address, one.ssrc) for one in viewing.viewers]
                        sent = await asyncio.to_thread(hostile.attack, targets, address, float(seconds))
                        reply = {"hostile": sent}
                    case ["exact" | "count" as how]:
                        viewing.exact = how == "exact"
                    case ["clear"]:
                        viewing.clear()
                    case ["delays"]:
                        reply = viewing.delays()
                    case _:
                        reply = viewing.status()
            except Problem as problem:
                reply = {"problem": sentence(problem)}
            print(json.dumps(reply | {"cpu_s": cpu_s()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.video.viewers", description=__doc__)
    parser.add_argument("--address", required=True, help="of this machine, for every session")
    asyncio.run(serve(parser.parse_args().address))


if __name__ == "__main__":
    main()
