"""What the SIP of a gateway tells the rest of it: calls that are asked for, taken, changed, over. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gateways.radio.sip_sdp import Offer


@dataclass(frozen=True, slots=True)
class Invited:
    """A radio that proved its account calls `dialled` (the user part of the Request-URI)."""

    call: str
    account: str
    dialled: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class Answered:
    """A radio that we called takes the call, with this offer."""

    call: str
    account: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class Ringing:
    """A radio that we called rings."""

    call: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The peer offers something else for a call that is up."""

    call: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class Over:
    """A call is over, or never came about. `status`: what the peer said (0: it went, or nothing came)."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A radio is there (`here`), or has gone by its own word."""

    account: str
    here: bool


Event = Invited | Answered | Ringing | Changed | Over | Registered
