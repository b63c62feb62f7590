"""CAP alerts: of several countries taken as they are, and what is wrong refused for the right reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd.alarm import cap, cap_xml
from fusioncmd.alarm.cap import Circle
from fusioncmd.errors import BadMessage

SAMPLES = Path(__file__).parent / "cap"
TAKEN = {
    "australia.cap": ("Alert", 2), "australia_bom.cap": ("Alert", 1), "canada.cap": ("Update", 2),
    "canada_signed.cap": ("Update", 2), "earthquake_signed.cap": ("Alert", 1), "iceland_met_office.cap": ("Alert", 2),
    "mexico.xml": ("Update", 1), "no_info_tag.cap": ("Cancel", 0), "no_optional_fields.cap": ("Alert", 0),
    "ph.cap": ("Alert", 1), "taiwan.cap": ("Alert", 1), "weather.cap": ("Alert", 1),
}  # fmt: skip
REFUSED = {
    "canada_errors.cap": "a Update that references nothing",
    "invalid.cap": "line 9: Element 'info'",
    "invalid_xmlns.cap": "its root is {urn:oasis:names:tc:emergency:alerts:1.2}alert",
    "noaa_errors.cap": "line 17: Element 'urgency'",
    "sweden.cap": "line 17: Element 'senderName'",
    "xee.cap": "declares a document type",
}
PLAIN = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>A1</identifier><sender>cma@gd.cn</sender>
<sent>2026-11-29T09:00:00+08:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
<info><language>zh-CN</language><category>Met</category><event>暴雨</event><urgency>Immediate</urgency>
<severity>Extreme</severity><certainty>Observed</certainty>
<area><areaDesc>天河</areaDesc><polygon>23.1,113.3 23.2,113.3 23.2,113.4 23.1,113.3</polygon>
<circle>23.13,113.26 5</circle></area></info></alert>"""


@pytest.mark.parametrize("name", TAKEN)
def test_alerts_of_several_countries_are_taken(name: str) -> None:
    alert = cap_xml.read((SAMPLES / name).read_bytes())
    assert (alert.msg_type, len(alert.infos)) == TAKEN[name]
    assert alert.sent_ms > 1_000_000_000_000


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_for_the_right_reason(name: str) -> None:
    with pytest.raises(BadMessage) as caught:
        cap_xml.read((SAMPLES / name).read_bytes())
    assert REFUSED[name] in caught.value.en and len(caught.value.en) < 400


def test_what_is_in_one() -> None:
    alert = cap_xml.read(PLAIN.encode())
    assert (alert.identifier, alert.sender, alert.sent_ms) == ("A1", "cma@gd.cn", 1_795_914_000_000)
    (info,) = alert.infos
    assert (info.event, info.severity, info.categories) == ("暴雨", "Extreme", ("Met",))
    assert info.areas[0].circles == (Circle(23.13, 113.26, 5),) and len(info.areas[0].polygons[0]) == 4
    assert alert.info("en", "zh") is info and cap.severity_rank("Extreme") == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("A1", "A 1", "identifier is empty, or has spaces"),
        ("+08:00</sent>", "</sent>", "Element 'sent'"),
        ("23.1,113.3 23.2,113.3 23.2,113.4 23.1,113.3", "23.1,113.3 23.2,113.3 23.2,113.4 23.3,113.3", "not closed"),
        ("23.13,113.26 5", "93.13,113.26 5", "not on earth"),
        ("23.13,113.26 5", "23.13,113.26 inf", "a number that is none"),
        ("23.13,113.26 5", "23.13 5", "a number that is none"),
        ("<msgType>Alert", "<msgType>Cancel", "references nothing"),
        ("<scope>Public</scope>", "<scope>Public</scope><references>a,b</references>", "cannot be read"),
        ("2026-11-29T09", "2026-13-29T09", "Element 'sent'"),
        ("<scope>Public</scope>", f"<scope>Public</scope><note>{'n' * 600_000}</note>", "bytes"),
        ("</alert>", "", "not XML"),
        ("<alert ", '<!DOCTYPE alert [<!ENTITY a "b">]><alert ', "document type"),
    ],
)  # fmt: skip
def test_bad_alerts_are_refused_by_one_sentence(old: str, new: str, words: str) -> None:
    assert old in PLAIN
    with pytest.raises(BadMessage) as caught:
        cap_xml.read(PLAIN.replace(old, new, 1).encode())
    assert words in caught.value.en


def test_a_bomb_of_entities_costs_nothing() -> None:
    lines = "".join(f'<!ENTITY b{i} "{f"&b{i - 1};" * 10 if i else "boom"}">' for i in range(12))
    with pytest.raises(BadMessage):
        cap_xml.read(PLAIN.replace("<alert ", f"<!DOCTYPE alert [{lines}]><alert ").replace("天河", "&b11;").encode())


@pytest.mark.parametrize("data", [b"", b"\0" * 40, b"<" * 5_000, "預警".encode("utf-16"), b"<a>" * 10_000])
def test_anything_that_is_no_xml(data: bytes) -> None:
    with pytest.raises(BadMessage):
        cap_xml.read(data)
