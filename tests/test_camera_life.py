"""The life of a camera, by a clock that is moved: when it is tried again, when ended, and what is said meanwhile."""

from __future__ import annotations

import pytest

from gateways.camera import troubles
from gateways.camera.bounds import (
    KEYFRAME_S_MAX,
    LISTEN_S_MAX,
    OPEN_S_MAX,
    PASSWORD_S,
    PAUSE_S_MAX,
    QUIET_S_MAX,
    SET_WRONG_S,
    STEADY_S,
)
from gateways.camera.life import Life
from gateways.camera.signs import Found, Ready, Sign, Wrong, read

H264, AAC, OPUS = Found("Video", "h264"), Found("Audio", "aac"), Found("Audio", "opus")


class World:
    def __init__(self, pushed: bool = False) -> None:
        self.now_s = 1_000.0
        self.life = Life(pushed, 0.0, self.now_s)

    def start(self) -> None:
        assert self.life.due(self.now_s, True) == "start"
        self.life.begun(self.now_s)

    def said(self, *signs: Sign) -> None:
        for sign in signs:
            self.life.sign(sign)

    def play(self, seconds: float = 0.0) -> None:
        self.said(H264, Ready())
        assert self.life.takes
        for _ in range(int(seconds) + 1):
            self.life.came(self.now_s)
            self.life.keyframe(self.now_s)
            self.now_s += 1.0 if seconds else 0.0

    def end(self) -> float:
        """How long until it is begun again."""
        if self.life.due(self.now_s, True) == "stop":
            self.life.stopping()
        self.life.ended(self.now_s)
        ended_s = self.now_s
        while self.life.due(self.now_s, True) != "start":
            self.now_s += 0.25
            assert self.now_s < ended_s + 2 * PASSWORD_S
        return self.now_s - ended_s

    @property
    def trouble(self) -> tuple[str, str]:
        return self.life.trouble(self.now_s)


def test_pauses_grow_to_a_bound_and_begin_anew_after_a_steady_picture() -> None:
    world, pauses = World(), []
    for _ in range(8):
        world.start()
        world.said(Wrong(troubles.REFUSED))
        pauses.append(world.end())
        assert world.trouble == troubles.REFUSED  # also while it is tried again
    assert pauses == [1, 2, 4, 8, 16, 32, PAUSE_S_MAX, PAUSE_S_MAX]
    world.start()
    world.play(STEADY_S + 1)
    assert world.trouble == troubles.FINE
    assert world.end() == 1.0 and world.trouble == troubles.ENDED


def test_what_a_person_has_to_set_is_not_tried_every_second() -> None:
    world = World()
    world.start()
    world.said(Wrong(troubles.PASSWORD))
    assert world.life.due(world.now_s, True) == "stop" and world.end() == PASSWORD_S
    world.start()
    world.said(Found("Video", "hevc"), Ready())
    assert not world.life.takes and world.end() == SET_WRONG_S
    assert "H.265" in world.trouble[0] and "H.264" in world.trouble[1]


def test_what_does_not_answer_is_ended_and_what_sends_no_picture_is_told_apart() -> None:
    world = World()
    world.start()
    world.now_s += OPEN_S_MAX
    assert world.life.due(world.now_s, True) is None
    world.now_s += 0.1
    assert world.life.due(world.now_s, True) == "stop"
    world.end()
    assert world.trouble == troubles.NO_ANSWER
    world.start()
    world.said(H264, Ready())
    world.now_s += OPEN_S_MAX + 1
    world.end()
    assert world.trouble == troubles.NO_PICTURE and world.life.probe_s == 2  # for keyframes that are further apart


def test_silence_and_missing_keyframes_are_said_and_silence_ends_it() -> None:
    world = World()
    world.start()
    world.play()
    world.now_s += 4.0
    assert world.trouble == troubles.SILENT and world.life.due(world.now_s, True) is None
    for _ in range(int(KEYFRAME_S_MAX)):
        world.now_s += 1.0
        world.life.came(world.now_s)
    assert world.trouble == troubles.NO_KEYFRAME
    world.life.keyframe(world.now_s)
    assert world.trouble == troubles.FINE
    world.now_s += QUIET_S_MAX + 0.1
    assert world.life.due(world.now_s, True) == "stop"
    world.life.stopping()
    assert world.trouble == troubles.SILENT
    world.end()
    assert world.trouble == troubles.SILENT


def test_one_that_pushes_is_waited_for_and_a_stranger_is_let_in_never() -> None:
    world = World(pushed=True)
    world.start()
    world.now_s += 3_600.0
    assert world.life.due(world.now_s, True) is None and world.trouble == troubles.WAITING
    world.said(Wrong(troubles.STRANGER), H264, Ready())
    assert not world.life.takes and world.life.due(world.now_s, True) == "stop"
    assert world.end() <= LISTEN_S_MAX and world.trouble == troubles.STRANGER
    world.start()
    world.life.joined(world.now_s)  # and says nothing: the port is not theirs for ever
    world.now_s += OPEN_S_MAX + 0.1
    assert world.end() <= LISTEN_S_MAX and world.trouble == troubles.NO_PICTURE
    world.start()
    world.said(Wrong(troubles.PASSWORD))  # with SRT, who has another passphrase does not get in, and nobody is put out
    assert world.life.due(world.now_s, True) is None and world.trouble == troubles.STRANGER
    world.play()
    assert world.trouble == troubles.FINE


def test_opus_passes_from_the_next_start_on_and_other_sound_is_left_out() -> None:
    world = World()
    world.start()
    world.said(H264, OPUS, Ready())
    assert world.life.due(world.now_s, True) == "stop" and world.end() == 0.0 and world.life.sound
    world.start()
    world.said(H264, OPUS, Ready())
    assert world.life.takes
    world.play()
    world.end()
    world.start()
    world.said(H264, AAC)
    assert not world.life.sound and world.life.no_sound == "aac" and world.life.due(world.now_s, True) == "stop"
    pushed = World(pushed=True)
    pushed.start()
    pushed.said(H264, OPUS, Ready())
    assert pushed.life.takes and pushed.life.sound  # a drone that flies is not interrupted


def test_few_are_opened_at_once() -> None:
    world = World()
    assert world.life.due(world.now_s, False) is None


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("[info]   Stream #0:0: Video: hevc (Main), yuv420p(tv), 320x240, 15 fps", Found("Video", "hevc")),
        ("[info]   Stream #0:1[0x101](und): Audio: aac (LC) ([15][0][0][0] / 0x000F), 44100 Hz", AAC),
        ("[info] Stream mapping:", Ready()),
        ("[rtsp @ 0x56] [error] method DESCRIBE failed: 401 Unauthorized", Wrong(troubles.PASSWORD)),
        ("[rtmp @ 0x56] [warning] Unexpected stream x, expecting y", Wrong(troubles.STRANGER)),
        ("[error] rtsp://192.0.2.1/x: No route to host", Wrong(troubles.NO_ROUTE)),
        ("[tcp @ 0x1] [error] Failed to resolve hostname a.b: Name or service not known", Wrong(troubles.NO_NAME)),
        ("[srt @ 0x628476770c0] [error] Connection to srt://h:1 failed: Input/output error", Wrong(troubles.NO_ANSWER)),
        ("22:55:43.113733/SRT:RcvQ:w1!W:SRT.cn: rsp(REJECT): 1010 - Incorrect passphrase", Wrong(troubles.PASSWORD)),
        ("[error] Stream map '0:v:0' matches no streams.", Wrong(troubles.NO_VIDEO)),
        ("[info]     title           : 401 Unauthorized", None),  # what a camera wrote
        ("[info]     title           :   Stream #0:0: Video: h264", None),
        ("[info]   Duration: N/A, start: 0.000000, bitrate: N/A", None),
        ("", None),
    ],
)
def test_what_ffmpeg_says_is_understood(line: str, sign: Sign | None) -> None:
    assert read(line) == sign


def test_every_sentence_fits_the_description_of_a_source() -> None:
    words = [each for each in vars(troubles).values() if isinstance(each, tuple)]
    words += [troubles.codec(name) for name in ("hevc", "mjpeg", "vp8", "mpeg4", "av1")]
    words += [troubles.no_sound("a" * 40), troubles.changed((16_384, 16_384), (16_384, 16_384))]
    assert len(words) > 20 and all(len(text) <= 160 for pair in words for text in pair)
    assert troubles.codec("h264") == troubles.FINE
