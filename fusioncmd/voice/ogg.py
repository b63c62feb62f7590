"""Bursts as Ogg Opus (RFC 7845), by PyAV: written from the packets as they were, without encoding them again.

What was lost on the way is a packet without content, which players conceal: a recording lasts as long as the burst.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from fractions import Fraction

import av
from av.audio.stream import AudioStream

from fusioncmd.errors import BadInput
from fusioncmd.voice.bounds import SPEECH_S_MAX
from fusioncmd.voice.codecs import OpusEncoder
from fusioncmd.voice.frames import CLOCK_HZ, opus_samples

_TIME_BASE = Fraction(1, CLOCK_HZ)
_CLIP_BYTES_MAX = 2 * CLOCK_HZ * SPEECH_S_MAX  # of samples


def write(packets: Iterable[bytes], tags: Mapping[str, str]) -> bytes:
    """A whole file; `tags` are its comment header's (RFC 7845, clause 5.2)."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=CLOCK_HZ, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.metadata.update(tags)
        pts = 0
        for data in packets:
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, _TIME_BASE
            packet.pts = packet.dts = pts
            packet.duration = opus_samples(data)
            pts += packet.duration
            container.mux(packet)
    return file.getvalue()


def read(data: bytes) -> tuple[list[bytes], dict[str, str]]:
    """The Opus packets of a file, and its tags. Raises BadInput."""
    try:
        with av.open(io.BytesIO(data), "r", format="ogg") as container:
            stream = container.streams.audio[0]
            packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
            return packets, dict(stream.metadata)
    except (av.FFmpegError, IndexError) as error:
        raise BadInput(f"Not an Ogg Opus file: {error}.", f"不是 Ogg Opus 文件：{error}。") from None


def from_clip(data: bytes) -> list[bytes]:
    """Opus packets of a sound file of any form that is read here (WAV, MP3, Ogg …), from its first track; of what is
    longer than SPEECH_S_MAX, that: a few kilobytes of silence may be hours. Raises BadInput."""
    samples = bytearray()
    try:
        with av.open(io.BytesIO(data), "r") as container:
            sound = av.AudioResampler("s16", "mono", CLOCK_HZ)
            for frame in container.decode(audio=0):
                for part in sound.resample(frame):
                    samples += bytes(part.planes[0])[: 2 * part.samples]
                if len(samples) >= _CLIP_BYTES_MAX:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise BadInput(f"Not a sound file: {error}.", f"不是声音文件：{error}。") from None
    return OpusEncoder().encode(bytes(samples[:_CLIP_BYTES_MAX]))
