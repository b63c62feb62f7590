"""A county's camera is recorded; the recorder is killed and goes on; what is missing is stated; the file plays, the
console gives it in ranges, and the city has a copy of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import pytest

from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import parse
from fusioncmd.video import rtcp, subjects
from fusioncmd.video.bundle import pack
from fusioncmd.video.source import encode
from tests.console import Visitor, key_of
from tests.kept_recordings import FRAME_MS, KEY, what
from tests.nats_server import free_port
from tests.smoke.tree import Node, approve
from tests.tier_process import until
from tests.video_frames import FRAMES, encoded

KILLED_S, SECONDS_MAX = 3.0, 30.0


async def camera(county: Node, began: list[float]) -> None:
    """The same 24 pictures again and again, in real time; the recorder is killed in the middle."""
    bus = await open_bus(county.nats, "camera", key=county.bus_key("browser-voice"))
    place, said, killed = parse(KEY[0]), what("H264"), False
    began.append(time.time())
    start_s, sequence, number = time.monotonic(), 0, 0
    enough_s = SECONDS_MAX
    while (now_s := time.monotonic() - start_s) < enough_s:
        if number % 30 == 0:
            await bus.say(subjects.what(place, KEY[1]), encode(said))
            sent = rtcp.SenderReport(9, rtcp.to_ntp(time.time() * 1_000), number * 90 * FRAME_MS, 0, 0)
            await bus.say(subjects.packets(place, KEY[1]), pack([rtcp.build([sent])])[0])
        packets = []
        for data in encoded("H264")[number % FRAMES]:
            stamp = (number * 90 * FRAME_MS).to_bytes(4, "big")
            packets.append(data[:2] + (sequence & 0xFFFF).to_bytes(2, "big") + stamp + data[8:])
            sequence += 1
        for each in pack(packets):
            await bus.say(subjects.packets(place, KEY[1]), each)
        if not killed and now_s > KILLED_S and any(f.stat().st_size for f in county.data.glob("video/*/*.mp4")):
            killed = True
            began.append(time.time())
            os.kill(county.child("tiers.keep"), signal.SIGKILL)
        elif killed and enough_s == SECONDS_MAX and len([*county.data.glob("video/*/*.mp4")]) == 2:
            enough_s = now_s + 1.5
        number += 1
        await asyncio.sleep(max(0.0, number * FRAME_MS / 1_000 - (time.monotonic() - start_s)))
    began.append(time.time())
    await bus.close()


def local(at_s: float) -> str:
    return datetime.fromtimestamp(at_s).isoformat()


def test_a_camera_is_recorded_through_a_kill_and_found_fetched_proved_and_copied(tmp_path: Path) -> None:
    city, county = Node(tmp_path, "4401"), Node(tmp_path, "440106", None, console=True)
    city.argv += ["--video", str(free_port())]
    county.argv += ["--video", str(free_port()), "--parent", f"127.0.0.1:{city.links_port}"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(city)
        approve(tmp_path, city, "4401", "440106")
        stack.enter_context(county)
        until(lambda: county.link("4401") == "up", 15.0)
        assert county.ask("video", "keep", "440106001.cam1")["chosen"] == ["440106001.cam1"]
        until(lambda: county.ask("video", "keep")["keeps"] == 1)
        began: list[float] = []
        asyncio.run(camera(county, began))
        start_s, killed_s, ended_s = began

        def lines(node: Node) -> list[dict[str, Any]]:
            found = node.ask("video", "find", "--node", KEY[0], "--from", local(start_s), "--to", local(start_s + 60))
            return list(found["lines"])

        found = until(lambda: (x := lines(county)) and [one["cause"] for one in x].count("") == 2 and x)
        kept = [one for one in found if not one["cause"]]
        down = next(one for one in found if one["cause"] == "down")
        assert kept[0]["end_ms"] > (killed_s - 2) * 1_000, (killed_s, found)
        assert kept[0]["end_ms"] == down["begin_ms"] and abs(kept[1]["end_ms"] / 1_000 - ended_s) < 1.5, found

        file, from_s = tmp_path / "x.mp4", kept[0]["begin_ms"] / 1_000 + 0.6
        until_s = kept[1]["end_ms"] / 1_000
        span = ("--from", local(from_s), "--to", local(until_s))
        got = county.ask("video", "get", ".".join(KEY), *span, "--out", file)
        assert next(one["cause"] for one in got["missing"]) == "down" and len(got["segments"]) == 2
        assert played_s(file) == pytest.approx(until_s - from_s, abs=0.2)
        read_by_browser(county, file, *(int(datetime.fromisoformat(span[i]).timestamp() * 1_000) for i in (1, 3)))
        copied = until(lambda: [one for one in lines(city) if not one["cause"]], 25.0)
        assert copied[0]["begin_ms"] == kept[0]["begin_ms"] and copied[0]["bytes"] == kept[0]["bytes"]


def read_by_browser(county: Node, file: Path, from_ms: int, until_ms: int) -> None:
    """Nobody without a login; who has one reads the same bytes, part by part."""
    path = f"/api/kept/{KEY[0]}/{KEY[1]}/video?from_ms={from_ms}&until_ms={until_ms}"
    visitor = Visitor(county.console_port)
    assert visitor.ask("GET", path).status == 401
    visitor.log_in_by_key(key_of(county.data / "keys"))
    parts = [visitor.ask("GET", path, Range=wanted) for wanted in ("bytes=0-999", "bytes=1000-")]
    assert [part.status for part in parts] == [206, 206] and "down" in parts[0].headers["fusioncmd-missing"]
    assert (
        parts[0].headers["content-type"] == "video/mp4" and b"".join(part.body for part in parts) == file.read_bytes()
    )


def played_s(file: Path) -> float:
    """As ffprobe and a decoder see it."""
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file], capture_output=True,
        text=True, check=True, timeout=20,
    )  # fmt: skip
    with av.open(str(file)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[0] is not None and times[0] < 0.05 and len(times) > 30  # some are lost where the machine is busy
    return float(probed.stdout)
