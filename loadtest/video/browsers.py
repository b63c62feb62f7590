"""Real browsers among the viewers of the video benchmark: Chromium watches by WHEP, and decodes what comes."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fusioncmd.errors import Unavailable

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)  # fmt: skip
_WATCH = """async ([url, token]) => {
  const began = performance.now();
  const video = document.body.appendChild(document.createElement("video"));
  Object.assign(video, {muted: true, autoplay: true, playsInline: true});
  const peer = window.peer = new RTCPeerConnection();
  peer.addTransceiver("video", {direction: "recvonly"});
  peer.ontrack = ({track}) => { video.srcObject = new MediaStream([track]); };
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  window.places = new Set();
  const look = () => {
    window.first ??= performance.now() - began;
    pen.drawImage(video, 0, 0);
    const row = pen.getImageData(0, 8, video.videoWidth, 1).data;
    for (let i = 0; i < row.length; i += 4) if (row[i] > 128) { window.places.add(i / 4); break; }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  await peer.setLocalDescription(await peer.createOffer());
  await new Promise((done) => {
    if (peer.iceGatheringState === "complete") done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
  });
  const headers = {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`};
  const answer = await fetch(url, {method: "POST", headers, body: peer.localDescription.sdp});
  if (answer.status !== 201) return await answer.text();
  await peer.setRemoteDescription({type: "answer", sdp: await answer.text()});
  return "";
}"""
_TOLD = """async () => {
  for (const one of (await peer.getStats()).values()) if (one.type === "inbound-rtp")
    return {frames: one.framesDecoded, lost: one.packetsLost, first: window.first ?? -1, places: window.places.size};
}"""


@dataclass(slots=True)
class Seen:
    """`first_ms`: from the wish to watch to the first frame on the screen; -1: there was none. `places` of the bar."""

    frames_per_s: float
    lost: int
    first_ms: float
    places: int


class Browsers:
    def __init__(self, pages: list[Any]) -> None:
        self._pages = pages
        self._before: list[dict[str, Any]] = []

    async def begin(self) -> None:
        self._before = [await page.evaluate(_TOLD) for page in self._pages]

    async def seen(self, seconds: float) -> list[Seen]:
        """In so many seconds, since `begin`."""
        now = [await page.evaluate(_TOLD) for page in self._pages]
        return [
            Seen((b["frames"] - a["frames"]) / seconds, b["lost"] - a["lost"], b["first"], b["places"])
            for a, b in zip(self._before, now, strict=True)
        ]


@contextlib.asynccontextmanager
async def watching(url: str, tokens: list[str]) -> AsyncIterator[Browsers]:
    """One browser for each token, in pages of one Chromium. Raises Unavailable."""
    from playwright.async_api import async_playwright  # of those who develop

    program = shutil.which("chromium")
    if program is None:
        raise Unavailable("Chromium is not installed.", "未安装 Chromium。")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        pages = []
        for token in tokens:
            page = await (await chromium.new_context()).new_page()
            await page.goto(f"{url.partition('/whep')[0]}/health")
            if said := await page.evaluate(_WATCH, [url, token]):
                raise Unavailable(f"A browser is refused: {said}", f"浏览器被拒绝：{said}")
            pages.append(page)
        await asyncio.sleep(1.0)
        try:
            yield Browsers(pages)
        finally:
            await chromium.close()
