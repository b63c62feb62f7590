"""What becomes of each section of an SDP offer, and of the ways to say no. Pure.

Nothing is transcoded: a publisher is asked for H.264 where it has it (constrained baseline first), else VP8, and Opus;
a viewer has to have what the source is. Profiles of H.264 are matched by what decodes what (ITU-T H.264, annex A.2);
levels are not: who receives says there how much it would like, and browsers show more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.video import codecs
from fusioncmd.video.bounds import FMTP_CHARS_MAX
from fusioncmd.video.source import Track

MORE_H264 = ("4d001f", "640c1f", "64001f")  # beside baseline: main, constrained high, high
# What can show each profile, the best match first. Nobody's baseline has what constrained baseline leaves out.
_SHOWS = {
    "constrained baseline": ("constrained baseline", "baseline", "main", "constrained high", "high"),
    "baseline": ("baseline", "constrained baseline", "main", "constrained high", "high"),
    "main": ("main", "high"),
    "constrained high": ("constrained high", "high"),
    "high": ("high",),
}
_PUBLISHED = tuple(_SHOWS)  # in this order


class NoCommonCodec(BadInput):
    """Of what is offered there is nothing that can be passed on."""


class NoRestart(BadInput):
    def __init__(self) -> None:
        super().__init__(
            "ICE is not restarted here: open a new session, and end this one.",
            "此处不支持 ICE 重启：请新建会话并结束本会话。",
        )


class Codec(NamedTuple):
    """`repair`: the payload type of its retransmissions (RFC 4588), if it has one."""

    name: str
    payload_type: int
    repair: int | None
    parameters: Mapping[str, str]

    @property
    def profile(self) -> str:
        """Of H.264 in packetization-mode 1; empty for another, or none that is passed on."""
        if self.name.upper() != "H264" or self.parameters.get("packetization-mode", "0") != "1":
            return ""
        return profile_of(self.parameters.get("profile-level-id", "42e01f"))

    @property
    def fmtp(self) -> str:
        names = ("packetization-mode", "profile-level-id")
        return ";".join(f"{name}={self.parameters[name]}" for name in names if name in self.parameters)[:FMTP_CHARS_MAX]


class Section(NamedTuple):
    """`direction` as the offer has it."""

    kind: str
    mid: str
    direction: str
    codecs: tuple[Codec, ...]


class Choice(NamedTuple):
    codec: Codec
    direction: str  # as the answer has it
    repaired: bool = False


Choose = Callable[[Sequence[Section]], list[Choice | None]]  # for each section that is not of data


def profile_of(level_id: str) -> str:
    """The profile that a profile-level-id names (RFC 6184, table 5); empty for one that is not passed on."""
    try:
        idc, limits, _ = bytes.fromhex(level_id)
    except ValueError:
        return ""
    if idc == 0x42:
        return "constrained baseline" if limits & 0x40 else "baseline"
    if idc == 0x4D:
        return "constrained baseline" if limits & 0x80 else "main"
    if idc == 0x64:
        return "constrained high" if limits & 0x0C == 0x0C else "high"
    return ""


def published(sections: Sequence[Section]) -> list[Choice | None]:
    """By a browser that sends a picture, and perhaps its sound. Raises NoCommonCodec and BadMessage."""
    made = [_published(each) for each in _media(sections)]
    if not any(choice is not None and choice.codec.name.upper() != "OPUS" for choice in made):
        raise BadMessage("The offer has no picture to send.", "邀约中没有可发送的画面。")
    return made


def _published(section: Section) -> Choice | None:
    if section.direction not in ("sendonly", "sendrecv"):
        return None
    if section.kind == "audio":
        return next((Choice(one, "recvonly") for one in section.codecs if one.name.lower() == "opus"), None)
    h264 = [one for one in section.codecs if one.profile]
    if h264:
        return Choice(min(h264, key=lambda one: _PUBLISHED.index(one.profile)), "recvonly", True)
    vp8 = next((one for one in section.codecs if one.name.upper() == "VP8"), None)
    if vp8 is not None:
        return Choice(vp8, "recvonly", True)
    for one in section.codecs:
        try:
            codecs.check(one.name)
        except BadInput as problem:
            if one.name.upper() == "H265":
                raise NoCommonCodec(problem.en, problem.zh) from None
    raise NoCommonCodec(
        f"The offer's picture is {_names(section)}; H.264 (packetization-mode 1) or VP8 is taken here.",
        f"邀约的画面编码为 {_names(section)}；此处接受 H.264（packetization-mode 1）或 VP8。",
    )


def watched(tracks: Sequence[Track]) -> Choose:
    """By a browser that is to see and hear these."""

    def choose(sections: Sequence[Section]) -> list[Choice | None]:
        picture = next((track for track in tracks if track.codec != "opus"), None)
        sound = next((track for track in tracks if track.codec == "opus"), None)
        made = [
            None if section.direction not in ("recvonly", "sendrecv")
            else _watched(section, sound if section.kind == "audio" else picture)
            for section in _media(sections)
        ]  # fmt: skip
        if not any(made):
            raise BadMessage("The offer asks for nothing that this source has.", "邀约未请求该视频源具有的内容。")
        return made

    return choose


def _watched(section: Section, track: Track | None) -> Choice | None:
    if track is None:
        return None
    if track.codec != "H264":
        same = next((one for one in section.codecs if one.name.upper() == track.codec.upper()), None)
        if same is None and track.codec == "VP8":
            raise _cannot_show("VP8", section)
        return None if same is None else Choice(same, "sendonly")
    wanted = _SHOWS.get(profile_of(track_profile(track)), ())
    offered = [one for one in section.codecs if one.profile in wanted]
    if not offered:
        raise _cannot_show(f"H.264 {profile_of(track_profile(track))}", section)
    return Choice(min(offered, key=lambda one: wanted.index(one.profile)), "sendonly")


def track_profile(track: Track) -> str:
    named = dict(part.partition("=")[::2] for part in track.fmtp.replace(" ", "").split(";"))
    return named.get("profile-level-id", "42e01f")


def _cannot_show(what: str, section: Section) -> NoCommonCodec:
    return NoCommonCodec(
        f"This source is {what}, and the browser shows only {_names(section)}. Set the source to H.264 baseline.",
        f"该视频源为 {what}，浏览器只能显示 {_names(section)}。请将视频源设为 H.264 baseline。",
    )


def _names(section: Section) -> str:
    shown = (f"H264 {one.profile}" if one.profile else one.name[:16] for one in section.codecs)
    return ", ".join(dict.fromkeys(shown))[:200] or "-"


def _media(sections: Sequence[Section]) -> list[Section]:
    found = [each for each in sections if each.kind in ("audio", "video")]
    if len(found) != len(sections) or len({each.kind for each in found}) != len(found):
        raise BadMessage("At most one section of picture and one of sound.", "画面和声音各至多一段。")
    return found
