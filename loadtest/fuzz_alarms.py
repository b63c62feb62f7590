"""What `fuzz` feeds of alarms: CAP, feeds, signed hooks, payloads of MQTT, and what lies in the stream.

Whatever is refused is refused by a `Problem`; whatever is taken goes the whole way into bytes of the stream and back.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import cap_xml, playbook
from fusioncmd.alarm import decided as decisions
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Book
from fusioncmd.alarm.folding import Folder
from fusioncmd.alarm.series import Limit, Series
from fusioncmd.codes import Path
from fusioncmd.errors import Problem
from fusioncmd.gazetteer import Gazetteer, polygon
from fusioncmd.ground import Point
from gateways.alarm import feeds, hooks
from gateways.alarm.desk import Desk
from gateways.alarm.intake import Intake
from gateways.alarm.sensors import Sensors
from gateways.alarm.signed import Signed
from gateways.alarm.sources import CapSource, HookSource, SensorSource, Sources

Target = Callable[[bytes], None]
NOW_MS = 1_795_000_000_000
TOWN, KEY = "440106001", "key-of-the-fuzzer-0123"
SQUARE = polygon([(23.0, 113.0), (23.0, 114.0), (24.0, 114.0), (24.0, 113.0)])
FIELDS = ("A1", "2026-11-18T10:00:00+08:00", "Alert", "", "23.1,113.3 23.2,113.3 23.2,113.4 23.1,113.3", "23.1,113.2 5",
          "440106001", "rain")  # fmt: skip
ALERT = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>%s</identifier><sender>cma@gd.cn</sender>
<sent>%s</sent><status>Actual</status><msgType>%s</msgType><scope>Public</scope>%s
<info><language>zh-CN</language><category>Met</category><event>rain</event><urgency>Immediate</urgency>
<severity>Extreme</severity><certainty>Observed</certainty><area><areaDesc>x</areaDesc><polygon>%s</polygon>
<circle>%s</circle><geocode><valueName>CODE</valueName><value>%s</value></geocode></area></info><!-- %s --></alert>"""
GAS = Series("gas", silent_s=30, limits=(Limit("severe", above=20.0, back=5.0), Limit("minor", rising_per_s=1.0)))


def _kept(made: list[Alarm], folder: Folder, book: Book) -> None:
    """As what comes in is folded, stored, read again, and told by a playbook."""
    for alarm in made:
        told = folder.hear(alarm, NOW_MS)
        if told is not None:
            read = alarms.decode(alarms.encode(told))
            assert read == told and told.path.code
            book.hear(read)
            assert playbook.words("{headline} {where} {reading}", read, str, "")


def cap() -> Target:
    """The first byte: even, bytes as they are; odd, the fields of an alert, with a line break between two."""
    desk = Desk(
        Intake(cast(Any, None), Path("44"), lambda: NOW_MS / 1000), Sources(),
        Gazetteer([("440106", SQUARE)], [(TOWN, Point(23.15, 113.35))]), Signed({}),
    )  # fmt: skip
    folder, book, source = Folder(), Book(), CapSource("cma")

    def take(data: bytes) -> None:
        xml = data[1:]
        if data[:1] and data[0] % 2:
            said = xml.decode("utf-8", "replace").split("\n")[: len(FIELDS)]
            xml = (ALERT % (*said, *FIELDS[len(said) :])).encode()
        with contextlib.suppress(Problem):
            _kept(desk._from_cap.alarms(cap_xml.read(xml), source, NOW_MS), folder, book)

    return take


def feed() -> Target:
    def take(data: bytes) -> None:
        with contextlib.suppress(Problem):
            for entry in feeds.read(data, "https://met.test/feed.atom").entries:
                assert urlsplit(entry.url).hostname == "met.test"

    return take


def hook() -> Target:
    """The first byte: even, a signature as it comes, up to the first line break; odd, one that is right."""
    folder, book, source = Folder(), Book(), HookSource("towers", KEY, TOWN, "smoke", fixed=True)

    def take(data: bytes) -> None:
        seen, head, body = hooks.Signatures(), "", data[1:]
        right = hmac.new(KEY.encode(), f"{NOW_MS // 1000}.".encode() + body, hashlib.sha256).hexdigest()
        if data[:1] and data[0] % 2 == 0:
            first, _, body = body.partition(b"\n")
            head = first.decode("latin-1")
        with contextlib.suppress(Problem):
            seen.check(head or f"t={NOW_MS // 1000},v1={right}", body, KEY, NOW_MS / 1000)
            made = hooks.alarm_of(body, source, NOW_MS, _id, lambda lat, lon: TOWN if lat > 0 < lon else "")
            assert all(node.startswith(TOWN) for node in made.nodes)
            _kept([made], folder, book)

    return take


def mqtt() -> Target:
    """Payloads, each after its length in a byte; seconds go by with each, as many as that byte."""

    def take(data: bytes) -> None:
        folder, book, at, now_s = Folder(), Book(), 0, 0.0
        sensors = Sensors((SensorSource("tank", {"gas": GAS}, at=TOWN),), 0.0, _id, lambda *_: TOWN)
        while at < len(data):
            size = data[at]
            now_s += size
            _kept(sensors.hear("tank", "gas", data[at + 1 : at + 1 + size], now_s, NOW_MS), folder, book)
            _kept(list(sensors.late(now_s, NOW_MS)), folder, book)
            at += 1 + size
        assert len(book.alarms) <= 3, "one series is its limit, and its silence"

    return take


def stored() -> Target:
    """What lies in the stream, and files of playbooks."""

    def take(data: bytes) -> None:
        book = Book()
        with contextlib.suppress(Problem):
            book.hear(alarms.decode(data))
        with contextlib.suppress(Problem):
            for decided in decisions.decode(data):
                book.decide(decided)
        with contextlib.suppress(Problem):
            playbook.read(data)

    return take


def _id(now_ms: int) -> bytes:
    return now_ms.to_bytes(6, "big") + bytes(10)


TARGETS: dict[str, Callable[[], Target]] = {
    "cap": cap, "cap-feed": feed, "hook": hook, "mqtt": mqtt, "alarm": stored,
}  # fmt: skip


def seeds(what: str) -> Iterator[bytes]:
    alert = (ALERT % FIELDS).encode()
    made = alarms.encode(Alarm(_id(NOW_MS), "hook.x", "a", "new", "smoke", "actual", "severe", "likely", "immediate",
                               NOW_MS, NOW_MS, (TOWN,), "Smoke"))  # fmt: skip
    yield from {
        "cap": [b"\0" + alert, b"\1" + "\n".join(FIELDS).encode(), b'\0<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
        "cap-feed": [
            b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>1</id><link href='/a'/></entry></feed>", alert,
        ],
        "hook": [b'\1{"about": "a", "headline": "h", "lat": 23.1, "lon": 113.3, "evidence": [["web", "x"]]}',
                 b"\0t=1795000000,v1=" + b"0" * 64 + b"\n{}"],
        "mqtt": [b"\x0435.5" + b'\x0e{"value": 3.5}' + b"\x03nan" + b"\x012"],
        "alarm": [made, decisions.encode(decisions.Decided(_id(NOW_MS), "44", "issued", "x", NOW_MS, "p", _id(1))),
                  b'[[playbook]]\nname = "p"\nwhen = {events = ["smoke"]}\ncall = {text = "{where}"}\n'],
    }[what]  # fmt: skip
