"""URLs of cameras: what is taken, what a hostile one cannot do, and that no secret is shown."""

from __future__ import annotations

import pytest

from fusioncmd import camera_urls
from fusioncmd.cameras import Camera
from fusioncmd.cli.camera_way import cameras_of
from fusioncmd.errors import BadInput
from gateways.camera.command import command
from gateways.camera.run import shown

TAKEN = {
    "rtsp://admin:Geheim9@192.0.2.5/Streaming/Channels/101": "rtsp://192.0.2.5:554/…",
    "rtsp://192.0.2.5/user=admin&password=Geheim9&channel=1": "rtsp://192.0.2.5:554/…",
    "rtsp://u:p%40ss@[2001:db8::1]:8554/cam/realmonitor?channel=1&subtype=0": "rtsp://[2001:db8::1]:8554/…",
    "rtmp://live.example/app/Geheim9": "rtmp://live.example:1935/…",
    "srt://192.0.2.7:9000?passphrase=Geheim9Geheim9&latency=200000": "srt://192.0.2.7:9000/…",
    "rtsps://192.0.2.5": "rtsps://192.0.2.5:322",
}
REFUSED = (
    "", "file:///etc/passwd", "/etc/passwd", "concat:a|b", "lavfi:testsrc", "pipe:0", "http://192.0.2.5/x.m3u8",
    "tee:rtsp://192.0.2.5/1", "RTSP://192.0.2.5/1", "rtsp://192.0.2.5/1 -f null", "rtsp://192.0.2.5/1\n", "-i",
    "rtsp://192.0.2.5/1?tcp", "rtsp://192.0.2.5/1?udp", "rtsp://-x/1", "rtsp://192.0.2.5:0/1", "rtsp:///1",
    "rtsp://192.0.2.5:70000/1", "srt://192.0.2.7", "srt://192.0.2.7:9?mode=listener", "srt://192.0.2.7:9?srtopts=x",
    "rtsp://a@b@192.0.2.5/1", "rtsp://192.0.2.5/`id`", "rtsp://192.0.2.5/$(id)|x", "rtsp://192.0.2.5/" + "x" * 512,
    "rtsp://192.0.2.5/é", "rtsp://192.0.2.5/1#x", "rtmp://192.0.2.5/a\\b", "srt://192.0.2.7:9?mode=caller&mode=listener",
)  # fmt: skip


def camera(url: str = "", push: str = "", port: int = 0, key: str = "") -> Camera:
    return Camera("gate-1", "440106001", "camera", "gate", url, push, port, key, None, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", TAKEN)
def test_a_camera_is_taken_and_shown_without_what_may_be_secret(url: str) -> None:
    assert camera_urls.shown(url) == TAKEN[url]
    assert camera_urls.read(str(camera_urls.read(url))) == camera_urls.read(url)


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_camera_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        camera_urls.read(url)
    assert not url or url not in refused.value.en


@pytest.mark.parametrize("url", TAKEN)
def test_ffmpeg_reads_one_url_by_named_protocols_and_copies(url: str) -> None:
    argv = command("ffmpeg", camera(url), "s", "127.0.0.1", False, 1)
    assert argv.count("-i") == 1 and argv[argv.index("-i") + 1].startswith(url.partition("?")[0][:12])
    before = argv[: argv.index("-i")]
    protocols = before[before.index("-protocol_whitelist") + 1].split(",")
    assert not {"file", "concat", "http", "https", "pipe", "data", "crypto", "subfile", "udp", "rtp"} & set(protocols)
    assert before[before.index("-f") + 1] in ("rtsp", "flv", "mpegts")  # whatever comes, it is no playlist
    assert argv[argv.index("-c") + 1] == "copy" and not {"-vf", "-filter_complex", "-lavfi"} & set(argv)


def test_what_ffmpeg_says_is_written_down_without_secrets() -> None:
    pulled = camera("rtsp://admin:Geheim9@192.0.2.5/Geheim9")
    line = "[error] rtsp://admin:Geheim9@192.0.2.5/Geheim9: Server returned 401 Unauthorized (authorization failed)"
    assert "Geheim9" not in shown(line, pulled) and "401" in shown(line, pulled)
    pushed = camera(push="rtmp", port=8710, key="geheim")
    assert "geheim" not in shown("[rtmp @ 0x1] [warning] Unexpected stream x, expecting geheim", pushed)
    assert "Geheim9" not in repr(pulled) and "geheim" not in repr(pushed)


def test_where_drones_push_is_some_ports_of_one_address() -> None:
    assert cameras_of("127.0.0.1", None) is None
    for given, ports in (("0", range(0)), ("8710", range(8710, 8711)), ("8710-8719", range(8710, 8720))):
        found = cameras_of("192.0.2.1", given)
        assert found is not None and found.ports == ports
    for host, given in (
        ("0.0.0.0", "8710"), ("::", "8710"), ("h", "8719-8710"), ("h", "1-65536"), ("h", "x"), ("h", "8000-8064"),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            cameras_of(host, given)
