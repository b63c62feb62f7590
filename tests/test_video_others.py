"""What one does to the others: a source that is odd, or left; a camera that is removed; two that come at once."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from fusioncmd.cameras import Camera
from fusioncmd.errors import NotFound
from fusioncmd.video import packet
from fusioncmd.video.bounds import TITLE_CHARS_MAX
from fusioncmd.video.bundle import pack
from fusioncmd.video.source import Source, Track
from gateways.camera.feed import Feed
from gateways.video.publisher import about
from tests.cameras import need_programs
from tests.kept_recordings import KEY, T0, play, recorder, what
from tests.test_camera_desk import Counter
from tests.tier_process import children_of, command_line
from tests.video_frames import encoded
from tiers.keeper import Heard
from tiers.roll_files import SHOWN, RollFiles

ODD = ("440106001", "odd")
PARAMETERS = [b"\x67\x00", b"\x68\x00", b"\x65\x88"]  # of a size that nobody can read, and a picture


def odd(first: int) -> list[bytes]:
    return [packet.build(96, first + i, 90_000, 7, data, i == 2) for i, data in enumerate(PARAMETERS)]


def test_a_source_with_parameters_that_cannot_be_read_ends_no_recorder(tmp_path: Path) -> None:
    store, keeper = recorder(tmp_path, T0)
    said = what("H264", 7, ODD)
    keeper.work([said], [Heard(ODD, data, T0) for data in pack(odd(1))], 0, T0)
    # After a hole they come only when the time for what is lost is over: in a turn, and not with a packet.
    keeper.work([said], [Heard(ODD, data, T0 + 40) for data in pack(odd(9))], 0, T0 + 40)
    keeper.work([said], [], 0, T0 + 2_000)
    assert keeper.sources[ODD].bad >= 2
    keeper.end(play(keeper, "H264", T0 + 3_000, encoded("H264")))
    assert any(getattr(row, "source", "") == KEY[1] for hour in store.hours() for row in store.rows(hour))


def test_a_gateway_that_a_source_has_left_is_heard_no_more(tmp_path: Path) -> None:
    _, keeper = recorder(tmp_path, T0)
    older, later = (
        Source(*KEY, "门口", "camera", gateway, since, (Track("H264", since),))
        for gateway, since in (("a", 1), ("b", 2))
    )
    keeper.work([older], [], 0, T0)
    keeper.work([later], [], 0, T0 + 10)
    keeper.work([older], [], 0, T0 + 20)
    assert set(keeper.sources[KEY]._tracks) == {2}


async def test_a_camera_that_is_removed_while_it_opens_leaves_no_ffmpeg() -> None:
    need_programs()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/"
        camera = Camera("gate", "440106001", "camera", "gate", url, "", 0, "", None, 1)
        feed = Feed(camera, "g", "127.0.0.1", range(0), lambda _, __: None)
        await asyncio.gather(feed.tick(True), feed.stop())
        assert not any("ffmpeg" in command_line(pid) for pid in children_of(os.getpid()))


async def test_two_drones_that_are_added_at_once_have_a_port_each() -> None:
    counter = Counter()
    await counter.cameras.start()
    await counter.gateway()
    made = await asyncio.gather(*(counter.add(name, push="rtmp") for name in ("drone-1", "drone-2")))
    assert len({reply.push_to.split(":")[2].split("/")[0] for reply in made}) == 2


def test_a_title_that_is_too_long_is_cut_and_not_lost() -> None:
    assert about("长" * 500, None).title == "长" * TITLE_CHARS_MAX


def test_what_is_shown_is_no_roll_and_stays(tmp_path: Path) -> None:
    (tmp_path / SHOWN).write_bytes(b"{}")
    for ident in ("shown", "../audit"):
        with pytest.raises(NotFound):
            RollFiles(tmp_path).find(ident)
    assert (tmp_path / SHOWN).exists()
