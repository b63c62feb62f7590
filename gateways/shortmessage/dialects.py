"""What a terminal is told and tells, in the two dialects that are in use. Pure.

| | BeiDou-2, RDSS 2.1 | BeiDou-3 |
|---|---|---|
| which card | `$CCICA,0,00` → `$BDICI` | `$CCICR,0,00` → `$BDICP` |
| say | `$CCTXA,to,1,2,A4…` | `$CCTCQ,to,2,1,3,A4…,0` |
| it was said, or why not | `$BDFKI,TXA,…` | `$BDFKI,hhmmss,TCQ,…` |
| a message came | `$BDTXR` | `$BDTCI` |
| how well beams are heard | `$BDBSI` | `$BDPWI` |

Bytes go as hexadecimal digits after `A4`, which marks them as such and takes 8 bits of the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusioncmd.lastline import bounds
from gateways.shortmessage.sentences import Sentence, written

Dialect = Literal["2.1", "3"]
MARK, MARK_BITS = "A4", 8
MIXED_2, MIXED_3 = 2, 3  # how the content is written: characters and code
# Bits of a message by the level of the card, where it is not encrypted. A BeiDou-3 card of another level than the
# fifth (written 0) is taken for one of global messages.
_BITS_2 = {1: 110, 2: 408, 3: 628, 4: 848}
_BITS_3 = {0: bounds.LONG_BITS, 5: bounds.LONG_BITS}
POWER_MIN = 2  # of 0 to 4: with less, messages get lost
CNR_MIN = 38  # dB-Hz
Said = tuple[str, str]  # in English, in Chinese
_WHY_NOT: dict[int, Said] = {
    1: ("it is too soon after the last message", "发送频度未到"),
    2: ("sending is suppressed by the system", "系统发射抑制"),
    3: ("the terminal is silenced", "终端处于发射静默"),
    4: ("its power is not locked", "功率未锁定"),
    5: ("it finds no card", "未检测到 IC 模块"),
    6: ("the card may not", "卡权限不足"),
}


@dataclass(frozen=True, slots=True)
class Card:
    """`number` 0: there is none. `bits`: what a message holds, without its mark; `every_s`: at most one so often."""

    dialect: Dialect
    number: int
    every_s: int
    bits: int


@dataclass(frozen=True, slots=True)
class Beams:
    good: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the last message: `why` is empty when it went out; `wait_s`: until the next may."""

    why: Said | None
    wait_s: int


@dataclass(frozen=True, slots=True)
class Arrived:
    by: int
    data: bytes


Heard = Card | Beams | Outcome | Arrived


def ask_card() -> bytes:
    """In both dialects: a terminal answers its own."""
    return written("CCICA", 0, "00") + written("CCICR", 0, "00")


def ask_beams(dialect: Dialect) -> bytes:
    return written("CCRMO", "BSI" if dialect == "2.1" else "PWI", 2, 10)


def say(dialect: Dialect, to: int, data: bytes) -> bytes:
    content = MARK + data.hex().upper()
    if dialect == "2.1":
        return written("CCTXA", f"{to:07}", 1, MIXED_2, content)
    return written("CCTCQ", to, 2, 1, MIXED_3, content, 0)


def read(sentence: Sentence) -> Heard | None:
    """None for what is of no interest, and for a message that is none of ours."""
    match sentence.kind:
        case "BDICI":
            return _card(sentence, "2.1", 4, 5, _BITS_2)
        case "BDICP":
            return _card(sentence, "3", 13, 14, _BITS_3)
        case "BDBSI":
            return Beams(sum(sentence.number(at) >= POWER_MIN for at in range(2, len(sentence.fields))))
        case "BDPWI":
            return _beams_3(sentence)
        case "BDFKI":
            return _outcome(sentence)
        case "BDTXR":
            return _arrived(sentence, 1, 4)
        case "BDTCI":
            return _arrived(sentence, 0, len(sentence.fields) - 1)
    return None


def _card(sentence: Sentence, dialect: Dialect, every: int, level: int, bits: dict[int, int]) -> Card:
    found = bits.get(sentence.number(level), bounds.SHORT_BITS + MARK_BITS if dialect == "3" else 0)
    return Card(dialect, sentence.number(0), sentence.number(every), max(0, (found - MARK_BITS) // 8 * 8))


def _beams_3(sentence: Sentence) -> Beams:
    """After the time and two counts, of each beam its number and how it is heard, then one more or two."""
    values = [sentence.number(at) for at in range(3, len(sentence.fields))]
    return Beams(sum(value >= CNR_MIN for value in values[1::4]))


def _outcome(sentence: Sentence) -> Outcome | None:
    if sentence.field(0) == "TXA":
        done, wait_s = sentence.field(1) == "Y", sentence.number(4)
        reason = 1 if wait_s and sentence.field(2) != "Y" else 2 if sentence.number(3) else 0
    elif sentence.field(1) == "TCQ":
        done, wait_s, reason = sentence.field(2) == "Y", sentence.number(4), sentence.number(3)
    else:
        return None
    unknown = ("the terminal does not say why", "终端未说明原因")
    return Outcome(None if done else _WHY_NOT.get(reason, unknown), wait_s)


def _arrived(sentence: Sentence, by: int, content: int) -> Arrived | None:
    text = sentence.field(content).strip()
    if not text.upper().startswith(MARK):
        return None
    try:
        return Arrived(sentence.number(by), bytes.fromhex(text[len(MARK) :]))
    except ValueError:
        return None
