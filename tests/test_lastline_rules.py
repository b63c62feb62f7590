"""Rules of the last line by themselves: what goes next, templates, settings, twins, keys, rights, the budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusioncmd import subjects
from fusioncmd.bus.users import BusUser
from fusioncmd.cli.__main__ import app
from fusioncmd.errors import BadInput
from fusioncmd.lastline import bounds, budget, settings, templates
from fusioncmd.lastline.bits import Writer
from fusioncmd.lastline.frames import Kind
from fusioncmd.lastline.schedule import Candidate, Schedule
from tests.line_world import KIT
from tests.tier_process import speak
from tiers.bus_rights import rights_of
from tiers.lastline import table


def candidate(kind: Kind, key: bytes, grave: int = 1, content: int = 0, peer: str = KIT) -> Candidate:
    said = Writer()
    said.put(content, 8)
    return Candidate(peer, kind, key, grave, said)


END, ORDER, EXERCISE = candidate(Kind.ORDER, b"e", 0), candidate(Kind.ORDER, b"a", 1), candidate(Kind.ORDER, b"x", 2)
ANSWERS, REPORT, HEARD = candidate(Kind.ANSWERS, b"q"), candidate(Kind.REPORT, b"r"), candidate(Kind.HEARD, b"h", 0)
ALL = [HEARD, REPORT, ANSWERS, EXERCISE, ORDER, END]


def test_the_most_useful_goes_first() -> None:
    schedule, said = Schedule(), []
    for counter in range(6):
        chosen = schedule.next(ALL, 0.0)
        assert chosen is not None
        schedule.sent(chosen, counter, 0.0)
        said.append(chosen)
    assert said == ALL[::-1] and schedule.next(ALL, 0.0) is None


def test_what_nobody_confirms_is_said_again_later_and_later() -> None:
    schedule, times = Schedule(), []
    for now_s in range(20_000):
        if (chosen := schedule.next([ORDER], float(now_s))) is not None:
            schedule.sent(chosen, len(times), float(now_s))
            times.append(now_s)
    assert times[:5] == [0, 120, 360, 840, 1_800] and times[6] - times[5] == bounds.REPEAT_S_MAX


def test_what_is_confirmed_is_not_said_again_until_it_says_something_else() -> None:
    schedule = Schedule()
    assert schedule.next([ANSWERS], 0.0) is ANSWERS
    schedule.sent(ANSWERS, 5, 0.0)
    schedule.heard("4403", [5])  # another end's
    assert schedule.next([ANSWERS], 120.0) is ANSWERS
    schedule.sent(ANSWERS, 6, 120.0)
    schedule.heard(KIT, [6])
    assert schedule.next([ANSWERS], 99_999.0) is None
    more = candidate(Kind.ANSWERS, b"q", content=1)
    assert schedule.next([more], 100_000.0) is more
    schedule.sent(more, 7, 100_000.0)
    schedule.heard(KIT, [6])  # of what it said before
    assert schedule.next([more], 100_120.0) is more


def test_what_grows_each_minute_leaves_every_other_message_to_others() -> None:
    schedule = Schedule()
    schedule.sent(ANSWERS, 0, 0.0)
    assert schedule.next([candidate(Kind.ANSWERS, b"q", content=1), REPORT], 60.0) is REPORT


def test_what_did_not_go_out_is_due_as_before() -> None:
    schedule = Schedule()
    schedule.sent(ORDER, 0, 0.0)
    schedule.next([ORDER], 0.0)
    schedule.failed(ORDER, 0)
    assert schedule.next([ORDER], 1.0) is ORDER


# --- templates and settings

OWN = """
[[template]]
number = 100
name = "dam"
zh = "查看{0}坝。"
en = "Look at dam {0}."
answers_zh = ["好"]
answers_en = ["ok"]
"""


def test_every_template_finds_again_what_was_filled_in(tmp_path: Path) -> None:
    (tmp_path / settings.TEMPLATES_FILE).write_text(OWN, "utf-8")
    known = table(tmp_path)
    assert len(known) == 9 and len({each.digest for each in known.values()}) == 9
    for each in known.values():
        values = ("五山小学", "30")[: each.values]
        for chinese in (True, False):
            assert each.values_in(each.text(values, chinese), chinese) == values
            assert each.values_in(each.text(values, chinese) + "x", chinese) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (OWN.replace("100", "5"), "have numbers from 100"),
        (OWN + OWN, "is there twice"),
        (OWN.replace("{0}坝", "坝"), "hold the same values"),
        (OWN.replace('"ok"', '"ok", "no"'), "as many answers"),
        (OWN.replace("number = 100", "number = 300"), "cannot be taken"),
        ("[[template", "cannot be taken"),
        (OWN + 'colour = "red"', "cannot be taken"),
        ("#" * bounds.TEMPLATE_BYTES_MAX + "##", "too large"),
    ],
)
def test_a_file_of_templates_that_cannot_be_taken_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        templates.read("", text)
    assert caught.value.zh


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[cards]\n44 = 5\n4401 = 5", "same card"),
        ("[cards]\nx = 5", "cannot be taken"),
        ('when = "never"', "cannot be taken"),
        ("[cards", "cannot be taken"),
    ],
)
def test_settings_that_cannot_be_taken_are_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        settings.read(text)


# --- what fits

WRITTEN: list[tuple[tuple[float, ...], Callable[[int], bool]]] = [
    ((0.5, 0.0), lambda people: people > 300),
    ((0.9, 0.0), lambda people: people > 300),
    ((0.8, 0.1, 0.0), lambda people: people > 300),
    ((1 / 3, 1 / 3, 0.0), lambda people: 200 < people < 300),
]


@pytest.mark.parametrize(("shares", "fits"), WRITTEN)
def test_a_town_that_is_said_to_fit_takes_one_message_and_one_person_more_takes_two(
    shares: tuple[float, ...], fits: Callable[[int], bool]
) -> None:
    people = budget.people_that_fit(shares, bounds.SHORT_BITS)
    assert fits(people)
    assert budget.messages(people, shares, bounds.SHORT_BITS) == 1
    assert budget.messages(people + 2, shares, bounds.SHORT_BITS) == 2


def test_the_budget_is_printed_and_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*arguments: str) -> str:
        return CliRunner().invoke(app, ["satellite", *arguments]).stdout

    said = json.loads(told("budget", "--people", "300", "--json"))
    assert sum(said["order"].values()) < said["room_bits"]["560"] + 93 == 560
    assert [line["messages_560"] for line in said["answers"]][:3] == [1, 1, 1]
    assert all(line["messages_14000"] == 1 for line in said["answers"])
    speak(monkeypatch, "en")
    assert "Roll call" in told("templates") and "Beside it: over 64 kbit/s" in told("budget")
    speak(monkeypatch, "zh")
    assert "一条 560 比特（70 字节）" in told("budget") and "点名" in told("templates")


def test_the_modems_process_asks_the_node_two_things_and_reads_nothing() -> None:
    rights = rights_of(BusUser("shortmessage", "shortmessage", "440106", "U" + "A" * 55))
    assert rights.publish == (subjects.LINE_NEXT, subjects.LINE_CAME)
    assert rights.subscribe == ("_INBOX.shortmessage.>",)
