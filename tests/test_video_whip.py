"""WHIP and WHEP as a client meets them: what each status says, and what is refused is told in both languages."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from fusioncmd import passes, tickets
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import parse
from fusioncmd.passes import Pass
from fusioncmd.video.source import Track
from gateways.responder.lost import LostDevices
from gateways.video.calling import Calling
from gateways.video.forwarding import Forwarding
from gateways.video.http import make_app
from gateways.video.missed import MissedDesk
from gateways.video.negotiation import Codec, NoCommonCodec, Section, profile_of, published, watched
from gateways.video.rtc import listen_at
from gateways.video.talking import Talking
from gateways.video.who import Doorman
from tests.browsers_video import Peer
from tests.nats_server import until

KEY = bytes(32)
SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
UFRAG = "a=ice-ufrag:"


def bearer(name: str = "chen", node: str = "440106") -> dict[str, str]:
    made = Pass(name, node, int(time.time()) + 60, int(time.time()) + 600)
    return {"authorization": f"Bearer {tickets.to_text(passes.mint(made, KEY))}"}


@pytest.fixture
async def page() -> AsyncIterator[AsyncTestClient[Any]]:
    listen_at("127.0.0.1")
    bus, serves = MemoryBus(), parse("440106")
    talking = Talking(bus, "440106-video", serves, time.time, lambda path: True)
    forwarding = Forwarding(bus, "440106-video", serves, time.time)

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[None]:
        task = asyncio.create_task(forwarding.run())
        yield
        await forwarding.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    doorman = Doorman(KEY, serves, LostDevices(KEY), lambda path: path.code)
    calling = Calling(bus, serves, time.time)
    app = make_app(talking, forwarding, calling, MissedDesk(bus), doorman, running)
    async with AsyncTestClient(app) as client:
        yield client


def sdp(**more: str) -> dict[str, str]:
    return {"content-type": SDP, **bearer(**more)}


async def test_a_session_has_an_address_and_a_tag_and_is_patched_kept_and_deleted(page: AsyncTestClient[Any]) -> None:
    peer = Peer("sendonly", "H264")
    offer = await peer.offer()
    opened = await page.post("/whip/440106?title=Dyke&lat=23.1&lon=113.3", content=offer, headers=sdp())
    assert (opened.status_code, opened.headers["content-type"].partition(";")[0]) == (201, SDP)
    where, tag = opened.headers["location"], opened.headers["etag"]
    assert opened.headers["accept-patch"] == FRAGMENT and tag[0] == tag[-1] == '"'
    await peer.take(opened.text)
    mine = next(line for line in offer.splitlines() if line.startswith(UFRAG))
    word = next(line for line in offer.splitlines() if line.startswith("a=ice-pwd:"))
    more = f"{mine}\r\n{word}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    candidate = "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
    named = "a=candidate:1 1 udp 1 a-name.local 9 typ host\r\n"
    patches = [
        (more + candidate + named, {"if-match": tag}, 204),
        (more + candidate, {}, 428),
        (more + candidate, {"if-match": '"other"'}, 412),
        (more, {"if-match": "*"}, 422),
        (more.replace(mine, UFRAG + "anew"), {"if-match": tag}, 422),
        (more + candidate * 40, {"if-match": tag}, 400),
        ("v=0\r\n", {"if-match": tag}, 400),
    ]
    for text, headers, status in patches:
        said = await page.patch(where, content=text, headers={"content-type": FRAGMENT, **headers, **bearer()})
        assert said.status_code == status, (text, said.text)
        assert status == 204 or (said.json()["en"] and said.json()["zh"])
    rows = (await page.get("/sources", headers=bearer())).json()
    assert [(row["title"], row["place"], row["codec"], row["viewers"]) for row in rows] == [
        ("Dyke", [23.1, 113.3], "H264", 0)
    ]
    assert (await page.post(where, headers=bearer())).status_code == 204
    assert (await page.delete(where, headers=bearer("other"))).status_code == 404
    assert (await page.delete(where, headers=bearer())).status_code == 200
    assert (await page.delete(where, headers=bearer())).status_code == 404
    await until(lambda: peer.pc.connectionState == "closed")
    assert (await page.get("/sources", headers=bearer())).json() == []
    other = Peer("sendonly", "VP8")
    opened = await page.post("/whip/440106", content=await other.offer(), headers=sdp())
    await other.take(opened.text)
    await other.pc.close()
    health = "/health"
    while (await page.get(health)).json()["publishers"]:
        await asyncio.sleep(0.01)
    assert (await page.delete(opened.headers["location"], headers=bearer("other"))).status_code == 404
    assert (await page.delete(opened.headers["location"], headers=bearer())).status_code == 200, "it has gone already"


async def test_what_is_refused_is_told_why(page: AsyncTestClient[Any]) -> None:
    peer = Peer("sendonly", "VP8")
    offer = await peer.offer()
    h265 = offer.replace("VP8/90000", "H265/90000")
    cases: list[tuple[str, str, dict[str, str], int, str]] = [
        ("/whip/440106", offer, {"content-type": SDP}, 401, "bearer"),
        ("/whip/440106", h265, sdp(), 406, "Set its video encoding to H.264"),
        ("/whip/440106", offer.replace("VP8/90000", "AV1/90000"), sdp(), 406, "AV1"),
        ("/whip/440106", offer.replace("a=sendonly", "a=recvonly"), sdp(), 400, "no picture to send"),
        ("/whip/440106", offer + "a=fmtp:5 x=1\r\n", sdp(), 400, "Not an SDP offer"),
        ("/whip/440105", offer, sdp(), 403, "440106"),
        ("/whip/440106?lat=91&lon=0", offer, sdp(), 400, "lat"),
        ("/whip/440106?lat=x", offer, sdp(), 400, "lat"),
        ("/whip/9", offer, sdp(), 400, "9"),
        ("/whip/440106", "v" * 1_000_000, sdp(), 413, "longer than"),
        ("/whip/440106", offer, bearer(), 400, SDP),
        ("/whep/440106.none", offer, sdp(), 404, "440106.none"),
        ("/whep/440105.none", offer, sdp(), 403, "may not watch"),
        ("/whep/440106", offer, sdp(), 400, ""),
    ]
    for where, text, headers, status, why in cases:
        said = await page.post(where, content=text, headers={"content-type": "text/plain", **headers})
        assert said.status_code == status, (where, said.text)
        assert why in said.json()["en"] and said.json()["zh"], said.text
    await peer.pc.close()
    asked = await page.options("/whip/440106")
    assert (asked.status_code, asked.headers["accept-post"]) == (204, SDP)
    health = (await page.get("/health")).json()
    assert health["publishers"] == health["viewers"] == health["sources"] == 0


def section(*codecs: Codec, kind: str = "video", direction: str = "sendonly") -> Section:
    return Section(kind, "0", direction, codecs)


def h264(level_id: str, number: int, mode: str = "1") -> Codec:
    return Codec("H264", number, None, {"packetization-mode": mode, "profile-level-id": level_id})


VP8, OPUS = Codec("VP8", 96, 97, {}), Codec("opus", 111, None, {})


def test_a_publisher_is_asked_for_baseline_before_vp8_and_a_viewer_for_what_shows_the_source() -> None:
    offered = section(VP8, h264("64001f", 98), h264("42e01f", 99, "0"), h264("42e034", 100), h264("42001f", 101))
    sound = section(OPUS, kind="audio")
    picture, heard = published([offered, sound])
    assert picture is not None and heard is not None
    assert (picture.codec.payload_type, heard.codec.payload_type) == (100, 111)
    assert [one and one.codec.name for one in published([section(VP8), section(kind="audio")])] == ["VP8", None]
    main, baseline = Track("H264", 1, "profile-level-id=4d001f"), Track("H264", 1, "profile-level-id=42e01f")
    for track, level_ids, wanted in (
        (baseline, ("64001f", "42e01f"), 1), (baseline, ("640c1f",), 0), (main, ("42e01f", "64001f"), 1),
        (main, ("4d0032",), 0), (main, ("42e01f", "42001f"), None), (baseline, (), None),
    ):  # fmt: skip
        offer = [section(*(h264(one, i) for i, one in enumerate(level_ids)), direction="recvonly")]
        if wanted is None:
            with pytest.raises(NoCommonCodec):
                watched([track])(offer)
            continue
        [choice] = watched([track])(offer)
        assert choice is not None and choice.codec.payload_type == wanted
    assert [profile_of(one) for one in ("4de01f", "640c1f", "640028", "58001f", "xx", "")] == [
        "constrained baseline", "constrained high", "high", "", "", "",
    ]  # fmt: skip
