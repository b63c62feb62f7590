"""Alarms and orders of ours as CAP 1.2 alerts, for whoever is no terminal of ours. Pure.

An alarm that changes is followed by updates, and by a cancel when it is over; each names those before. An order bears
its own bytes as they were signed, so that whoever gets it can verify who signed it (PROTOCOL.md).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from typing import get_args

from fusioncmd import ids
from fusioncmd.alarm import cap
from fusioncmd.alarm.alarm import HEADLINE_CHARS_MAX, Alarm
from fusioncmd.alarm.cap import Area, CapAlert, Category, Circle, Info, MsgType, Pair, Reference, Status
from fusioncmd.messages import Order

GEOCODE = "GB/T 2260"
ALARM, ORDER, ANSWER, SEALED = "fusioncmd:alarm", "fusioncmd:order", "fusioncmd:answer", "fusioncmd:sealed"
RECEIVE_S, ANSWER_S = "fusioncmd:receive-within-s", "fusioncmd:answer-within-s"
SEALED_PART_CHARS = 8_000  # of base64 in one parameter
REFERENCES_KEPT = 16  # the first and the latest
AREA_NAMES_MAX = 64
LANGUAGE = "zh-CN"
LAST_MS = 253_402_300_799_000  # the end of the year 9999: CAP can say no later time
_STATUS: dict[str, Status] = {"actual": "Actual", "exercise": "Exercise"}
_MSG_TYPE: dict[str, MsgType] = {"alert": "Alert", "update": "Update", "cancel": "Cancel"}
_CATEGORIES: dict[str, Category] = {category.lower(): category for category in get_args(Category)} | {
    "rainstorm": "Met", "typhoon": "Met", "flood": "Met", "smoke": "Fire", "gas": "CBRNE", "earthquake": "Geo",
    "landslide": "Geo",
}  # fmt: skip
_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sender_of(node: str) -> str:
    """As whom the node with that code sends."""
    return f"{node}@fusioncmd"


def of_alarm(
    alarm: Alarm, msg_type: MsgType, sent_ms: int, before: Sequence[Reference], node: str, to: str,
    name_of: Callable[[str], str],
) -> CapAlert:  # fmt: skip
    """`sent_ms` also tells this version of it from others; `before`: what was said of it; `to`: whom it is for."""
    info = Info(
        language=LANGUAGE, categories=(_CATEGORIES.get(alarm.event, "Other"),), event=alarm.event,
        urgency=alarm.urgency.capitalize(), severity=alarm.severity.capitalize(),  # type: ignore[arg-type]
        certainty=alarm.certainty.capitalize(),  # type: ignore[arg-type]
        responses=("AllClear",) if msg_type == "Cancel" else (),
        onset_ms=_second(alarm.since_ms), expires_ms=_after(alarm.until_ms, sent_ms),
        headline=plain(alarm.headline), description=plain(alarm.text),
        parameters=((ALARM, ids.to_text(alarm.id)),), areas=(_area(alarm, name_of),),
    )  # fmt: skip
    return CapAlert(
        identifier=f"{ids.to_text(alarm.id)}.{sent_ms}", sender=sender_of(node), sent_ms=_second(sent_ms) or 0,
        status=_STATUS[alarm.status], msg_type=msg_type, scope="Private", infos=(info,), references=_kept(before),
        addresses=to,
    )  # fmt: skip


def of_order(order: Order, sealed: bytes, before: Sequence[Reference], node: str, to: str) -> CapAlert:
    """`before`: what the order updates or cancels."""
    text = plain(order.text) or "-"
    info = Info(
        language=LANGUAGE, categories=("Safety",), event="call-down", urgency="Immediate",
        severity=order.severity.capitalize(), certainty="Unknown",  # type: ignore[arg-type]
        responses=("Execute",), expires_ms=_after(order.expires_ms, order.issued_ms),
        sender_name=plain(order.issuer), headline=text.split("\n")[0][:HEADLINE_CHARS_MAX].strip(), description=text,
        parameters=(
            (ORDER, ids.to_text(order.id)), *((ANSWER, plain(answer)) for answer in order.answers),
            (RECEIVE_S, str(order.receive_within_s)), (ANSWER_S, str(order.answer_within_s)), *_parts(sealed),
        ),
    )  # fmt: skip
    return CapAlert(
        identifier=ids.to_text(order.id), sender=sender_of(node), sent_ms=_second(order.issued_ms) or 0,
        status=_STATUS[order.status], msg_type=_MSG_TYPE[order.msg_type], scope="Private", infos=(info,),
        references=_kept(before), addresses=to,
    )  # fmt: skip


def reference(identifier: str, node: str, sent_ms: int) -> Reference:
    return Reference(sender_of(node), identifier, _second(sent_ms) or 0)


def sealed_of(alert: CapAlert) -> bytes:
    """The order that an alert of `of_order` bears, as it was signed; empty where it bears none."""
    parts = (value for info in alert.infos for name, value in info.parameters if name == SEALED)
    return base64.b64decode("".join(parts))


def plain(text: str) -> str:
    """In characters that XML has, as it is read again: no carriage returns, no blanks at its ends."""
    return _NO_XML.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))[: cap.TEXT_CHARS_MAX].strip()


def _area(alarm: Alarm, name_of: Callable[[str], str]) -> Area:
    names = [plain(name_of(code)) or code for code in alarm.nodes[:AREA_NAMES_MAX]]
    circles: tuple[Circle, ...] = ()
    if alarm.where is not None:
        lat, lon = alarm.where
        circles = (Circle(round(lat, 6), round(lon, 6), round(min(alarm.radius_m / 1000, 20_100.0), 3)),)
    described = "、".join(names) + "…" * (len(alarm.nodes) > AREA_NAMES_MAX)
    return Area(described[: cap.TEXT_CHARS_MAX], circles=circles, geocodes=tuple((GEOCODE, c) for c in alarm.nodes))


def _parts(sealed: bytes) -> Iterable[Pair]:
    text = base64.b64encode(sealed).decode()
    return ((SEALED, text[at : at + SEALED_PART_CHARS]) for at in range(0, len(text), SEALED_PART_CHARS))


def _kept(before: Sequence[Reference]) -> tuple[Reference, ...]:
    if len(before) <= REFERENCES_KEPT:
        return tuple(before)
    return (before[0], *before[-REFERENCES_KEPT + 1 :])


def _second(at_ms: int) -> int | None:
    return None if at_ms > LAST_MS else at_ms - at_ms % 1000


def _after(end_ms: int | None, sent_ms: int) -> int | None:
    """When it ends, where that lies ahead of when it was said."""
    return None if end_ms is None or end_ms <= sent_ms else _second(end_ms)
