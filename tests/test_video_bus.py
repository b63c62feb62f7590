"""Sources of video on the bus: subjects, messages, and bundles of packets."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.video import bundle, subjects
from fusioncmd.video.bounds import BUNDLE_BYTES_MAX, RTP_BYTES_MAX
from fusioncmd.video.source import Ask, Message, Roll, Show, Source, Track, decode, encode

TOWN = parse("440106001")
SOURCE = Source(
    TOWN.code, "p0000002a", "钟落潭镇 张三", "browser", "440106-video", 1_800_000_000_000,
    (Track("H264", 7, "packetization-mode=1;profile-level-id=42e01f"), Track("opus", 8)), number=42,
    place=(23.1, 113.3),
)  # fmt: skip


def test_a_source_has_subjects_that_spell_its_place() -> None:
    assert subjects.packets(TOWN, "cam1") == "fc.video.44.01.06.001.cam1.rtp"
    assert subjects.source_of(subjects.what(TOWN, "cam1")) == (TOWN, "cam1")


@pytest.mark.parametrize("name", ["", "1cam", "a.b", "*", ">", "a" * 33])
def test_a_name_is_one_token_that_is_no_place(name: str) -> None:
    with pytest.raises(BadInput):
        subjects.packets(TOWN, name)


def test_a_county_hears_of_its_own_sources_and_below_and_of_what_is_shown_above() -> None:
    def hears(pattern: str, subject: str) -> bool:
        wanted, said = pattern.split("."), subject.split(".")
        return len(wanted) == len(said) and all(one in ("*", each) for one, each in zip(wanted, said, strict=True))

    heard = subjects.sources_heard_at(parse("440106"))
    for code in ("440106", "440106001", "440106001101"):
        assert sum(hears(each, subjects.what(parse(code), "cam1")) for each in heard) == 1, code
    for code in ("44", "4401"):
        assert sum(hears(each, subjects.what(parse(code), subjects.SHOWN)) for each in heard) == 1, code
    for code in ("44", "4401", "4402", "440105", "440105001"):
        assert not any(hears(each, subjects.what(parse(code), "cam1")) for each in heard), code


@pytest.mark.parametrize(
    "message",
    [
        SOURCE,
        Ask("440106-video", 3, True, 900_000),
        Show("4401", "44.01.06.001.cam1", "王"),
        Roll("44", "r", "4401", 1),
    ],
)
def test_a_message_survives_the_bus(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\xa8source.1", encode(SOURCE) + b"x", b"\x90" * 4_000])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(data)


@given(st.lists(st.binary(min_size=8, max_size=RTP_BYTES_MAX), max_size=60))
def test_a_bundle_gives_back_its_packets(packets: list[bytes]) -> None:
    made = bundle.pack(packets)
    assert [one for each in made for one in bundle.unpack(each)] == packets
    assert all(len(each) <= BUNDLE_BYTES_MAX for each in made)


@given(st.binary(max_size=64))
def test_what_is_no_bundle_is_refused_or_read(data: bytes) -> None:
    with contextlib.suppress(BadMessage):
        assert b"".join(bundle.pack(bundle.unpack(data))) == data
