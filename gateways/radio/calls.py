"""What a radio's signalling and its media tell each other: a call that is up, changed or down, where its sound goes.

Pure. Signalling (SIP) knows who calls whom and what the peer offered; media (RTP) knows sockets, the floor and the bus.
Neither knows more of the other than this page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Codec = Literal["opus", "pcma", "pcmu"]


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """SDES (RFC 4568), AES_CM_128_HMAC_SHA1_80: 16 bytes of key and 14 of salt, for each way."""

    inbound: bytes  # what the peer encrypts with
    outbound: bytes  # what we encrypt with; of an offer that comes in: empty, media chooses it (`LocalMedia.keys`)


@dataclass(frozen=True, slots=True)
class MediaOffer:
    """Where the peer takes RTP, what it speaks, and which way sound may go."""

    host: str  # an IP address
    port: int  # RTP; RTCP is the next one
    codec: Codec
    payload_type: int
    dtmf_type: int | None  # payload type of telephone-event (RFC 4733)
    ptime: int  # ms of sound in a packet
    send: bool  # the peer sends (its "sendrecv" or "sendonly")
    receive: bool  # the peer listens
    keys: SrtpKeys | None
    floor: tuple[str, int] | None  # its "m=application … MCPT" address: where floor messages go (TS 24.380, 24.379)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose radio it is: a person by number, or a device that is nobody's, by its account."""

    number: int | None
    account: str
    node: str  # the code of the place that it belongs to
    name: str  # as it is shown to those who listen


@dataclass(frozen=True, slots=True)
class CallUp:
    call: str  # unique within this process
    who: Caller
    where: str  # a talkgroup, "<code>" or "<code>.<group>"; or who is called in private, "person:<number or account>"
    offer: MediaOffer


@dataclass(frozen=True, slots=True)
class CallChanged:
    """A re-INVITE: another address, another codec, put on hold or taken off it."""

    call: str
    who: Caller
    where: str
    offer: MediaOffer


@dataclass(frozen=True, slots=True)
class CallDown:
    call: str
    who: Caller
    where: str


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """Where our side of a call takes its packets. `keys`: those that are in use, the peer's and ours."""

    host: str
    port: int
    keys: SrtpKeys | None
    floor_port: int | None


class Media(Protocol):
    """What carries the sound of calls. `Unavailable` where a call cannot be carried now: then it is refused (503)."""

    async def open(self, call: CallUp) -> LocalMedia: ...

    async def change(self, call: CallChanged) -> LocalMedia: ...

    async def close(self, call: CallDown) -> None: ...
