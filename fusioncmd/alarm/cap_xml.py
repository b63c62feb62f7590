"""CAP in XML: read strictly, written plainly. The one file that knows lxml.

XML of strangers: no document type (so no entity can be declared, which is how bombs are made and files are read), no
network, no huge trees; a bound on bytes before anything is parsed. Then the schema of OASIS, then what a schema cannot
say. CAP 1.1 is read too: half of the world still sends it. Each refusal is one sentence that names the element.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import resources

import msgspec
from lxml import etree

from fusioncmd.alarm import cap
from fusioncmd.alarm.cap import Area, CapAlert, Circle, Info, Pair, Polygon, Reference
from fusioncmd.errors import BadMessage

CAP_12, CAP_11 = "urn:oasis:names:tc:emergency:cap:1.2", "urn:oasis:names:tc:emergency:cap:1.1"
ALERTS = frozenset(f"{{{namespace}}}alert" for namespace in (CAP_12, CAP_11))
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
Faults = etree.LxmlError  # what other libraries that work on its trees let through
_SCHEMAS = {CAP_12: "CAP-v1.2.xsd", CAP_11: "CAP-v1.1.xsd"}
_FORBIDDEN = frozenset(" ,<&\t\r\n")  # in identifiers and senders (3.2.1): references could not be read


def parsed(data: bytes) -> etree._Element:
    """The root of any XML document, with nothing in it resolved or fetched. BadMessage."""
    if len(data) > cap.XML_BYTES_MAX:
        raise _bad(f"it has {len(data)} bytes, and {cap.XML_BYTES_MAX} are taken", f"长度 {len(data)} 字节超出上限")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _bad(f"it is not XML ({str(error)[:80]})", "不是有效的 XML") from None
    if root.getroottree().docinfo.doctype:
        raise _bad("it declares a document type, which no alert needs", "含有文档类型声明")
    return root


def bytes_of(element: etree._Element) -> bytes:
    """A document of that element alone, without what follows it."""
    data: bytes = etree.tostring(element, with_tail=False)
    return data


def read(data: bytes) -> CapAlert:
    """The alert in one CAP document. BadMessage."""
    return from_element(parsed(data))


def from_element(root: etree._Element) -> CapAlert:
    """The alert at an element, which may lie in a feed or an envelope. BadMessage."""
    name = etree.QName(root)
    if name.localname != "alert" or name.namespace not in _SCHEMAS:
        where = f"{{{name.namespace}}}{name.localname}"[:120]
        raise _bad(f"its root is {where} and not an alert of CAP 1.2 or 1.1", "根元素不是 CAP 1.2/1.1 的 alert")
    schema = _schema(name.namespace)
    if not schema.validate(_unsigned(root)):
        error = next(iter(schema.error_log))
        raise _bad(f"line {error.line}: {_plain(error.message)}", f"第 {error.line} 行不符合 CAP 架构")
    return _Reader(name.namespace).alert(root)


def _unsigned(root: etree._Element) -> etree._Element:
    """The schema of CAP 1.1 leaves no place for the signature of which its text speaks (3.3.2.1)."""
    if not any(each.tag == SIGNATURE for each in root):
        return root
    bare = copy.deepcopy(root)
    for each in bare.findall(SIGNATURE):
        bare.remove(each)
    return bare


@cache
def _schema(namespace: str) -> etree.XMLSchema:
    text = resources.files("fusioncmd.alarm").joinpath(_SCHEMAS[namespace]).read_bytes()
    return etree.XMLSchema(etree.fromstring(text))


def _plain(message: str) -> str:
    return message.replace(f"{{{CAP_12}}}", "").replace(f"{{{CAP_11}}}", "")[:200]


def _bad(en: str, zh: str) -> BadMessage:
    return BadMessage(f"Not an alert that can be taken: {en}.", f"无法接收的预警：{zh}。")


class _Reader:
    def __init__(self, namespace: str) -> None:
        self._n = f"{{{namespace}}}"
        self._points = 0

    def alert(self, root: etree._Element) -> CapAlert:
        infos = root.findall(f"{self._n}info")
        if len(infos) > cap.INFOS_MAX:
            raise _bad(f"it has {len(infos)} infos", "info 过多")
        made = {
            "identifier": self._name(root, "identifier"), "sender": self._name(root, "sender"),
            "sent_ms": self._time(root, "sent"), "status": self._text(root, "status"),
            "msg_type": self._text(root, "msgType"), "scope": self._text(root, "scope"),
            "infos": [self._info(info) for info in infos], "references": self._references(root),
            "source": self._text(root, "source"), "addresses": self._text(root, "addresses"),
            "note": self._text(root, "note"),
            "codes": self._texts(root, "code"), "incidents": self._text(root, "incidents"),
        }  # fmt: skip
        if made["msg_type"] in ("Update", "Cancel") and not made["references"]:
            raise _bad(f"a {made['msg_type']} that references nothing", "更新或解除未引用原预警")
        try:
            return msgspec.convert(made, CapAlert)
        except msgspec.ValidationError as error:
            raise _bad(str(error), "内容超出范围") from None

    def _info(self, info: etree._Element) -> Info:
        areas = info.findall(f"{self._n}area")
        if len(areas) > cap.AREAS_MAX:
            raise _bad(f"it has {len(areas)} areas in one info", "区域过多")
        made = {
            "language": self._text(info, "language") or "en-US", "categories": self._texts(info, "category"),
            "event": self._text(info, "event"), "urgency": self._text(info, "urgency"),
            "severity": self._text(info, "severity"), "certainty": self._text(info, "certainty"),
            "responses": self._texts(info, "responseType"), "event_codes": self._pairs(info, "eventCode"),
            "effective_ms": self._time(info, "effective"), "onset_ms": self._time(info, "onset"),
            "expires_ms": self._time(info, "expires"), "sender_name": self._text(info, "senderName"),
            "headline": self._text(info, "headline"), "description": self._text(info, "description"),
            "instruction": self._text(info, "instruction"), "web": self._text(info, "web"),
            "contact": self._text(info, "contact"), "parameters": self._pairs(info, "parameter"),
            "areas": [self._area(area) for area in areas],
        }  # fmt: skip
        try:
            return msgspec.convert(made, Info)
        except msgspec.ValidationError as error:
            raise _bad(str(error), "内容超出范围") from None

    def _area(self, area: etree._Element) -> Area:
        return Area(
            self._text(area, "areaDesc"),
            tuple(self._polygon(text) for text in self._texts(area, "polygon") if text),
            tuple(self._circle(text) for text in self._texts(area, "circle") if text),
            self._pairs(area, "geocode"),
        )

    def _polygon(self, text: str) -> Polygon:
        points = tuple(_point(pair) for pair in text.split())
        self._points += len(points)
        if self._points > cap.POINTS_MAX:
            raise _bad(f"its polygons have more than {cap.POINTS_MAX} points", "多边形点数过多")
        if len(points) < 4 or points[0] != points[-1]:
            raise _bad("a polygon that is not closed, or of fewer than four points", "多边形未闭合或少于四点")
        return points

    def _circle(self, text: str) -> Circle:
        centre, _, radius = text.strip().partition(" ")
        km = _number(radius)
        if not 0 <= km <= 20_100:
            raise _bad(f"a circle of {radius[:20]} km", "圆半径无效")
        return Circle(*_point(centre), km)

    def _references(self, root: etree._Element) -> list[Reference]:
        found = []
        for one in self._text(root, "references").split():
            sender, _, rest = one.partition(",")
            identifier, _, sent = rest.rpartition(",")
            if not (sender and identifier):
                raise _bad(f"a reference that cannot be read: {one[:60]}", "引用格式无效")
            found.append(Reference(sender, identifier, _millis(sent)))
        if len(found) > cap.REFERENCES_MAX:
            raise _bad(f"it references {len(found)} alerts", "引用过多")
        return found

    def _name(self, of: etree._Element, tag: str) -> str:
        text = self._text(of, tag)
        if not text or _FORBIDDEN & set(text):
            raise _bad(f"its {tag} is empty, or has spaces, commas, < or & in it", f"{tag} 为空或含非法字符")
        return text

    def _time(self, of: etree._Element, tag: str) -> int | None:
        text = self._text(of, tag)
        return _millis(text) if text else None

    def _pairs(self, of: etree._Element, tag: str) -> tuple[Pair, ...]:
        found = of.findall(f"{self._n}{tag}")
        if len(found) > cap.PAIRS_MAX:
            raise _bad(f"it has {len(found)} {tag}s in one place", f"{tag} 过多")
        return tuple((self._text(each, "valueName"), self._text(each, "value")) for each in found)

    def _text(self, of: etree._Element, tag: str) -> str:
        return next(self._each(of, tag), "")

    def _texts(self, of: etree._Element, tag: str) -> tuple[str, ...]:
        return tuple(self._each(of, tag))

    def _each(self, of: etree._Element, tag: str) -> Iterator[str]:
        long = tag in ("polygon", "references")
        for each in of.iterfind(f"{self._n}{tag}"):
            text = (each.text or "").strip()
            yield text if long else text[: cap.TEXT_CHARS_MAX]


def _point(text: str) -> tuple[float, float]:
    lat, _, lon = text.partition(",")
    found = _number(lat), _number(lon)
    if not (-90 <= found[0] <= 90 and -180 <= found[1] <= 180):
        raise _bad(f"a point that is not on earth: {text[:40]}", "坐标超出范围")
    return found


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise _bad(f"a number that is none: {text[:40]!r}", "数值无效")
    return found


def _millis(text: str) -> int:
    """CAP's own writing of times (3.3.2), and what others send: a zone has to be there, because an hour is."""
    try:
        at = datetime.fromisoformat(text.replace("-00:00", "+00:00"))
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise _bad(f"a time that cannot be read, or without a zone: {text[:40]}", "时间无效或缺少时区")
    return int(at.astimezone(UTC).timestamp() * 1000)
