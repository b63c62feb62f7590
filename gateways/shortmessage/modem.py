"""A modem as a state: bytes and time in, bytes and what happened out. Pure.

It asks for the card until it has one, and again each minute: a card may be changed, and a cable pulled. One message is
on its way at a time; the terminal says whether it went out, and if it says nothing, that it did not is assumed.
"""

from __future__ import annotations

from fusioncmd.lastline.wire import Modem as State
from gateways.shortmessage import dialects
from gateways.shortmessage.dialects import Arrived, Beams, Card, Outcome, Said
from gateways.shortmessage.sentences import Splitter

ASK_S, ASK_AGAIN_S = 5.0, 60.0  # for the card: while there is none, and then
SILENT_S = 150.0  # after which a terminal that answered is taken to be gone
OUTCOME_S = 15.0
MARGIN_S = 1.0  # after the interval of the card, as its clock is another
_NO_MODEM: Said = ("The short message modem does not answer", "短报文终端无应答")
_NO_CARD: Said = ("The short message modem has no card", "短报文终端未插卡")
_LOW: Said = ("The card of the short message modem may send nothing that long", "短报文卡的通信等级过低")


class Modem:
    def __init__(self, now_s: float) -> None:
        self._splitter = Splitter()
        self._card: Card | None = None
        self._beams: int | None = None
        self._asked_s, self._answered_s = -ASK_AGAIN_S, now_s
        self._said_s: float | None = None  # a message is on its way since then
        self._next_s = now_s
        self._why: Said | None = None
        self.failed = False  # the last message did not go out; whoever asks for the next says so

    def due(self, now_s: float) -> bytes:
        """What is to be written now."""
        if self._said_s is not None and now_s - self._said_s >= OUTCOME_S:
            self._ended(("the terminal did not say that it went out", "终端未反馈发送结果"), 0, now_s)
        if now_s - self._asked_s < (ASK_S if self._gone(now_s) else ASK_AGAIN_S):
            return b""
        self._asked_s = now_s
        return dialects.ask_card()

    def received(self, data: bytes, now_s: float) -> tuple[list[Arrived], bytes]:
        """The messages that came, and what is to be written now."""
        arrived, out = list[Arrived](), b""
        for sentence in self._splitter.feed(data):
            match dialects.read(sentence):
                case Card() as card:
                    if self._card is None or self._gone(now_s):
                        out += dialects.ask_beams(card.dialect)
                    self._card, self._answered_s = card, now_s
                case Beams(good):
                    self._beams = good
                case Outcome(why, wait_s) if self._said_s is not None:
                    self._ended(why, wait_s, now_s)
                case Arrived() as message:
                    arrived.append(message)
        return arrived, out

    def may_say(self, now_s: float) -> bool:
        return self._said_s is None and now_s >= self._next_s and bool(self.state(now_s).bits)

    def say(self, to: int, data: bytes, now_s: float) -> bytes:
        assert self._card is not None
        self._said_s, self.failed = now_s, False
        return dialects.say(self._card.dialect, to, data)

    def state(self, now_s: float) -> State:
        """As the node is told: with a trouble, and then no bits, where nothing can be said."""
        card = self._card
        trouble = _NO_MODEM if card is None or self._gone(now_s) else None
        if trouble is None and card is not None:
            trouble = _NO_CARD if not card.number else None if card.bits else _LOW
        if card is None or trouble is not None:
            en, zh = trouble or _NO_MODEM
            return State(0, 0, 0, 0, en, zh)
        why = self._why or (
            ("no beam is heard well enough", "波束信号过弱") if self._beams == 0 else None
        )  # it may go out all the same
        en = f"The short message modem sends badly: {why[0]}" if why else ""
        zh = f"短报文终端发送不畅：{why[1]}" if why else ""
        return State(card.number, card.bits, card.every_s, self._beams or 0, en, zh)

    def _ended(self, why: Said | None, wait_s: int, now_s: float) -> None:
        every_s = self._card.every_s if self._card is not None else 0
        margin_s = MARGIN_S if every_s else 0.0
        self._next_s = now_s + (max(wait_s, 1) if why else every_s) + margin_s
        self._said_s, self._why, self.failed = None, why, why is not None

    def _gone(self, now_s: float) -> bool:
        return self._card is None or now_s - self._answered_s > SILENT_S
