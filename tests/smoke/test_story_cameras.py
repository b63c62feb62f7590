"""A county's cameras and drones: pulled and pushed, seen on the bus as they were filmed, and told what is wrong."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from fusioncmd.bus.nats import open_bus
from fusioncmd.video import rtcp
from gateways.camera import troubles
from tests.cameras import (
    RATE,
    SIZE,
    Pusher,
    RtspServer,
    Watcher,
    frames_of,
    make_clips,
    make_smoke_clips,
    need_programs,
)
from tests.nats_server import free_port
from tests.tier_process import TierProcess, until

COUNTY, TOWN = "440106", "440106001"
ACCOUNT = "admin:Geheim9"
GONE = "127.0.0.1:9"  # nobody listens there
SMOKE_S = 120.0  # on a busy machine it burns before the first look: then only when the clip of 40 s comes again
WAIT_S = 30.0  # a camera that failed is tried again after pauses that grow


class County(TierProcess):
    """`watcher` hears all video of the county; `rtsp` is where the cameras' server is."""

    def __init__(self, folder: Path, clips: dict[str, Path]) -> None:
        self.clips, self.push, self.rtsp = clips, free_port(), free_port()
        ports = f"{self.push}-{self.push + 1}"
        super().__init__(
            folder, "--node", COUNTY, "--gateways", 1, "--cameras", ports, "--seen", f"{TOWN}.ridge,{TOWN}.yard"
        )
        self.watcher = Watcher()

    def url(self, path: str, account: str = ACCOUNT) -> str:
        return f"rtsp://{account}@127.0.0.1:{self.rtsp}/{path}"

    def add(self, name: str, *more: object) -> Any:
        return self.ask("cameras", "add", name, "--place", TOWN, *more)

    def line(self, name: str) -> Any:
        [found] = [one for one in self.ask("cameras", "list")["cameras"] if one["name"] == name]
        return found

    def until_said(self, name: str, words: tuple[str, str]) -> None:
        until(lambda: words[0] in self.watcher.troubles[name], WAIT_S)

    def until_plays(self, name: str, frames: int = 5) -> list[str]:
        """New frames of it."""
        before = len(self.watcher.frames[name])
        until(lambda: len(self.watcher.frames[name]) >= before + frames, WAIT_S)
        return self.watcher.frames[name][before:]

    def watch(self) -> threading.Event:
        stop, heard = threading.Event(), threading.Event()

        async def watching() -> None:
            bus = await open_bus(self.nats, "watcher", key=self.bus_key("camera-video"))
            await bus.hear("fc.video.44.01.06.>", self.watcher.hear)
            heard.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)
            await bus.close()

        threading.Thread(target=asyncio.run, args=(watching(),), daemon=True).start()
        assert heard.wait(10.0)
        return stop


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    need_programs()
    folder = tmp_path_factory.mktemp("cameras")
    with County(folder, make_clips(folder) | make_smoke_clips(folder)) as running:
        stop = running.watch()
        yield running
        stop.set()


def test_a_camera_is_seen_as_it_filmed_and_comes_back_after_its_death(county: County) -> None:
    known = frames_of(county.clips["h264"])
    with RtspServer(county.rtsp, ACCOUNT, county.clips):
        county.add("gate-1", "--url", county.url("h264"), "--title", "东门", "--lat", 23.1, "--lon", 113.3)
        seen = county.until_plays("gate-1", RATE)
        at = known.index(seen[0])
        assert seen == known[at : at + len(seen)]  # each frame, and in its order
        line = until(lambda: (found := county.line("gate-1"))["state"] == "playing" and found["bits_per_s"] and found)
        assert (line["width"], line["height"]) == SIZE and line["trouble_en"] == line["note_en"] == ""
        said = county.watcher.sources["gate-1"]
        assert (said.node, said.kind, said.title, said.place) == (TOWN, "camera", "东门", (23.1, 113.3))
        [track] = said.tracks
        assert track.fmtp.startswith("packetization-mode=1;profile-level-id=42")
        report = until(lambda: county.watcher.reports[track.ssrc])[-1]
        assert abs(rtcp.to_ms(report.ntp) - time.time() * 1_000) < 3_000
    county.until_said("gate-1", troubles.REFUSED)
    with RtspServer(county.rtsp, ACCOUNT, county.clips):
        assert set(county.until_plays("gate-1")) <= set(known)
        [again] = until(lambda: county.watcher.sources["gate-1"].tracks)
        assert again.ssrc != track.ssrc
        county.ask("cameras", "remove", "gate-1")
        until(lambda: county.watcher.sources["gate-1"].over)
    assert not county.ask("cameras", "list")["cameras"]


def test_what_is_wrong_is_said_with_what_to_set(county: County) -> None:
    with RtspServer(county.rtsp, ACCOUNT, county.clips):
        county.add("new-drone", "--url", county.url("hevc"), "--kind", "drone")
        county.add("locked", "--url", county.url("h264", "admin:wrong"))
        county.add("no-such", "--url", county.url("h264").replace("/h264", "/h264x"))
        county.add("off", "--url", f"rtsp://{GONE}/1")
        county.add("spoken", "--url", county.url("opus"))
        county.until_said("new-drone", troubles.codec("hevc"))
        county.until_said("locked", troubles.PASSWORD)
        county.until_said("no-such", troubles.NOT_THERE)
        county.until_said("off", troubles.REFUSED)
        assert not any(county.watcher.frames[name] for name in ("new-drone", "locked", "no-such", "off"))
        line = until(lambda: "H.264" in (found := county.line("new-drone"))["trouble_en"] and found)
        assert "H.264" in line["trouble_zh"]
        until(lambda: len(county.watcher.sources["spoken"].tracks) == 2)
        picture, sound = county.watcher.sources["spoken"].tracks
        until(lambda: county.watcher.units[sound.ssrc] > 10 and county.watcher.reports[sound.ssrc])
        assert (picture.codec, sound.codec) == ("H264", "opus")
    srt = f"srt://127.0.0.1:{free_port()}?passphrase=Geheim9Geheim9"
    with Pusher(county.clips["aac"], "mpegts", f"{srt}&mode=listener"):
        county.add("ship", "--url", srt)
        county.until_plays("ship")
    for name in ("new-drone", "locked", "no-such", "off", "spoken", "ship"):
        county.ask("cameras", "remove", name)


def test_a_drone_pushes_with_its_key_and_nobody_without(county: County) -> None:
    made = county.add("drone-1", "--push", "rtmp")
    assert (made["cameras"][0]["kind"], county.line("drone-1")["at"]) == ("drone", f"rtmp :{county.push}")
    clip = county.clips["aac"]
    county.until_said("drone-1", troubles.WAITING)
    stranger = made["push_to"].rpartition("/")[0] + "/guessed"
    with Pusher(clip, "flv", stranger):
        county.until_said("drone-1", troubles.STRANGER)
    assert not county.watcher.frames["drone-1"]
    with Pusher(clip, "flv", made["push_to"]):
        county.until_plays("drone-1")
        until(lambda: "aac" in county.line("drone-1")["note_en"])
    logs = "".join(file.read_text("utf-8") for file in (county.data / "logs").iterdir())
    audit = str(county.ask("audit", "list", "--deed", "camera"))
    assert "drone-1" in logs and "drone-1" in audit
    secrets = (made["push_to"].rpartition("/")[2], "Geheim9", "admin:")
    assert not [secret for secret in secrets if secret in logs or secret in audit]


def test_smoke_that_a_camera_shows_is_an_alarm_with_its_picture(county: County) -> None:
    with RtspServer(county.rtsp, ACCOUNT, county.clips):
        county.add("yard", "--url", county.url("yard"))
        county.add("ridge", "--url", county.url("ridge"), "--title", "后山", "--lat", 23.1, "--lon", 113.3)
        [line] = until(lambda: county.ask("alarms", "list")["lines"], SMOKE_S)
        alarm = line["alarm"]
        assert (alarm["source"], alarm["event"], alarm["nodes"]) == ("video.44.01.06.001.ridge", "smoke", [TOWN])
        assert alarm["where"] == [23.1, 113.3] and "后山" in alarm["headline"] and line["standing"] == "open"
        kinds = {one["kind"]: one["what"] for one in alarm["evidence"]}
        assert kinds["video"].startswith("44.01.06.001.ridge 20") and alarm["certainty"] in ("possible", "likely")
        file = county.data.parent / "seen.webp"
        assert county.here("alarms", "show", alarm["id"], "--still", file).code == 0
        with av.open(str(file)) as opened:
            assert next(opened.decode(video=0)).width == 640
        assert kinds["still"] == alarm["id"]
    for name in ("ridge", "yard"):
        county.ask("cameras", "remove", name)
