"""Everything that a responder gateway says to a terminal, as whole frames. Pure."""

from __future__ import annotations

from fusioncmd import limits, terminal
from fusioncmd.api import devices, escalation
from fusioncmd.track.bounds import PHONE_EVERY_S
from gateways.responder import websocket

ALIVE = websocket.frame(terminal.encode(terminal.Alive()))
SUBSCRIBED = websocket.frame(terminal.encode(terminal.Subscribed()))
# Why a frame was understood and not taken: a code for programs, a sentence for people.
REFUSALS = {
    "unknown_order": "There is no such order. 没有该指令。",
    "not_for_you": "That order is not meant for you. 该指令并非发给您。",
    "not_below": "That person is not with you, or has answered. 该人员未转交给您，或已答复。",
    "not_offered": "That answer was not offered. 该答复项未提供。",
    "expired": "That order has expired; it takes no answers any more. 该指令已过期，不再接受答复。",
    "busy": "Too many reports at once; send it again. 报告过多，请重发。",
    "not_a_picture": "A picture is a JPEG. 照片须为 JPEG 格式。",
    "not_stored": "The report could not be stored; send it again. 报告未能保存，请重发。",
}


def welcome(number: int, now_ms: int, push_key: bytes = b"") -> bytes:
    said = terminal.Welcome(number, now_ms, limits.HEARTBEAT_S, push_key, int(PHONE_EVERY_S))
    return websocket.frame(terminal.encode(said))


def deliver(sealed: bytes) -> bytes:
    """`sealed` is the order as it was issued and signed; this frame is built once for everyone."""
    return websocket.frame(terminal.encode(terminal.Deliver(sealed)))


def counted(order: bytes, answer: int) -> bytes:
    return websocket.frame(terminal.encode(terminal.Counted(order, answer)))


def stored(order: bytes, report: bytes) -> bytes:
    return websocket.frame(terminal.encode(terminal.Stored(order, report)))


def part_stored(order: bytes, report: bytes, part: int) -> bytes:
    return websocket.frame(terminal.encode(terminal.PartStored(order, report, part)))


def enrolled(new: devices.Enrolled) -> bytes:
    said = terminal.Enrolled(new.device, new.number, new.ticket, new.renew_after_s, new.roots)
    return websocket.frame(terminal.encode(said))


def ticketed(ticket: bytes, renew_after_s: int) -> bytes:
    """An empty `ticket`: not now, ask again after so long."""
    return websocket.frame(terminal.encode(terminal.Ticketed(ticket, renew_after_s)))


def silent(told: escalation.SilentList, over: bool = False) -> bytes:
    """`over`: nobody is left."""
    people = () if over else tuple((p.number, p.name, p.phone, p.place) for p in told.people)
    said = terminal.Silent(told.order, told.status, told.text, told.answers, 0 if over else told.count, people)
    return websocket.frame(terminal.encode(said))


def refused(code: str, order: bytes, report: bytes | None = None) -> bytes:
    """`code` is one of REFUSALS; `report` names the report that was refused, if it was one."""
    return websocket.frame(terminal.encode(terminal.Refused(code, order, REFUSALS[code], report)))
