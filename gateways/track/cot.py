"""Cursor on Target in bytes: XML, and protobuf as TAK Protocol version 1 has it (takproto), both ways.

The only file that knows takproto, protobuf and lxml. XML comes from strangers: no entities, no DTD, no network. What is
no event is BadMessage.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError
from lxml import etree
from takproto import TAKProtoVer
from takproto.functions import msg2proto
from takproto.proto import TakMessage

from fusioncmd.errors import BadMessage
from gateways.track.bounds import EVENT_BYTES_MAX
from gateways.track.events import Event

MESH = b"\xbf\x01\xbf"  # how a datagram of version 1 begins
PING, PONG = "t-x-c-t", "t-x-c-t-r"
ASKS_VERSION, SAYS_VERSION, OFFERS_VERSION = "t-x-takp-q", "t-x-takp-r", "t-x-takp-v"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_xml(data: bytes) -> Event:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        event = etree.fromstring(data[:EVENT_BYTES_MAX], parser)
        if event.tag != "event" or event.getroottree().docinfo.doctype:
            raise _none()
        point = event.find("point")
        place = {} if point is None else point.attrib
        contact, track, status = (event.find(f"detail/{name}") for name in ("contact", "track", "status"))
        link, remarks = event.find("detail/link"), event.find("detail/remarks")
        return Event(
            _text(event, "uid"), _text(event, "type"), _ms(_text(event, "time")), _ms(_text(event, "stale")),
            float(place.get("lat", "nan")), float(place.get("lon", "nan")), _number(place.get("hae"), 9_999_999.0),
            _number(place.get("ce"), 9_999_999.0), "" if contact is None else contact.get("callsign", "")[:256],
            None if track is None else _finite(track.get("speed")),
            None if track is None else _finite(track.get("course")),
            None if status is None else _whole(status.get("battery")),
            "" if remarks is None else (remarks.text or "")[:256], event.get("how", "")[:16],
            "" if link is None else link.get("uid", "")[:256],
        )  # fmt: skip
    except (etree.XMLSyntaxError, ValueError, OverflowError):
        raise _none() from None


def read_proto(data: bytes) -> Event:
    """`data` is one TakMessage, without its header."""
    try:
        said = TakMessage.FromString(data).cotEvent
    except DecodeError:
        raise _none() from None
    if not said.uid or not said.type:
        raise _none()
    moves = said.detail.HasField("track")
    return Event(
        said.uid[:256], said.type[:64], said.sendTime, said.staleTime, said.lat, said.lon, said.hae, said.ce,
        said.detail.contact.callsign[:256], said.detail.track.speed if moves else None,
        said.detail.track.course if moves else None,
        said.detail.status.battery if said.detail.HasField("status") else None, "", said.how[:16],
        _link_of(said.detail.xmlDetail),
    )  # fmt: skip


def write_xml(event: Event) -> bytes:
    start = _time(event.at_ms)
    found = etree.Element(
        "event", version="2.0", uid=event.uid, type=event.type, how=event.how, time=start, start=start,
        stale=_time(event.stale_ms),
    )  # fmt: skip
    numbers = {"lat": event.lat, "lon": event.lon, "hae": event.height_m, "ce": event.error_m, "le": 9_999_999.0}
    etree.SubElement(
        found,
        "point",
        {name: f"{value:.7g}" if abs(value) > 1e6 else f"{value:.7f}" for name, value in numbers.items()},
    )
    detail = etree.SubElement(found, "detail")
    if event.of:
        etree.SubElement(detail, "link", uid=event.of, relation="none", type="none")
    if event.callsign:
        etree.SubElement(detail, "contact", callsign=_plain(event.callsign))
    if event.speed_m_s is not None or event.course_deg is not None:
        moves = {"speed": f"{event.speed_m_s or 0:.1f}", "course": f"{event.course_deg or 0:.0f}"}
        etree.SubElement(detail, "track", moves)
    if event.battery is not None:
        etree.SubElement(detail, "status", battery=str(event.battery))
    if event.remarks:
        etree.SubElement(detail, "remarks").text = _plain(event.remarks)
    said: bytes = etree.tostring(found, xml_declaration=True, encoding="UTF-8", standalone=True)
    return said


def write_proto(event: Event) -> bytes:
    """As in a stream: the header, the length, the message."""
    message = TakMessage()
    said = message.cotEvent
    said.type, said.uid, said.how = event.type, event.uid, event.how
    said.sendTime = said.startTime = event.at_ms
    said.staleTime = event.stale_ms
    said.lat, said.lon, said.hae, said.ce, said.le = event.lat, event.lon, event.height_m, event.error_m, 9_999_999.0
    if event.callsign:
        said.detail.contact.callsign = event.callsign
    if event.speed_m_s is not None or event.course_deg is not None:
        said.detail.track.speed, said.detail.track.course = event.speed_m_s or 0.0, event.course_deg or 0.0
    if event.battery is not None:
        said.detail.status.battery = event.battery
    if event.of:
        said.detail.xmlDetail = f'<link uid="{_plain(event.of)}" relation="none" type="none"/>'
    return bytes(msg2proto(message, TAKProtoVer.STREAM))


def offer_version(uid: str, at_ms: int) -> bytes:
    """That version 1 is spoken here, as well as XML."""
    return _control(uid, at_ms, OFFERS_VERSION, '<TakProtocolSupport version="1"/>')


def say_version(uid: str, at_ms: int) -> bytes:
    return _control(uid, at_ms, SAYS_VERSION, '<TakResponse status="true"/>')


def pong(uid: str, at_ms: int, proto: bool) -> bytes:
    """What a client that asks whether somebody is there waits for."""
    event = Event(uid, PONG, at_ms, at_ms + 60_000, 0.0, 0.0)
    return write_proto(event) if proto else write_xml(event)


def _control(uid: str, at_ms: int, kind: str, words: str) -> bytes:
    start, stale = _time(at_ms), _time(at_ms + 60_000)
    return (
        f'<event version="2.0" uid="{uid}" type="{kind}" how="m-g" time="{start}" start="{start}" stale="{stale}">'
        f'<point lat="0.0" lon="0.0" hae="0.0" ce="9999999" le="9999999"/>'
        f"<detail><TakControl>{words}</TakControl></detail></event>"
    ).encode()


def _link_of(xml: str) -> str:
    if "<link" not in xml:
        return ""
    try:
        found = etree.fromstring(
            f"<d>{xml[:EVENT_BYTES_MAX]}</d>", etree.XMLParser(resolve_entities=False, no_network=True)
        )
    except (etree.XMLSyntaxError, ValueError):
        return ""
    link = found.find("link")
    return "" if link is None else str(link.get("uid", ""))[:256]


def _text(event: etree._Element, name: str) -> str:
    value = event.get(name, "")
    if not value or len(value) > 256:
        raise _none()
    return str(value)


def _ms(text: str) -> int:
    found = datetime.fromisoformat(text)
    return (found.replace(tzinfo=found.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1)


def _time(ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _number(text: str | None, otherwise: float) -> float:
    value = _finite(text)
    return otherwise if value is None else value


def _finite(text: str | None) -> float | None:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None


def _whole(text: str | None) -> int | None:
    value = _finite(text)
    return None if value is None or not 0 <= value <= 100 else int(value)


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(c for c in text if c == "\t" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe" or c > "\uffff")


def _none() -> BadMessage:
    return BadMessage("Not a CoT event.", "不是 CoT 事件。")
