"""What is said of a camera that does not play, and what to do about it, in English and Chinese. Pure."""

from __future__ import annotations

from fusioncmd.errors import BadInput
from fusioncmd.video import codecs

Words = tuple[str, str]
FINE: Words = ("", "")

OPENING: Words = ("It is being connected to.", "正在连接。")
WAITING: Words = ("Nothing pushes to it yet.", "尚无设备推流。")
REFUSED: Words = (
    "Its address refuses the connection: is it switched on, and is the port right?",
    "对方拒绝连接：请检查设备是否开机、端口是否正确。",
)
PASSWORD: Words = (
    "The user or password is wrong. It is tried again in 10 minutes; `cameras add --again` gives another one.",
    "用户名或密码错误。10 分钟后重试；可用 cameras add --again 更改。",
)
NOT_THERE: Words = (
    "It answers, but has no stream of that path: see the path in its manual.",
    "设备有应答，但没有该路径的视频流：请核对地址中的路径。",
)
NO_ROUTE: Words = ("There is no way to its address from here: see the network.", "到该地址网络不通：请检查网络。")
NO_NAME: Words = ("The name of its host is not known here: give its address.", "无法解析主机名：请改用 IP 地址。")
NO_ANSWER: Words = ("Its address does not answer.", "该地址没有应答。")
NO_PICTURE: Words = (
    "It is connected, but sends no picture: no data, or no keyframe (set the interval to 1 to 2 s).",
    "已连接，但没有画面：没有数据，或没有关键帧（请将关键帧间隔设为 1–2 秒）。",
)
NO_KEYFRAME: Words = (
    "No keyframe came for 5 s: set its keyframe (I-frame) interval to 1 to 2 s.",
    "5 秒内没有关键帧：请将设备的关键帧（I 帧）间隔设为 1–2 秒。",
)
SILENT: Words = ("It is connected, but nothing has come for seconds.", "连接仍在，但已数秒没有数据。")
ENDED: Words = ("The stream ended.", "视频流已结束。")
NO_VIDEO: Words = ("It sends no video, only sound or data.", "对方没有视频，仅有声音或数据。")
STRANGER: Words = (
    "Somebody pushes to its port with another key, and was refused: see what the drone is set to.",
    "有设备以错误的密钥推流，已拒绝：请核对无人机的推流地址。",
)
NO_PORT: Words = (
    "Its port is none of those of `up --cameras` now: give that port back, or `cameras add --again`.",
    "其端口不在当前 up --cameras 的端口范围内：请恢复该端口，或用 cameras add --again。",
)
TAKEN: Words = ("Its port is used by another program of this machine.", "其端口已被本机其他程序占用。")
NO_FFMPEG: Words = (
    "ffmpeg is not installed at this node: `apt-get install ffmpeg`.",
    "本节点未安装 ffmpeg：请执行 apt-get install ffmpeg。",
)
FAILED: Words = ("ffmpeg cannot read it; the gateway's log says why.", "ffmpeg 无法读取；原因见网关日志。")
B_FRAMES: Words = (
    "It sends B-frames, which browsers show out of order: set its profile to baseline, or B-frames to 0.",
    "视频含 B 帧，浏览器显示顺序会错乱：请设为 baseline，或将 B 帧数设为 0。",
)


def codec(name: str) -> Words:
    """Why a picture of that codec is refused, and what to set; `FINE` for one that is not."""
    if name == "h264":
        return FINE
    try:
        codecs.check(name if name != "vp8" else "VP8 over a camera")
    except BadInput as problem:
        return problem.en, problem.zh
    return FINE


def no_sound(name: str) -> Words:
    return (
        f"Its sound ({name[:16]}) is left out: browsers take Opus, and nothing is transcoded.",
        f"声音（{name[:16]}）未转发：浏览器需要 Opus，系统不作转码。",
    )


def changed(before: tuple[int, int], now: tuple[int, int]) -> Words:
    one, other = ("×".join(map(str, size)) for size in (before, now))
    return f"Its picture changed from {one} to {other}.", f"画面尺寸由 {one} 变为 {other}。"
