"""The modem of the last line: sentences in any noise, both dialects, its pace and its troubles; and the simulator."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.errors import Unavailable
from fusioncmd.lastline import bounds
from fusioncmd.lastline.wire import Came, Next, Say, Taken, decode, encode
from gateways.shortmessage import dialects, modem
from gateways.shortmessage.carrier import Carrier
from gateways.shortmessage.dialects import Arrived, Beams, Card, Outcome
from gateways.shortmessage.modem import Modem
from gateways.shortmessage.port import Port
from gateways.shortmessage.sentences import SENTENCE_BYTES_MAX, Sentence, Splitter, written
from gateways.shortmessage.simulator import Sky, Weather
from tests.nats_server import until

CARD_2 = b"$BDICI,0242286,00242286,0000011,6,60,3,N,0*38\r\n"  # as terminals of the market say it
CARD_3 = b"$BDICP,15240507,2032472,1,3,0,N,1,Y,1,0,0,3,1,1,5,1,1,2,2,500,100,10,10*65\r\n"


def read(data: bytes) -> list[dialects.Heard | None]:
    return [dialects.read(sentence) for sentence in Splitter().feed(data)]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (CARD_2, Card("2.1", 242_286, 60, 616)),
        (b"$BDICI,0000000,00000000,0000000,0,0,0,N,0*0B\r\n", Card("2.1", 0, 0, 0)),
        (CARD_3, Card("3", 15_240_507, 1, 13_992)),
        (b"$BDFKI,TXA,Y,Y,0,0040*17\r\n", Outcome(None, 40)),
        (b"$BDFKI,TXA,N,Y,0,0000*04\r\n", Outcome(("the terminal does not say why", "终端未说明原因"), 0)),
        (written("BDFKI", "000000", "TCQ", "N", 1, 37), Outcome(dialects._WHY_NOT[1], 37)),
        (written("BDTXR", 1, "0166166", 2, "", "A4DEAD00"), Arrived(166_166, b"\xde\xad\0")),
        (written("BDTCI", "04207733", 4207733, 2, "070222", 3, 0, "a4beef"), Arrived(4_207_733, b"\xbe\xef")),
        (written("BDTXR", 1, "0166166", 0, "", "no code"), None),
        (written("BDTXR", 1, "0166166", 2, "", "A4DEA"), None),
        (written("BDBSI", "01", "02", 4, 3, 0, 0, 2, 1, 0, 0, 0, 0), Beams(3)),
        (written("GNGGA", "", "", 0), None),
    ],
)
def test_sentences_of_terminals_are_read(data: bytes, found: dialects.Heard | None) -> None:
    assert read(data) == [found]


def test_the_same_bytes_are_said_as_the_terminal_takes_them() -> None:
    assert dialects.ask_card() == b"$CCICA,0,00*7B\r\n$CCICR,0,00*68\r\n"
    assert dialects.say("2.1", 166_166, b"\xde\xad") == written("CCTXA", "0166166", 1, 2, "A4DEAD")
    assert dialects.say("3", 15_240_507, b"\xde") == written("CCTCQ", 15_240_507, 2, 1, 3, "A4DE", 0)


@given(st.binary(max_size=200).filter(lambda noise: b"$" not in noise), st.integers(1, 50))
def test_a_sentence_is_found_in_noise_however_it_is_cut_up(noise: bytes, size: int) -> None:
    splitter, found = Splitter(), []
    data = noise.replace(b"*", b"") + CARD_2 + noise + b"\r\n" + CARD_2
    for at in range(0, len(data), size):
        found += splitter.feed(data[at : at + size])
    assert [sentence.kind for sentence in found][-1:] == ["BDICI"] and len(found) == 2


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_harm(data: bytes) -> None:
    splitter = Splitter()
    for sentence in splitter.feed(data + b"\n" + data):
        dialects.read(sentence)
    assert not splitter.feed(b"x" * (SENTENCE_BYTES_MAX + 1)) and len(splitter._held) <= SENTENCE_BYTES_MAX


def test_a_sentence_whose_checksum_is_wrong_is_none_and_counted() -> None:
    splitter = Splitter()
    assert splitter.feed(CARD_2.replace(b"*38", b"*39") + CARD_2) == [
        Sentence("BDICI", tuple(CARD_2[7:-5].decode().split(",")))
    ]
    assert splitter.spoilt == 1


# --- its pace


def awake(now_s: float = 0.0, card: bytes = CARD_2) -> Modem:
    one = Modem(now_s)
    assert one.due(now_s) == dialects.ask_card()
    assert one.received(card, now_s)[1].startswith(b"$CCRMO,")
    return one


def test_one_message_each_interval_of_the_card() -> None:
    one = awake()
    assert one.may_say(0.0)
    one.say(1, b"x", 0.0)
    assert not one.may_say(0.0)
    one.received(b"$BDFKI,TXA,Y,Y,0,0000*13\r\n", 2.0)
    assert not one.failed and not one.may_say(62.0) and one.may_say(63.0)


def test_what_the_terminal_refuses_is_told_and_waits_as_long_as_it_says() -> None:
    one = awake()
    one.say(1, b"x", 0.0)
    one.received(written("BDFKI", "TXA", "N", "N", 0, "0030"), 1.0)
    assert one.failed and not one.may_say(31.0) and one.may_say(32.0)
    assert "too soon" in one.state(1.0).trouble_en and "频度未到" in one.state(1.0).trouble_zh


def test_a_terminal_that_says_nothing_of_a_message_did_not_send_it() -> None:
    one = awake()
    one.say(1, b"x", 0.0)
    one.due(modem.OUTCOME_S)
    assert one.failed and "did not say" in one.state(20.0).trouble_en


@pytest.mark.parametrize(
    ("card", "later_s", "sentence"),
    [
        (b"", 0.0, "does not answer"),
        (CARD_2, modem.SILENT_S + 1, "does not answer"),
        (b"$BDICI,0000000,00000000,0000000,0,0,0,N,0*0B\r\n", 0.0, "has no card"),
        (written("BDICI", "0242286", 0, 0, 6, 60, 9, "N", 0), 0.0, "may send nothing that long"),
    ],
)
def test_what_a_modem_lacks_is_one_sentence_and_nothing_is_said(card: bytes, later_s: float, sentence: str) -> None:
    one = Modem(0.0)
    one.received(card, 0.0)
    state = one.state(later_s)
    assert sentence in state.trouble_en and state.trouble_zh and not state.bits and not one.may_say(later_s)


# --- the serial line, and the simulator


@pytest.fixture
async def sky() -> AsyncIterator[Callable[[Weather], Sky]]:
    made: list[Sky] = []

    def make(weather: Weather) -> Sky:
        made.append(Sky(weather))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


class End:
    """A modem at a terminal of the simulator."""

    def __init__(self, device: str) -> None:
        self.modem, self.arrived, self.is_lost = Modem(0.0), list[Arrived](), False
        self.port = Port(device, 115_200, self._heard, self._lost)
        self.port.write(self.modem.due(0.0))

    def _heard(self, data: bytes) -> None:
        arrived, out = self.modem.received(data, 0.0)
        self.arrived += arrived
        self.port.write(out)

    def _lost(self) -> None:
        self.is_lost = True


@pytest.mark.parametrize(("bits", "size"), [(560, 70), (14_000, 1_740)])
async def test_a_message_goes_from_one_terminal_to_the_other(
    sky: Callable[[Weather], Sky], bits: int, size: int
) -> None:
    terminals = sky(Weather(delay_s=0.0, every_s=0, bits=bits)).terminals
    one, other = (End(terminal.device) for terminal in terminals)
    await until(lambda: one.modem.may_say(0.0) and other.modem.may_say(0.0))
    assert one.modem.state(0.0).bits == (616 if bits == 560 else 13_992)
    data = bytes(range(70)) if size == 70 else os.urandom(size)
    one.port.write(one.modem.say(terminals[1].card, data, 0.0))
    await until(lambda: bool(other.arrived))
    assert other.arrived == [Arrived(terminals[0].card, data)]
    await until(lambda: one.modem.may_say(0.0))
    one.port.close()
    other.port.close()


async def test_a_terminal_refuses_what_comes_too_soon(sky: Callable[[Weather], Sky]) -> None:
    terminals = sky(Weather(every_s=60)).terminals
    one = End(terminals[0].device)
    await until(lambda: one.modem.may_say(0.0))
    for _ in range(2):
        one.port.write(dialects.say("2.1", terminals[1].card, b"x"))
    await until(lambda: terminals[0].refused == 1)
    one.port.close()


async def test_a_cable_that_is_pulled_is_told_once(sky: Callable[[Weather], Sky]) -> None:
    made = sky(Weather())
    one = End(made.terminals[0].device)
    made.stop()
    await until(lambda: one.is_lost)
    one.port.write(b"x")
    await asyncio.sleep(0)


async def test_a_port_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(Unavailable, match=r"/dev/nowhere cannot be opened"):
        Port("/dev/nowhere", 115_200, print, print)


async def test_what_the_node_could_not_keep_is_brought_again_in_a_while_behind_the_others() -> None:
    bus, now_s, came = MemoryBus(), [0.0], list[bytes]()

    async def take(data: bytes) -> bytes:
        came.append(decode(Came, data).data)
        return encode(Taken(kept=len(came) > 1))

    async def say(data: bytes) -> bytes:
        assert "cannot be opened" in decode(Next, data).modem.trouble_en
        return encode(Say())

    await bus.serve(subjects.LINE_CAME, take)
    await bus.serve(subjects.LINE_NEXT, say)
    carrier = Carrier(bus, "/dev/nowhere", 9_600, lambda: now_s[0])
    carrier._came.extend((Came(1, b"first"), Came(1, b"second")))
    for now_s[0] in (0.0, 0.2, 4.9, 5.0, 5.2):
        await carrier._step()
    assert came == [b"first", b"second", b"first"] and not carrier._came


async def test_of_what_comes_while_the_node_is_away_the_oldest_go_and_are_counted() -> None:
    carrier = Carrier(MemoryBus(), "/dev/nowhere", 9_600, lambda: 0.0)
    for n in range(bounds.HEARD_MAX + 3):
        carrier._heard(written("BDTXR", 1, "0166166", 2, "", f"A4{n:02X}"))
    assert (len(carrier._came), carrier._came[0].data, carrier.shed) == (bounds.HEARD_MAX, b"\x03", 3)
    await carrier._step()  # nobody answers
    assert len(carrier._came) == bounds.HEARD_MAX
