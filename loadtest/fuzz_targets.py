"""What `fuzz` feeds: each target takes bytes, and lets out no exception but those that nobody expects."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec
from fusioncmd.video import rtcp as video_rtcp
from fusioncmd.voice import rtcp, rtp
from gateways.radio.sip_agent import Agent
from gateways.radio.sip_digest import Secrets
from gateways.radio.sip_reply import Flow
from gateways.radio.sip_sdp import Unusable, read_offer
from gateways.radio.sip_stream import Framing
from gateways.radio.sip_syntax import BadSyntax
from loadtest import fuzz_alarms, fuzz_video

Target = Callable[[bytes], None]
AGENT_INPUTS = 200  # then another: what one input leaves is there for the next
STEP_S = 7.0
PEER = Flow("udp", "192.0.2.9", 5060, 0)
OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 96 101\r\n"
OFFER += b"a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=crypto:1 X inline:AAAA\r\na=sendonly\r\n"


class Believing(Agent):
    """Whoever says so is the account `a`: so that what comes after a proof is reached."""

    def __init__(self, now_s: float) -> None:
        super().__init__(
            "44", b"k" * 32, lambda _: Secrets("0" * 64, ""), os.urandom, lambda _: "192.0.2.1:5060",
            lambda _: "sip:gateway@192.0.2.1:5060", now_s,
        )  # fmt: skip
        self.strangers.proved(PEER.host, PEER.port, now_s)

    def _prove(self, *_: object) -> str:
        return "a"


def sip() -> Target:
    inputs, agent = 0, Believing(0.0)

    def take(data: bytes) -> None:
        nonlocal inputs, agent
        inputs += 1
        if inputs % AGENT_INPUTS == 0:
            for step in range(40):
                agent.tick(inputs * STEP_S + step * STEP_S)
            assert len(agent.transactions) == 0 and len(agent.book) == 0, "something is kept for ever"
            agent = Believing(inputs * STEP_S)
        agent.receive(data, PEER, inputs * STEP_S, 1_700_000_000_000)
        agent.tick(inputs * STEP_S)
        agent.out.clear()
        agent.events.clear()

    return take


def sdp() -> Target:
    def take(data: bytes) -> None:
        with contextlib.suppress(Unusable):
            read_offer(data, True)

    return take


def stream() -> Target:
    def take(data: bytes) -> None:
        with contextlib.suppress(BadSyntax):
            framing = Framing()
            for at in range(0, len(data), 50):
                framing.feed(data[at : at + 50])

    return take


def of_media(parse: Callable[[bytes], object]) -> Callable[[], Target]:
    def take(data: bytes) -> None:
        with contextlib.suppress(BadMessage):
            parse(data)

    return lambda: take


TARGETS: dict[str, Callable[[], Target]] = {
    "sip": sip,
    "sdp": sdp,
    "stream": stream,
    "rtp": of_media(rtp.parse),
    "rtcp": of_media(rtcp.floor_messages),
    "floor": of_media(codec.decode),
    "rtcp-video": of_media(video_rtcp.parse),
    **fuzz_video.TARGETS,
    **fuzz_alarms.TARGETS,
}


def _request(method: str) -> bytes:
    body = OFFER if method == "INVITE" else b""
    typed = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:44@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
        f"To: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\nContact: <sip:a@192.0.2.9>;expires=60\r\n"
        f"Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n{typed}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def seeds(what: str) -> Iterator[bytes]:
    """What it begins with."""
    if what in ("sip", "stream"):
        held = json.loads((Path(__file__).parent / "rfc4475.json").read_text("utf-8"))
        yield from (text.encode("latin-1") for text in held["messages"].values())
        yield from (_request(method) for method in ("INVITE", "REGISTER", "UPDATE", "BYE", "CANCEL", "ACK", "OPTIONS"))
    elif what in fuzz_alarms.TARGETS:
        yield from fuzz_alarms.seeds(what)
    elif what in fuzz_video.TARGETS:
        yield from fuzz_video.seeds(what)
    elif what == "rtcp-video":
        yield from map(video_rtcp.build, ([one] for one in fuzz_video.RTCP))
    else:
        yield OFFER if what == "sdp" else b"\x80\xcc\x00\x03\x00\x00\x00\x01MCPT\x00\x02\x00\x01"
