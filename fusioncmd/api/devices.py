"""Enrolling devices, renewing their tickets, revoking those that are lost. Pure.

`Enrol` and `Renew` come from gateways, for terminals that prove themselves; the others from administrators.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import devices, limits
from fusioncmd.api.calling import CodeOrNone
from fusioncmd.api.question import Question, Verbs
from fusioncmd.trust.grants import SignedGrant

PersonId = Annotated[str, Meta(max_length=limits.PERSON_ID_CHARS_MAX)]


class MakeCodes(Question["CodesMade"], frozen=True):
    """`codes`: one code each, good for `valid_s`, for the person with `id`, or else `number`, or else for everyone at
    `node` and below whose number is beyond `after`, `limit` of them. `replaces`: the device that is enrolled with it
    ends the person's others."""

    valid_s: Annotated[int, Meta(ge=60, le=limits.CODE_S_MAX)]
    id: PersonId = ""
    number: devices.Number | None = None
    node: CodeOrNone = ""
    after: Annotated[int, Meta(ge=-1, lt=1 << 32)] = -1
    limit: Annotated[int, Meta(ge=1, le=limits.CODES_PAGE_MAX)] = 1
    replaces: bool = False


class CodeLine(Struct, frozen=True):
    number: int
    id: str
    name: str
    phone: str
    code: bytes


class CodesMade(Struct, frozen=True):
    lines: tuple[CodeLine, ...]
    expires_ms: int
    next: int | None  # the `after` of the next page


class Enrol(Question["Enrolled"], frozen=True):
    """`enrol`: what a terminal said to a gateway. Asked again with the same key, it is answered the same."""

    code: devices.Code
    algorithm: devices.Algorithm
    public: devices.PublicKey
    proof: devices.Proof


class Enrolled(Struct, frozen=True):
    device: bytes
    number: int
    ticket: bytes
    renew_after_s: int
    roots: tuple[SignedGrant, ...]


class Renew(Question["Renewed"], frozen=True):
    number: devices.Number
    device: devices.Device
    at_ms: devices.Millis
    proof: devices.Proof


class Renewed(Struct, frozen=True):
    ticket: bytes
    expires_s: int
    renew_after_s: int


class Devices(Question["DevicesReply"], frozen=True):
    """`devices`: those of one person, by `id` or else `number`."""

    id: PersonId = ""
    number: devices.Number | None = None


class DeviceLine(Struct, frozen=True):
    device: str  # 16 hexadecimal digits
    number: int
    algorithm: str
    enrolled_ms: int
    lost_ms: int | None
    lost_by: str


class DevicesReply(Struct, frozen=True):
    lines: tuple[DeviceLine, ...]
    told: bool = False  # the tiers above and below are told, and each ends the devices that it enrolled


class RevokeDevices(Question["DevicesReply"], frozen=True):
    """`revoke-devices`: that one `device`, or all of the person with `id`, or else `number`. May be asked again."""

    device: devices.Device | None = None
    id: PersonId = ""
    number: devices.Number | None = None


VERBS: Verbs = {
    MakeCodes: ("codes", CodesMade),
    Enrol: ("enrol", Enrolled),
    Renew: ("renew", Renewed),
    Devices: ("devices", DevicesReply),
    RevokeDevices: ("revoke-devices", DevicesReply),
}
OF_TERMINALS = (Enrol, Renew)  # what a gateway asks for whoever proves themselves: nobody is logged in
