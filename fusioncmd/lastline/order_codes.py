"""An order as a code: what a short message says of it. Pure.

48 bits     short id                          24  minute in which it was issued
1           it ends that order, and nothing follows
1           exercise                          3   severity
5 + n each  seconds to receive, to answer, and that it is open (`Writer.number`)
1           everybody at the place of the node that is told; or else
  3 each    how many places, excluded places, roles and excluded roles (no places: that node's own)
  4 + n     each place: how many digits after the node's own code, and these as a number
  16        each role: of SHA-256 over its name
1           by a template; then
  8 + 16    its number, and of its digest
  1         in Chinese
  2         how many values; each: 1 it is a number, then it, or text (smalltext.py)
1           with the answers of the template; or else 4 how many, and each as text
1           text follows, without a template; then 1 it was cut, and the text
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import get_args

from fusioncmd import limits
from fusioncmd.codes import LENGTHS
from fusioncmd.errors import BadInput
from fusioncmd.lastline import bounds, smalltext
from fusioncmd.lastline.bits import Reader, Writer, malformed
from fusioncmd.lastline.templates import DIGEST_BITS, Table
from fusioncmd.lastline.twins import short_of
from fusioncmd.messages import Order, Selector, Severity, Status

ROLE_BITS = 16
LISTED_MAX = 7  # places, roles
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Meant:
    """Whom an order means at the node that is told of it. Roles are digests of 16 bits."""

    nodes: tuple[str, ...]
    not_nodes: tuple[str, ...] = ()
    roles: tuple[int, ...] = ()
    not_roles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderCode:
    """`template` 0: `text` is the order's own, `cut` if not all of it. A `cancel` says nothing but which and when."""

    short: bytes
    minute: int
    cancel: bool = False
    status: Status = "actual"
    severity: Severity = "severe"
    receive_within_s: int = 0
    answer_within_s: int = 0
    open_s: int = 0
    meant: Meant = Meant(())
    template: int = 0
    digest: int = 0
    chinese: bool = True
    values: tuple[str, ...] = ()
    answers: tuple[str, ...] | None = None  # None: those of the template
    text: str = ""
    cut: bool = False


def role_digest(role: str) -> int:
    return int.from_bytes(sha256(b"fusioncmd/lastline/role/1\0" + role.encode()).digest()[:2], "big")


def minute_of(at_ms: int) -> int:
    return max(0, (at_ms - bounds.MINUTES_FROM_MS) // 60_000) & (1 << bounds.MINUTES_BITS) - 1


def minute_ms(minute: int) -> int:
    return bounds.MINUTES_FROM_MS + minute * 60_000


def meant_at(audience: Selector, place: str) -> Meant | None:
    """What the selector means at `place` and below; None when nobody there."""
    if any(place.startswith(code) for code in audience.not_nodes):
        return None
    covered = any(place.startswith(code) for code in audience.nodes)
    nodes = (place,) if covered else tuple(code for code in audience.nodes if code.startswith(place))
    if not nodes:
        return None
    without = tuple(code for code in audience.not_nodes if code.startswith(place))
    roles = tuple(map(role_digest, audience.roles)), tuple(map(role_digest, audience.not_roles))
    return Meant(nodes, without, *roles)


def code_of(order: Order, place: str, table: Table, room_bits: int) -> OrderCode:
    """The code of an alert for the node at `place`; the text is cut to what there is room for. `BadInput` when not even
    that fits, or when it means nobody there."""
    meant = meant_at(order.audience, place)
    if meant is None or any(len(each) > LISTED_MAX for each in _lists(meant)):
        raise BadInput(
            f"That order's audience fits into no short message to {place}.",
            f"该指令的对象无法用短报文发送给 {place}。",
        )
    code = OrderCode(
        short_of(order.id), minute_of(order.issued_ms), False, order.status, order.severity, order.receive_within_s,
        order.answer_within_s, order.open_s, meant, answers=order.answers,
    )  # fmt: skip
    for template in table.values():
        for chinese in (True, False):
            values = template.values_in(order.text, chinese)
            if values is not None:
                answers = None if order.answers == template.answers(chinese) else order.answers
                found = replace(
                    code, template=template.number, digest=template.digest, chinese=chinese, values=values,
                    answers=answers,
                )  # fmt: skip
                if write(found, place).count <= room_bits:
                    return found
    room = room_bits - write(code, place).count + smalltext.HEAD_BITS  # of an empty text
    text = smalltext.fitted(order.text, room)
    if not text:
        raise BadInput(
            "That order fits into no short message: too many answers or places.",
            "该指令无法装入一条短报文：答复或地点过多。",
        )
    return replace(code, text=text, cut=text != order.text)


def cancel_of(order: Order) -> OrderCode:
    """What ends `order`, an alert."""
    return OrderCode(short_of(order.id), minute_of(order.issued_ms), cancel=True, status=order.status)


def write(code: OrderCode, place: str) -> Writer:
    out = Writer()
    out.raw(code.short)
    out.put(code.minute, bounds.MINUTES_BITS)
    out.put(code.cancel, 1)
    out.put(code.status == "exercise", 1)
    if code.cancel:
        return out
    out.put(_SEVERITIES.index(code.severity), 3)
    for seconds in (code.receive_within_s, code.answer_within_s, code.open_s):
        out.number(seconds)
    _write_meant(out, code.meant, place)
    out.put(bool(code.template), 1)
    if code.template:
        out.put(code.template, 8)
        out.put(code.digest, DIGEST_BITS)
        out.put(code.chinese, 1)
        out.put(len(code.values), 3)
        for value in code.values:
            _write_value(out, value)
    out.put(code.answers is None, 1)
    if code.answers is not None:
        out.put(len(code.answers), 4)
        for answer in code.answers:
            smalltext.write(out, answer)
    if not code.template:
        out.put(code.cut, 1)
        smalltext.write(out, code.text)
    return out


def read(data: Reader, place: str) -> OrderCode:
    """What was said to the node at `place`; `BadMessage` for what no writer writes."""
    short, minute = data.raw(bounds.SHORT_ID_BYTES), data.take(bounds.MINUTES_BITS)
    cancel, exercise = data.take(1), data.take(1)
    status: Status = "exercise" if exercise else "actual"
    if cancel:
        data.end()
        return OrderCode(short, minute, True, status)
    severity = data.take(3)
    receive, answer, open_s = data.number(), data.number(), data.number()
    if severity >= len(_SEVERITIES) or not 1 <= receive <= answer <= open_s <= limits.ORDER_OPEN_S_MAX:
        raise malformed()
    code = OrderCode(
        short, minute, False, status, _SEVERITIES[severity], receive, answer, open_s, _read_meant(data, place)
    )
    if data.take(1):
        number, digest, chinese = data.take(8), data.take(DIGEST_BITS), data.take(1)
        values = tuple(_read_value(data) for _ in range(data.take(3)))
        code = replace(code, template=number, digest=digest, chinese=bool(chinese), values=values)
        if not number or len(values) > bounds.VALUES_MAX:
            raise malformed()
    if not data.take(1):
        code = replace(code, answers=tuple(smalltext.read(data) for _ in range(data.take(4))))
    if not code.template:
        cut = bool(data.take(1))
        code = replace(code, cut=cut, text=smalltext.read(data))
        if code.answers is None:
            raise malformed()
    data.end()
    return code


def _lists(meant: Meant) -> tuple[tuple[object, ...], ...]:
    return meant.nodes, meant.not_nodes, meant.roles, meant.not_roles


def _write_meant(out: Writer, meant: Meant, place: str) -> None:
    everybody = meant == Meant((place,))
    out.put(everybody, 1)
    if everybody:
        return
    nodes = () if meant.nodes == (place,) else meant.nodes
    for each in (nodes, meant.not_nodes, meant.roles, meant.not_roles):
        out.put(len(each), 3)
    for code in (*nodes, *meant.not_nodes):
        digits = code[len(place) :]
        out.put(len(digits), 4)
        out.put(int(digits or "0"), digit_bits(len(digits)))
    for role in (*meant.roles, *meant.not_roles):
        out.put(role, ROLE_BITS)


def _read_meant(data: Reader, place: str) -> Meant:
    if data.take(1):
        return Meant((place,))
    counts = [data.take(3) for _ in range(4)]
    codes = [_read_place(data, place) for _ in range(counts[0] + counts[1])]
    roles = [data.take(ROLE_BITS) for _ in range(counts[2] + counts[3])]
    nodes = tuple(codes[: counts[0]]) or (place,)
    return Meant(nodes, tuple(codes[counts[0] :]), tuple(roles[: counts[2]]), tuple(roles[counts[2] :]))


def _read_place(data: Reader, place: str) -> str:
    length = data.take(4)
    value = data.take(digit_bits(length))
    if len(place) + length not in LENGTHS or not length or value >= 10**length:
        raise malformed()
    return f"{place}{value:0{length}}"


def digit_bits(digits: int) -> int:
    return int(10**digits - 1).bit_length()


def _write_value(out: Writer, value: str) -> None:
    number = value.isascii() and value.isdigit() and str(int(value)) == value and int(value) < 1 << 31
    out.put(number, 1)
    if number:
        out.number(int(value))
    else:
        smalltext.write(out, value)


def _read_value(data: Reader) -> str:
    return str(data.number()) if data.take(1) else smalltext.read(data)
