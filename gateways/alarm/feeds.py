"""A feed of CAP alerts: Atom (RFC 4287), RSS 2.0, EDXL-DE, or alerts one beside the other. Pure.

Alerts that lie in it are read from it; entries that only name one are links, fetched one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from fusioncmd.alarm import cap_xml
from fusioncmd.alarm.cap import CapAlert
from fusioncmd.errors import BadMessage, Problem

ENTRIES_MAX = 500  # of one feed; shed, the last in its order
_ATOM = "{http://www.w3.org/2005/Atom}"
_CAP_TYPES = ("application/cap+xml", "application/common-alerting-protocol+xml", "application/xml", "text/xml", "")


class Entry(NamedTuple):
    """`key` tells it from others and from earlier versions of itself."""

    key: str
    url: str


class Feed(NamedTuple):
    """`bad`: why alerts in it could not be read."""

    alerts: tuple[CapAlert, ...]
    entries: tuple[Entry, ...]
    bad: tuple[Problem, ...]


def read(data: bytes, at: str, alert_of: Callable[[Any], CapAlert] = cap_xml.from_element) -> Feed:
    """`at`: where it came from; `alert_of`: the alert at an element, or a Problem. BadMessage for what is no feed.
    Links to another host than the feed's are left out: whoever writes a feed may not send us anywhere."""
    root = cap_xml.parsed(data)
    alerts: list[CapAlert] = []
    bad: list[Problem] = []
    for element in (root, *root.iterdescendants()):
        if not isinstance(element.tag, str) or element.tag not in cap_xml.ALERTS:
            continue
        if len(alerts) + len(bad) >= ENTRIES_MAX:
            break
        try:
            alerts.append(alert_of(element))
        except Problem as problem:
            bad.append(problem)
    entries = [] if alerts or bad else list(_entries(root, at))
    if not alerts and not bad and not entries and root.tag not in (f"{_ATOM}feed", "rss"):
        raise BadMessage("Neither alerts nor a feed of them.", "既非预警，也非预警列表。")
    return Feed(tuple(alerts), tuple(entries[:ENTRIES_MAX]), tuple(bad))


def _entries(root: Any, at: str) -> Iterator[Entry]:
    host = urlsplit(at).hostname
    for entry in (*root.iterfind(f"{_ATOM}entry"), *root.iterfind("channel/item")):
        try:
            url = _link(entry, at)
            parts = urlsplit(url)
        except ValueError:  # such as http://[
            continue
        if parts.scheme in ("http", "https") and parts.hostname == host:
            ident = _text(entry, f"{_ATOM}id") or _text(entry, "guid") or url
            changed = _text(entry, f"{_ATOM}updated") or _text(entry, "pubDate")
            yield Entry(f"{ident} {changed}"[:1_000], url)


def _link(entry: Any, at: str) -> str:
    links = list(entry.iterfind(f"{_ATOM}link"))
    for kind in _CAP_TYPES:
        for link in links:
            if link.get("type", "") == kind and link.get("rel", "alternate") in ("alternate", "self", "enclosure"):
                return urljoin(at, str(link.get("href", "")))
    return urljoin(at, _text(entry, "link"))


def _text(of: Any, tag: str) -> str:
    found: Any = of.find(tag)
    return "" if found is None else str(found.text or "").strip()
