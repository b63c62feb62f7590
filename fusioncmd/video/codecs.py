"""What is known of each codec that a source on the bus may have, and what is said to one that it may not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fusioncmd.errors import BadInput
from fusioncmd.video import h264, vp8

Begins = Callable[[bytes, int, int], bool]
Frame = Callable[[Sequence[bytes]], tuple[bytes, bool] | None]


def _always(data: bytes, begin: int, end: int) -> bool:
    return begin < end


def _sound(payloads: Sequence[bytes]) -> tuple[bytes, bool] | None:
    """Each packet of Opus is whole (RFC 7587, 4.2)."""
    return (payloads[0], True) if len(payloads) == 1 and payloads[0] else None


BEGINS_KEYFRAME: dict[str, Begins] = {"H264": h264.begins_keyframe, "VP8": vp8.begins_keyframe, "opus": _always}
BEGINS_FRAME: dict[str, Begins] = {"H264": h264.begins_frame, "VP8": vp8.begins_frame, "opus": _always}
FRAME: dict[str, Frame] = {"H264": h264.frame, "VP8": vp8.frame, "opus": _sound}
_H265 = ("H265", "HEVC", "HVC1", "HEV1")


def check(codec: str) -> None:
    """Of a picture, as SDP, RTSP or a file name it. Raises BadInput, with what to set."""
    name = codec.upper().replace(".", "")
    if name in _H265:
        raise BadInput(
            "The source sends H.265 (HEVC), which many browsers cannot show. Set its video encoding to H.264, baseline "
            "or main profile, without B-frames.",
            "视频源使用 H.265（HEVC）编码，许多浏览器无法显示。"
            "请在设备上将视频编码改为 H.264（baseline 或 main，不用 B 帧）。",
        )
    if name not in ("H264", "AVC", "AVC1", "VP8"):
        raise BadInput(
            f"The source's video is {codec[:32]}. Set its video encoding to H.264, baseline or main profile.",
            f"视频源使用 {codec[:32]} 编码。请在设备上将视频编码改为 H.264（baseline 或 main）。",
        )
