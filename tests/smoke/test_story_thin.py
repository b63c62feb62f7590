"""A kit's drone seen above over a satellite of 64 kbit/s: it is listed there, a still comes when it is asked for, and a
live picture of some kbit/s while somebody watches."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from pathlib import Path

import av
import pytest

from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.video.source import Ask, encode
from loadtest.link.link import Link
from loadtest.link.packets import Profile
from tests.cameras import Pusher, Watcher, ffmpeg, need_programs
from tests.loops import InThread
from tests.nats_server import free_port
from tests.smoke.test_story_satellite import HUB, KIT, state
from tests.smoke.tree import FAST, approve
from tests.tier_process import TierProcess, until

SOURCE = "fc.video.44.01.06.001.drone1"


def clip(folder: Path) -> Path:
    made = folder / "drone.flv"
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=15:duration=60")
    h264 = ("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", 15, "-pix_fmt", "yuv420p")
    subprocess.run(ffmpeg(*pattern, *h264, made), check=True, timeout=20)
    return made


def look(hub: TierProcess, watcher: Watcher, over: threading.Event) -> None:
    """As a gateway of browsers at the hub, with a viewer."""

    async def looking() -> None:
        bus = await open_bus(hub.nats, "watcher", key=hub.bus_key(users.BROWSERS))
        await bus.hear("fc.video.44.01.06.>", watcher.hear)
        while not over.is_set():
            await bus.say(f"{SOURCE}.ask", encode(Ask("watcher", 1)))
            await asyncio.sleep(1.0)
        await bus.close()

    asyncio.run(looking())


def test_a_drone_of_the_kit_is_seen_above_as_the_link_affords_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    need_programs()
    folder, port = tmp_path_factory.mktemp("thin"), free_port()
    options = ("--node", HUB, "--satellite-port", port, "--satellite-host", "127.0.0.1", "--gateways", 1)
    with TierProcess(folder / HUB, *options, "--video", free_port(), more=FAST) as hub:
        approve(folder, hub, HUB, KIT)
        profile = Profile(delay_ns=300_000_000, loss=0.01, rate_bps=64_000)
        with InThread(Link(("127.0.0.1", port), profile, carries="udp", seed=1)) as link:
            push = free_port()
            below = ("--node", KIT, "--satellite", f"127.0.0.1:{link.port}", "--gateways", 1)
            with TierProcess(folder / KIT, *below, "--cameras", f"{push}-{push}", more=FAST) as kit:
                until(lambda: kit.ask("cameras", "list")["gateway"])
                made = kit.ask("cameras", "add", "drone1", "--place", KIT, "--push", "rtmp", "--kind", "drone")
                with Pusher(clip(folder), "flv", made["push_to"]):
                    until(lambda: state(kit, HUB) == "up" == state(hub, KIT), 15.0)
                    _is_seen(hub, folder)


def _is_seen(hub: TierProcess, folder: Path) -> None:
    [line] = until(lambda: hub.ask("video", "list")["sources"], 20.0)
    assert (line["name"], line["kind"], line["thin"]) == ("drone1", "drone", "live")
    until(lambda: not hub.ask("video", "list")["sources"][0]["trouble"][0], 20.0)
    file, began_s = folder / "still.webp", time.monotonic()
    said = hub.ask("video", "still", f"{KIT}.drone1", "--out", file)
    took_s = time.monotonic() - began_s
    with av.open(str(file), "r") as opened:
        picture = next(opened.decode(video=0))
    assert (picture.width, picture.height) == (said["width"], said["height"]) and took_s < 12.0
    watcher, over = Watcher(), threading.Event()
    looking = threading.Thread(target=look, args=(hub, watcher, over))
    looking.start()
    try:
        until(lambda: len(watcher.frames["drone1"]) > 8, 20.0)
        assert watcher.sources["drone1"].thin == "live"
    finally:
        over.set()
        looking.join()
