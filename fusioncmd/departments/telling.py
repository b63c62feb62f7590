"""What of an alarm a department is to be told next: the alert, an update of what it has, or that it is over. Pure.

What it has is kept beside the alarm (`decided.py`), so a restart tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from fusioncmd import ids
from fusioncmd.alarm import cap_out
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Known
from fusioncmd.alarm.cap import CapAlert, MsgType
from fusioncmd.alarm.decided import Told
from fusioncmd.departments.department import Department, concerns

DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Due:
    alert: CapAlert
    told: Told  # to be kept when it has it


def due(known: Known, department: Department, node: str, name_of: Callable[[str], str]) -> Due | None:
    """None where it has all that concerns it."""
    has = told_of(known, department.name)
    kind = _kind(known, department, has)
    if kind is None:
        return None
    sent_ms = max(known.alarm.said_ms, *(each.at_ms for each in known.decided if _is_look(each.what)), 0)
    if has:
        sent_ms = max(sent_ms, has[-1].sent_ms + 1)
    before = [cap_out.reference(f"{ids.to_text(known.alarm.id)}.{each.sent_ms}", node, each.sent_ms) for each in has]
    alert = cap_out.of_alarm(known.alarm, kind, sent_ms, before, node, department.name, name_of)
    return Due(alert, Told(kind, sent_ms, digest(known.alarm)))  # type: ignore[arg-type]  # no Ack, no Error


def is_due(known: Known, department: Department) -> bool:
    """Whether `due` would give anything; cheap, as it is asked of each alarm and department."""
    return _kind(known, department, told_of(known, department.name)) is not None


def told_of(known: Known, name: str) -> list[Told]:
    return [each.told for each in known.decided if each.told is not None and each.by == f"department:{name}"]


def digest(alarm: Alarm) -> bytes:
    """Of what an update is worth: how grave, how sure, where, until when; not each reading of a sensor."""
    said = (
        alarm.severity, alarm.certainty, alarm.urgency, alarm.nodes, alarm.until_ms, alarm.where, alarm.place,
    )  # fmt: skip
    return sha256(msgspec.msgpack.encode(said)).digest()[:DIGEST_BYTES]


def _kind(known: Known, department: Department, has: list[Told]) -> MsgType | None:
    standing = known.standing
    if standing in ("over", "dismissed"):
        return "Cancel" if has and has[-1].msg_type != "Cancel" else None
    if standing != "confirmed" and not department.at_once:
        return None
    if not has:
        return "Alert" if concerns(department, known.alarm) else None
    return "Update" if has[-1].msg_type == "Cancel" or has[-1].digest != digest(known.alarm) else None


def _is_look(what: str) -> bool:
    return what in ("confirmed", "dismissed")
