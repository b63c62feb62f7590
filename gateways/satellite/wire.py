"""What one connection of a link says to the end that holds it, and the hello with which each end begins. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from fusioncmd.errors import BadMessage
from gateways.satellite.classes import Class

Address = Any  # of the other end: at a kit, the name of a way
HELLO_BYTES = 12
RATE_BPS_MIN, RATE_BPS_MAX = 4_000, 1_000_000_000
REASON_BYTES_MAX = 400  # of a refusal, both languages
REFUSED, REPLACED, BROKEN = 0x10, 0x11, 0x12  # codes with which a connection is closed


class Proved(NamedTuple):
    """The handshake is over, and the other end holds the key of this statement."""

    statement: bytes
    resumed: bool


class Heard(NamedTuple):
    cls: Class
    letter: bytes
    early: bool  # before the handshake was over: it may be said again by anybody who overheard it


class Hello(NamedTuple):
    """What each end says first, and when it changes: its clock (milliseconds since 1970), and the rate at which it
    wants to be sent to."""

    clock_ms: int
    rate_bps: int


class Moved(NamedTuple):
    """The other end is reached at another address from now on, or by another way."""

    address: Address


class Ended(NamedTuple):
    """`ours`: it was closed here. `code` 0: without a reason that anybody should hear of."""

    code: int
    en: str
    zh: str
    ours: bool


Event = Proved | Heard | Hello | Moved | Ended


def hello(said: Hello) -> bytes:
    return said.clock_ms.to_bytes(8, "big") + said.rate_bps.to_bytes(4, "big")


def read_hello(data: bytes) -> Hello:
    """`BadMessage` when it is none."""
    if len(data) < HELLO_BYTES:
        raise BadMessage("A hello that is too short.", "链路问候过短。")
    rate_bps = int.from_bytes(data[8:12], "big")
    return Hello(int.from_bytes(data[:8], "big"), min(max(rate_bps, RATE_BPS_MIN), RATE_BPS_MAX))


def reason(en: str, zh: str) -> str:
    """Both sentences as one reason of a close; cut where it is too long."""
    both = f"{en}\n{zh}".encode()
    return both[:REASON_BYTES_MAX].decode(errors="ignore")


def read_reason(text: str) -> tuple[str, str]:
    """What the other end gave as its reason, fit to be shown."""
    lines = [line for line in text[:REASON_BYTES_MAX].splitlines() if line.isprintable()]
    en = lines[0] if lines else ""
    return en, lines[1] if len(lines) > 1 else en
