"""Who a browser speaks for, by the bearer token that it shows: a responder's ticket, or a commander's pass. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from fusioncmd import passes, tickets
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadTicket, Forbidden, NotFound
from fusioncmd.tickets import ExpiredTicket
from fusioncmd.video.subjects import SHOWN
from gateways.radio.calls import Caller
from gateways.responder.lost import LostDevices
from gateways.video.bounds import BEARER_CHARS_MAX


@dataclass(frozen=True, slots=True)
class Guest:
    """`device` is a responder's, empty where it is none; nobody stays beyond `until_s` (since 1970),
    unless the next token is shown by then."""

    caller: Caller
    device: bytes
    until_s: int


class Doorman:
    """`key` is the tier's ticket key; `name_of` gives a place's name."""

    def __init__(self, key: bytes, serves: Path, lost: LostDevices, name_of: Callable[[Path], str]) -> None:
        self._key, self._serves, self._lost, self._name_of = key, serves, lost, name_of

    def admit(self, authorization: str, now_s: float) -> Guest:
        """By the value of an Authorization field (RFC 6750, 2.1). Raises BadTicket."""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(text) <= BEARER_CHARS_MAX:
            raise BadTicket("A bearer token is asked for: a ticket or a pass.", "须出示 Bearer 凭证：票据或通行凭证。")
        data = tickets.from_text(text)
        try:
            return self._commander(passes.check(data, self._key, now_s))
        except ExpiredTicket:
            raise
        except BadTicket:
            return self._responder(data, now_s)

    def _commander(self, shown: passes.Pass) -> Guest:
        return Guest(Caller(None, shown.name, shown.node, shown.name), b"", shown.until_s)

    def _responder(self, data: bytes, now_s: float) -> Guest:
        ticket = tickets.check(data, self._key, now_s)
        if self._lost.judge(ticket) is not None:
            raise BadTicket("This device was revoked, or its ticket is too old.", "本设备已被吊销，或票据过旧。")
        place = parse(ticket.village)
        if not self._serves.covers(place):
            raise Forbidden(f"{self._serves} does not serve {place}.", f"{self._serves} 不服务 {place}。")
        name = f"{self._name_of(place)} {ticket.number}"
        return Guest(Caller(ticket.number, name, place.code, name), ticket.device, ticket.expires_s)


def check_branch(caller: Caller, meant: Path, exists: Callable[[Path], bool]) -> None:
    """As radios: talkgroups of the own place, above it and below, and no neighbour's. Raises Forbidden or NotFound."""
    own = parse(caller.node)
    if not (own.covers(meant) or meant.covers(own)):
        raise Forbidden(
            f"The talkgroup of {meant} is not of {caller.node}'s branch.",
            f"{meant} 的通话组不属于 {caller.node} 的上下级。",
        )
    if not exists(meant):
        raise NotFound(f"There is no place {meant}.", f"没有行政区划 {meant}。")


def source_name(caller: Caller) -> str:
    """Under which somebody publishes: at a place, each person has one."""
    if caller.number is not None:
        return f"p{caller.number:08x}"
    return f"c-{sha256(caller.name.encode()).hexdigest()[:16]}"


def check_publishes(caller: Caller, meant: Path) -> None:
    """Everybody publishes at the own place. Raises Forbidden."""
    own = parse(caller.node)
    if meant != own:
        raise Forbidden(
            f"Who is of {own} publishes video there, not at {meant}.",
            f"{own} 的人员只能在本地发布视频，不能在 {meant} 发布。",
        )


def may_watch(caller: Caller, place: Path, name: str) -> bool:
    """What a place at or above the own puts before everybody; a commander also all of the own place and below, and a
    responder the own source."""
    own = parse(caller.node)
    if name == SHOWN and place.covers(own):
        return True
    if caller.number is None:
        return own.covers(place)
    return place == own and name == source_name(caller)
