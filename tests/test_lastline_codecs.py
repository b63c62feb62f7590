"""Short messages in bits: what is written is read again, what is no message is refused, and nothing else is raised."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.exchange.evidence import NOTHING, RUNGS, SENT_AT, Evidence, join, reduced
from fusioncmd.lastline import answer_maps, bounds, frames, order_codes, reports, signed, smalltext, subsets, templates
from fusioncmd.lastline.answer_maps import Section
from fusioncmd.lastline.bits import Reader, Writer
from fusioncmd.lastline.frames import Kind, Window
from fusioncmd.messages import Report, Selector
from tests.worlds import NOW_MS, make_id, make_order, sealed
from tiers.lastline import table

KEY = frames.key_of(bytes(range(32)), "440103001", "down")
SHORT = frames.room(bounds.SHORT_BITS)
SAID = st.binary(max_size=120)
TOWN = "440103001"


def again(out: Writer) -> Reader:
    return Reader(out.packed())


@given(st.integers(0, (1 << 31) - 1))
def test_a_number_takes_what_it_needs(value: int) -> None:
    out = Writer()
    out.number(value)
    assert out.count == 5 + max(0, value.bit_length() - 1)
    assert again(out).number() == value


@given(st.lists(st.integers(0, 1), max_size=300))
def test_a_set_takes_no_more_bits_than_there_are_such_sets(flags: list[int]) -> None:
    out, data = Writer(), bytes(flags)
    subsets.write(out, data)
    assert out.count == subsets.size(len(data), sum(flags)) <= len(data) + len(data).bit_length()
    assert subsets.read(again(out), len(data)) == data


@given(st.text(max_size=80))
def test_a_text_is_read_again_or_refused_where_no_terminal_may_show_it(text: str) -> None:
    out = Writer()
    smalltext.write(out, text)
    try:
        found = smalltext.read(again(out))
    except BadMessage:
        assert smalltext.UNPRINTABLE.search(text)
    else:
        assert found == text and out.count == smalltext.size(text)


@pytest.mark.parametrize(("text", "bits"), [("汛情紧急", 8 * 8), ("Dyke", 4 * 8), ("ئۇيغۇر", 12 * 8), ("", 0)])
def test_a_text_takes_the_shorter_of_two_codings(text: str, bits: int) -> None:
    assert smalltext.size(text) == smalltext.HEAD_BITS + bits


@given(st.text(max_size=60), st.integers(0, 400))
def test_a_text_that_is_cut_is_a_beginning_that_fits(text: str, room: int) -> None:
    cut = smalltext.fitted(text, room)
    assert text.startswith(cut) and (not cut or smalltext.size(cut) <= room)
    assert cut == text or smalltext.size(text[: len(cut) + 1]) > room


# --- frames


@given(st.integers(0, (1 << 24) - 1), st.sampled_from(Kind), SAID)
def test_a_frame_is_opened_by_its_key_alone_and_once(counter: int, kind: Kind, said: bytes) -> None:
    out = Writer()
    out.raw(said)
    data = frames.close(KEY, kind, counter, out)
    found = frames.open_(KEY, data, Window())
    assert found[:2] == (kind, counter) and found[2].raw(len(said)) == said
    for other in (frames.key_of(bytes(range(32)), "440103001", "up"), frames.key_of(bytes(32), "440103001", "down")):
        with pytest.raises(BadMessage, match="did not make"):
            frames.open_(other, data, Window())
    with pytest.raises(BadMessage, match="came before"):
        frames.open_(KEY, data, Window().with_(counter))


@given(st.lists(st.integers(0, 200), max_size=80))
def test_a_window_takes_each_number_once_and_none_that_is_too_old(counters: list[int]) -> None:
    window, taken = Window(), set[int]()
    for counter in counters:
        highest = max(taken, default=-1)
        assert window.has(counter) == (counter in taken or counter <= highest - bounds.WINDOW)
        if not window.has(counter):
            window = window.with_(counter)
            taken.add(counter)
    heard = frames.read_heard(again(frames.write_heard(window))) if taken else ()
    assert set(heard) == {c for c in taken if c > max(taken) - bounds.WINDOW}


def test_another_version_is_refused() -> None:
    data = bytearray(frames.close(KEY, Kind.ORDER, 1, Writer()))
    body = bytes((data[0] ^ 0xC0,)) + bytes(data[1:-8])
    with pytest.raises(BadMessage, match="another version"):
        frames.open_(KEY, body + frames._mac(KEY, body), Window())


# --- answers


@st.composite
def towns(draw: st.DrawFn) -> Section:
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    low, width = draw(st.integers(0, 500)), draw(st.integers(1, 400))
    shares = draw(st.lists(st.sampled_from((0.0, 0.02, 0.3, 0.7)), min_size=RUNGS, max_size=RUNGS))
    value = [sum(1 << slot for slot in range(low, low + width) if chance.random() < share) for share in shares]
    return Section(draw(st.sampled_from((None, 7))), draw(st.integers(0, 255)), low, width, reduced(value))


def without_sent(value: Evidence) -> Evidence:
    return tuple(0 if at == SENT_AT else rung for at, rung in enumerate(value))


@given(st.lists(towns(), max_size=3), st.sampled_from((560, 700, 14_000)), st.randoms(use_true_random=False))
def test_answers_say_all_in_any_order_and_number(sections: list[Section], bits: int, chance: random.Random) -> None:
    room, heard, wanted = frames.room(bits), dict[int | None, Evidence](), dict[int | None, Evidence]()
    messages = answer_maps.pack(b"abcdef", sections, room)
    data = [out.packed() for _, out in messages for _ in range(2)]
    assert all(out.count <= room for _, out in messages)
    chance.shuffle(data)
    for each in data:
        short, found = answer_maps.read(Reader(each))
        assert short == b"abcd"
        for section in found:
            heard[section.town] = join(heard.get(section.town, NOTHING), section.value)
    for section in sections:
        wanted[section.town] = join(wanted.get(section.town, NOTHING), without_sent(section.value))
    assert heard == {town: value for town, value in wanted.items() if any(value)}


def test_answers_of_300_fit_one_message_of_560_bits_with_one_answer_whoever_gave_it() -> None:
    chance = random.Random(1)
    for share in (0.01, 0.3, 0.5, 0.7, 0.99):
        given_ = sum(1 << slot for slot in range(300) if chance.random() < share)
        value = reduced((0, 0, 0, given_, *(0,) * (RUNGS - 4)))
        ((sections, out),) = answer_maps.pack(b"abcdef", [Section(None, 1, 0, 300, value)], SHORT)
        assert sections[0].width == 300 and len(frames.close(KEY, Kind.ANSWERS, 1, out)) <= 70


# --- orders, reports


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> templates.Table:
    return table(tmp_path_factory.mktemp("none"))


AUDIENCES = st.sampled_from(
    (
        Selector(("44",)), Selector((TOWN,)), Selector(("4401",), ("flood", "medic")),
        Selector((f"{TOWN}001", f"{TOWN}002", "440106")), Selector(("44",), (), (f"{TOWN}002",), ("guest",)),
    )
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(
        ("请立即组织群众撤离至五山小学。", "Muster at the school within 30 minutes.", "险情解除，可以返回。")
    ),
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Co")), min_size=1, max_size=900),
)


@given(
    text=TEXTS, audience=AUDIENCES, bits=st.sampled_from((560, 14_000)), answers=st.sampled_from((("是",), ("a", "b")))
)
def test_an_order_is_read_as_it_was_written_or_cut_or_refused_with_a_sentence(
    known: templates.Table, text: str, audience: Selector, bits: int, answers: tuple[str, ...]
) -> None:
    order, room = make_order(1, text=text, audience=audience, answers=answers), frames.room(bits)
    try:
        code = order_codes.code_of(order, TOWN, known, room)
    except BadInput as problem:
        assert "short message" in problem.en and "短报文" in problem.zh
        return
    out = order_codes.write(code, TOWN)
    assert out.count <= room and order_codes.read(again(out), TOWN) == code
    assert code.template or (text.startswith(code.text) and code.cut == (code.text != text))


def test_what_ends_an_order_is_shorter_than_anything_else(known: templates.Table) -> None:
    out = order_codes.write(order_codes.cancel_of(make_order(1)), TOWN)
    assert order_codes.read(again(out), TOWN).cancel and out.count == 74


@pytest.mark.parametrize("nodes", [("440106",), ("4402",)])
def test_an_order_that_means_nobody_there_is_no_message(known: templates.Table, nodes: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="fits into no short message"):
        order_codes.code_of(make_order(1, audience=Selector(nodes)), TOWN, known, SHORT)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Co")), max_size=200), st.booleans())
def test_a_report_keeps_its_place_and_the_beginning_of_its_text(text: str, placed: bool) -> None:
    where = (23.148219, 113.344117) if placed else (None, None)
    report = Report(make_id(7), make_id(1), 5, NOW_MS, text, *where)
    out = reports.write(report, SHORT)
    short, found = reports.read(again(out))
    assert out.count <= SHORT and short == order_codes.short_of(make_id(1))[:4]
    assert (found.id, found.number) == (report.id, 5) and NOW_MS < found.at_ms <= NOW_MS + 60_000
    assert text.startswith(found.text.removesuffix("…"))
    if placed:
        assert found.lat == pytest.approx(23.148219, abs=5e-6) and found.lon == pytest.approx(113.344117, abs=5e-6)


@pytest.mark.parametrize("room", [14_000, 3_000])
def test_a_signed_order_comes_whole_or_without_grants_that_the_other_end_has(room: int) -> None:
    data = sealed(make_order(1, text="汛" * 40))
    chains = {seal.by: seal.chain for seal in signed.seals_in(data)}
    out = signed.write(data, room)
    assert out is not None and out.count <= room
    body, whole = signed.read(again(out), chains.get)
    assert whole == data
    _, unknown = signed.read(again(out), lambda _: None)
    assert (unknown is None) == (room < 14_000) and body in data
    assert signed.write(data, 500) is None


# --- anything at all


@given(SAID, st.sampled_from(("order", "answers", "report", "heard", "signed")))
def test_no_bytes_raise_anything_but_that_they_are_no_message(data: bytes, kind: str) -> None:
    read = {
        "order": lambda said: order_codes.read(said, TOWN), "answers": answer_maps.read, "report": reports.read,
        "heard": frames.read_heard, "signed": lambda said: signed.read(said, lambda _: None),
    }[kind]  # fmt: skip
    with contextlib.suppress(BadMessage):
        read(Reader(data))
