"""What is posted to a hook: signed, of now, once; and the alarm that its JSON is. Pure.

`Fusion-Signature: t=<seconds since 1970>,v1=<hex>` is HMAC-SHA256 (RFC 2104) over `<t>.<body>`, as the webhooks that
leave here are signed. What is older than five minutes is refused; within them the same signature is taken once.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.alarm.alarm import (
    HEADLINE_CHARS_MAX,
    TEXT_CHARS_MAX,
    Alarm,
    Certainty,
    Event,
    Evidence,
    State,
    Urgency,
)
from fusioncmd.errors import BadInput, BadMessage, Forbidden, NotFound
from fusioncmd.messages import Code, Latitude, Longitude, Millis, Severity, Status
from gateways.alarm.sources import HookSource

BODY_BYTES_MAX = 16 * 1024  # reject
OFF_S_MAX = 300  # a signature's time from ours
SEEN_MAX = 200_000  # signatures of the last five minutes; beyond: reject, or one could be said again
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


class Posted(Struct, frozen=True):
    """The JSON. `about` names what it is of: the same again is more of the same alarm. `at` is a place's code; `lat`
    and `lon` degrees; one of both, or the hook's own place, or only `place`, an id of the registry of places."""

    about: Annotated[str, Meta(min_length=1, max_length=200)]
    headline: Annotated[str, Meta(min_length=1, max_length=HEADLINE_CHARS_MAX)]
    state: State = "new"
    event: Event | None = None
    status: Status = "actual"
    severity: Severity | None = None
    certainty: Certainty = "unknown"
    urgency: Urgency = "unknown"
    since_ms: Millis | None = None
    at: Code | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    radius_m: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    place: Annotated[str, Meta(max_length=64)] = ""
    text: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=16)] = ()


class Signatures:
    """Whether what is posted was signed just now, and not posted before."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def check(self, header: str, body: bytes, key: str, now_s: float) -> None:
        """Forbidden, with why."""
        found = _SIGNATURE.fullmatch(header.strip())
        if found is None:
            raise Forbidden("It is not signed: Fusion-Signature is t=…,v1=….", "未签名：须有 Fusion-Signature 头。")
        at_s, given = int(found[1]), bytes.fromhex(found[2])
        made = hmac.new(key.encode(), f"{found[1]}.".encode() + body, sha256).digest()
        if not hmac.compare_digest(made, given):
            raise Forbidden("The signature is not of this hook's key and this body.", "签名与该来源的密钥或内容不符。")
        if abs(now_s - at_s) > OFF_S_MAX:
            off = f"{abs(now_s - at_s):.0f}"
            raise Forbidden(
                f"It was signed {off} s from now: a clock is wrong, or it is said again.",
                f"签名时间与本机相差 {off} 秒：时钟有误或为重放。",
            )
        while self._seen and next(iter(self._seen.values())) < now_s - 2 * OFF_S_MAX:
            self._seen.popitem(last=False)
        if given in self._seen:
            raise Forbidden("This very message came before.", "该消息已收到过（重放）。")
        if len(self._seen) >= SEEN_MAX:
            raise BadInput("More is posted than can be told apart.", "推送过多，暂不接收。")
        self._seen[given] = now_s

    def forget(self, header: str) -> None:
        """It could not be kept: who posted it may post it again."""
        if (found := _SIGNATURE.fullmatch(header.strip())) is not None:
            self._seen.pop(bytes.fromhex(found[2]), None)


def alarm_of(
    body: bytes, source: HookSource, now_ms: int, make_id: Callable[[int], bytes], at: Callable[[float, float], str],
    serves: str = "",
) -> Alarm:  # fmt: skip
    """`at`: the place at a point; `serves`: the tier's own. BadMessage, Forbidden, NotFound."""
    if len(body) > BODY_BYTES_MAX:
        raise BadMessage(f"It has {len(body)} bytes; {BODY_BYTES_MAX} are taken.", "内容过长。")
    try:
        said = msgspec.json.decode(body, type=Posted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not an alarm: {error}.", f"不是有效的预警：{error}。") from None
    where = (said.lat, said.lon) if said.lat is not None and said.lon is not None else None
    known = said.at or (at(*where) if where else "") or source.at or ""
    node = known or (serves if said.place else "")
    if not node:
        raise NotFound("It says no place of this tier.", "未指明本级范围内的地点。")
    if source.fixed and source.at is not None and not node.startswith(source.at):
        raise Forbidden(f"{source.name} speaks for {source.at} only.", f"{source.name} 只能上报 {source.at} 的预警。")
    return Alarm(
        id=make_id(now_ms), source=f"hook.{source.name}", about=said.about, state=said.state,
        event=said.event or source.event, status=said.status, severity=said.severity or source.severity,
        certainty=said.certainty, urgency=said.urgency, since_ms=min(said.since_ms or now_ms, now_ms), said_ms=now_ms,
        nodes=(node,), headline=said.headline, text=said.text, where=where, radius_m=said.radius_m, place=said.place,
        evidence=said.evidence, only_place=not known,
    )  # fmt: skip
