"""A CAP 1.2 alert as XML, in the order of its schema, and a feed of them. With `cap_xml.py`, what knows lxml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from lxml import etree

from fusioncmd.alarm.cap import Area, CapAlert, Info
from fusioncmd.alarm.cap_xml import CAP_12

ATOM = "http://www.w3.org/2005/Atom"


def written(alert: CapAlert) -> bytes:
    """What `cap_xml.read` reads as the same; its texts have to be of characters that XML has (`cap_out.plain`)."""
    root = etree.Element(f"{{{CAP_12}}}alert", nsmap={None: CAP_12})
    _put(root, "identifier", alert.identifier)
    _put(root, "sender", alert.sender)
    _put(root, "sent", _time(alert.sent_ms))
    _put(root, "status", alert.status)
    _put(root, "msgType", alert.msg_type)
    _put(root, "source", alert.source)
    _put(root, "scope", alert.scope)
    _put(root, "addresses", alert.addresses)
    for code in alert.codes:
        _put(root, "code", code)
    _put(root, "note", alert.note)
    _put(root, "references", " ".join(f"{r.sender},{r.identifier},{_time(r.sent_ms)}" for r in alert.references))
    _put(root, "incidents", alert.incidents)
    for info in alert.infos:
        _info(etree.SubElement(root, f"{{{CAP_12}}}info"), info)
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return data


def atom(ident: str, title: str, alerts: Sequence[CapAlert], link: Callable[[str], str]) -> bytes:
    """A feed (RFC 4287) that links to `alerts`, which are the newest first."""
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})

    def put(at: etree._Element, tag: str, text: str) -> None:
        etree.SubElement(at, f"{{{ATOM}}}{tag}").text = text

    put(root, "id", ident)
    put(root, "title", title)
    put(root, "updated", _time(alerts[0].sent_ms if alerts else 0).replace("-00:00", "Z"))
    for alert in alerts:
        entry = etree.SubElement(root, f"{{{ATOM}}}entry")
        put(entry, "id", f"urn:cap:{alert.sender}:{alert.identifier}")
        put(entry, "title", next((info.headline or info.event for info in alert.infos), alert.msg_type))
        put(entry, "updated", _time(alert.sent_ms).replace("-00:00", "Z"))
        put(etree.SubElement(entry, f"{{{ATOM}}}author"), "name", alert.sender)
        etree.SubElement(entry, f"{{{ATOM}}}link", type="application/cap+xml", href=link(alert.identifier))
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return data


def _info(at: etree._Element, info: Info) -> None:
    _put(at, "language", info.language)
    for category in info.categories:
        _put(at, "category", category)
    _put(at, "event", info.event)
    for response in info.responses:
        _put(at, "responseType", response)
    for tag, text in (("urgency", info.urgency), ("severity", info.severity), ("certainty", info.certainty)):
        _put(at, tag, text)
    for name, value in info.event_codes:
        _pair(at, "eventCode", name, value)
    times = ("effective", info.effective_ms), ("onset", info.onset_ms), ("expires", info.expires_ms)
    for tag, at_ms in times:
        _put(at, tag, "" if at_ms is None else _time(at_ms))
    _put(at, "senderName", info.sender_name)
    _put(at, "headline", info.headline)
    _put(at, "description", info.description)
    _put(at, "instruction", info.instruction)
    _put(at, "web", info.web)
    _put(at, "contact", info.contact)
    for name, value in info.parameters:
        _pair(at, "parameter", name, value)
    for area in info.areas:
        _area(etree.SubElement(at, f"{{{CAP_12}}}area"), area)


def _area(at: etree._Element, area: Area) -> None:
    _put(at, "areaDesc", area.described)
    for polygon in area.polygons:
        _put(at, "polygon", " ".join(f"{lat:.6f},{lon:.6f}" for lat, lon in polygon))
    for circle in area.circles:
        _put(at, "circle", f"{circle.lat:.6f},{circle.lon:.6f} {circle.radius_km:.3f}")
    for name, value in area.geocodes:
        _pair(at, "geocode", name, value)


def _pair(at: etree._Element, tag: str, name: str, value: str) -> None:
    pair = etree.SubElement(at, f"{{{CAP_12}}}{tag}")
    etree.SubElement(pair, f"{{{CAP_12}}}valueName").text = name
    etree.SubElement(pair, f"{{{CAP_12}}}value").text = value


def _put(at: etree._Element, tag: str, text: str) -> None:
    if text:
        etree.SubElement(at, f"{{{CAP_12}}}{tag}").text = text


def _time(at_ms: int) -> str:
    """CAP's own writing: seconds, and the zone of UTC as it wants it (3.3.2)."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")
