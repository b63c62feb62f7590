"""What comes from outside and is wrong: of another time, of another place, said again, or nothing at all. Pure."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import random
from datetime import UTC, datetime

import pytest

from fusioncmd.alarm import cap_xml
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.cap import Info
from fusioncmd.alarm.series import Limit, Series
from fusioncmd.errors import BadMessage, Forbidden, NotFound, Problem
from gateways.alarm import hooks
from gateways.alarm.from_cap import FromCap
from gateways.alarm.hooks import OFF_S_MAX, Signatures
from gateways.alarm.sensors import PAYLOAD_BYTES_MAX, Sensors, reading
from gateways.alarm.sources import CapSource, HookSource, SensorSource
from tests.alerts import ALERT, NEAR

NOW_MS = 1_795_000_000_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000
TOWN, KEY = "440106001", "a-key-of-sixteen-or-more"
SOURCE = CapSource("cma", senders=("cma@gd.cn",))
HOOK = HookSource("towers", KEY, TOWN, "smoke", fixed=True)


def made(now_ms: int) -> bytes:
    return now_ms.to_bytes(6, "big") + bytes(10)


def reader(places: tuple[str, ...] = (TOWN,)) -> FromCap:
    return FromCap(lambda _: places, made)


def alert(ident: str = "A1", kind: str = "Alert", off_ms: int = 0, refs: str = "", **times_ms: int) -> bytes:
    """Sent so long from now; `effective`, `onset`, `expires` so long from now."""
    stamp = lambda ms: datetime.fromtimestamp((NOW_MS + ms) / 1000, UTC).isoformat(timespec="seconds")  # noqa: E731
    text = ALERT % (ident, stamp(off_ms), kind, refs, NEAR)
    times = "".join(f"<{name}>{stamp(times_ms[name])}</{name}>" for name in ("effective", "onset", "expires")
                    if name in times_ms)  # fmt: skip
    return text.replace("<headline>", f"{times}<headline>").encode()


def take(found: FromCap, data: bytes, source: CapSource = SOURCE) -> list[Alarm]:
    return found.alarms(cap_xml.read(data), source, NOW_MS)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"off_ms": DAY_MS}, "1440 minutes from now: a clock is wrong"),
        ({"off_ms": 11 * MINUTE_MS}, "11 minutes from now"),
        ({"off_ms": -8 * DAY_MS}, "more than 7 days ago"),
        ({"expires": -DAY_MS}, "expired before it was sent"),
        ({"off_ms": -DAY_MS, "expires": -MINUTE_MS}, "It has expired"),
    ],
)  # fmt: skip
def test_an_alert_of_another_time_is_refused(times: dict[str, int], words: str) -> None:
    with pytest.raises(BadMessage, match=words):
        take(reader(), alert(**times))  # type: ignore[arg-type]


def test_a_clock_that_is_a_little_off_is_taken_and_what_is_yet_to_come_begins_then() -> None:
    (one,) = take(reader(), alert(off_ms=9 * MINUTE_MS))
    assert one.said_ms == NOW_MS
    (day,) = take(reader(), alert(off_ms=-DAY_MS, onset=DAY_MS, expires=2 * DAY_MS))
    assert (day.since_ms, day.until_ms) == (NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS)


def test_an_alert_abroad_or_of_another_sender_means_nothing_here() -> None:
    with pytest.raises(NotFound, match="no place of this tier"):
        take(reader(()), alert())
    with pytest.raises(BadMessage, match="no sender of other"):
        take(reader(), alert(), CapSource("other", senders=("met@no",)))


def test_a_cancel_ends_what_it_names_and_nothing_that_is_unknown() -> None:
    sent = datetime.fromtimestamp(NOW_MS / 1000, UTC).isoformat(timespec="seconds")
    refs = "<references>cma@gd.cn,{},{}</references>".format
    found = reader()
    with pytest.raises(NotFound, match="never came here"):
        take(found, alert("C0", "Cancel", refs=refs("A1", sent)))
    (first,) = take(found, alert("A1"))
    (more,) = take(found, alert("A2", "Update", refs=refs("A1", sent)))
    (over,) = take(found, alert("A3", "Cancel", refs=refs("A2", sent)))
    assert {one.about for one in (first, more, over)} == {"cma@gd.cn,A1"} and over.state == "over"
    (late,) = take(found, alert("A9", "Update", refs=refs("A8", sent)))
    assert late.about == "cma@gd.cn,A9"  # its first never came here: it begins
    with pytest.raises(NotFound, match="never came here"):  # whoever it says that it is, it is another source
        take(found, alert("A4", "Cancel", refs=refs("A9", sent)), CapSource("stranger"))
    (theirs,) = take(found, alert("A5", "Update", refs=refs("A9", sent)), CapSource("stranger"))
    assert theirs.about == "cma@gd.cn,A5" and theirs.source == "cap.stranger"


@pytest.mark.parametrize(
    "wrong", [b"", b"nan", b"inf", b"-Infinity", b"{}", b"[1]", b'{"value": "1"}', b'{"value": null}', b"1 2", b"\xff",
              b"9" * (PAYLOAD_BYTES_MAX + 1), b"{" * 400, "水".encode(), b'{"value": 1e999}', b"0x10", b"\0"],
)  # fmt: skip
def test_a_payload_that_is_no_reading_is_counted_and_the_limit_stays_crossed(wrong: bytes) -> None:
    series = Series("gas", limits=(Limit("severe", above=20.0),))
    sensors = Sensors((SensorSource("tank", {"gas": series}, at=TOWN),), 0.0, made, lambda *_: TOWN)
    (crossed,) = sensors.hear("tank", "gas", b"21", 1.0, NOW_MS)
    assert crossed.state == "new"
    invalid = sensors.hear("tank", "gas", wrong, 2.0, NOW_MS)
    assert [(one.event, one.state) for one in invalid] == [("gas-silent", "new")]
    (over,) = sensors.hear("tank", "gas", b"3", 3.0, NOW_MS)
    assert (over.event, over.state) == ("gas", "over")
    assert sensors.hear("tank", "other", b"99", 4.0, NOW_MS) == [] == sensors.hear("x", "gas", b"99", 4.0, NOW_MS)
    assert sensors.strange == 2


def test_any_bytes_are_a_reading_or_refused() -> None:
    dice = random.Random(1)
    for _ in range(20_000):
        data = bytes(dice.choice(b'0123456789.eE+-_ {}":,valueNaninf\xe9\0') for _ in range(dice.randrange(24)))
        with contextlib.suppress(BadMessage):
            assert isinstance(reading(data), float)


def header(body: bytes, at_s: int, key: str = KEY) -> str:
    return f"t={at_s},v1={hmac.new(key.encode(), f'{at_s}.'.encode() + body, hashlib.sha256).hexdigest()}"


def test_a_hook_is_taken_once_and_only_within_five_minutes_of_either_clock() -> None:
    seen, now_s, body = Signatures(), NOW_MS // 1000, b"{}"
    signed = header(body, now_s)
    seen.check(signed, body, KEY, now_s)
    with pytest.raises(Forbidden, match="came before"):
        seen.check(signed, body, KEY, now_s + OFF_S_MAX)
    with pytest.raises(Forbidden, match="a clock is wrong"):
        seen.check(signed, body, KEY, now_s + OFF_S_MAX + 1)  # by then it need not be remembered
    for off_s in (-86_400, 86_400, OFF_S_MAX + 1):
        with pytest.raises(Forbidden, match="a clock is wrong"):
            seen.check(header(body, now_s + off_s), body, KEY, now_s)
    for wrong in ("", "t=1", signed.upper(), signed + "0", f"t={now_s},v1={'0' * 64}", header(b"{ }", now_s),
                  header(body, now_s, KEY[::-1]), signed.replace("t=", "t=0", 1)):  # fmt: skip
        with pytest.raises(Forbidden):
            seen.check(wrong, body, KEY, now_s)


def test_what_was_not_stored_may_be_posted_again() -> None:
    seen, now_s, body = Signatures(), NOW_MS // 1000, b"{}"
    signed = header(body, now_s)
    seen.check(signed, body, KEY, now_s)
    seen.forget(signed)
    seen.check(signed, body, KEY, now_s)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"nul", b"\xff\xfe", b'{"about": "", "headline": "x"}', b'{"about": "x", "headline": ""}',
     b"[" * 8_000, b"{" * 17_000, json.dumps({"about": "x", "headline": "y" * 300}).encode(),
     json.dumps({"about": "x", "headline": "y", "lat": 91}).encode(),
     json.dumps({"about": "x", "headline": "y", "at": "4401060010011"}).encode(),
     json.dumps({"about": "x", "headline": "y", "at": "440103"}).encode(),
     json.dumps({"about": "x", "headline": "y", "event": "Smoke!"}).encode()],
)  # fmt: skip
def test_a_body_that_is_no_alarm_of_this_hook_is_refused_by_one_sentence(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        hooks.alarm_of(body, HOOK, NOW_MS, made, lambda *_: TOWN)
    assert len(caught.value.en) < 400 and caught.value.zh


def test_a_hook_cannot_say_when_it_will_have_been() -> None:
    body = json.dumps({"about": "x", "headline": "y", "since_ms": NOW_MS + DAY_MS}).encode()
    assert hooks.alarm_of(body, HOOK, NOW_MS, made, lambda *_: TOWN).since_ms == NOW_MS


def test_the_places_of_an_info_are_asked_of_each() -> None:
    asked: list[Info] = []
    found = FromCap(lambda info: (asked.append(info), (TOWN,))[1], made)
    take(found, alert())
    assert [info.event for info in asked] == ["暴雨"]
