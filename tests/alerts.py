"""CAP alerts for tests: of now, about a place, in the words of a weather service."""

from __future__ import annotations

from datetime import UTC, datetime

ALERT = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>%s</identifier><sender>cma@gd.cn</sender>
<sent>%s</sent><status>Actual</status><msgType>%s</msgType><scope>Public</scope>%s
<info><language>zh-CN</language><category>Met</category><event>暴雨</event><urgency>Immediate</urgency>
<severity>Extreme</severity><certainty>Observed</certainty><headline>暴雨红色预警</headline>
<area><areaDesc>天河</areaDesc><polygon>%s</polygon></area></info></alert>"""
NEAR = "23.14,113.34 23.18,113.34 23.18,113.40 23.14,113.40 23.14,113.34"
ABROAD = "35.0,139.0 36.0,139.0 36.0,140.0 35.0,139.0"


def alert(ident: str, polygon: str = NEAR, kind: str = "Alert", refs: str = "") -> bytes:
    sent = datetime.now(UTC).isoformat(timespec="seconds")
    return (ALERT % (ident, sent, kind, refs, polygon)).encode()
