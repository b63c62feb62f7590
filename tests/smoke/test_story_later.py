"""After the call: it is corrected, it is called off, somebody comes late; and an exercise never looks actual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fusioncmd import ids
from fusioncmd.terminal import Deliver
from tests.smoke.handset import Handset
from tests.tier_process import TierProcess, speak, until

Make = Callable[..., Handset]


def call(tier: TierProcess, text: str, *more: str) -> dict[str, Any]:
    issued: dict[str, Any] = tier.ask(
        "call", "--to", "4401", "--role", "flood", "--text", text, "--answer", "here", *more
    )
    return issued


def test_an_update_goes_to_the_same_people_and_takes_the_orders_place(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    device = handset(flood[0]["number"])
    before = call(tier, "Meet at eight.", "--exercise")
    device.order("Meet at eight.")
    said = tier.cli("update", "last", "--text", "Meet at nine.")
    assert said.code == 0 and "update: Meet at nine." in said.out and "EXERCISE" in said.lines[0]
    assert f"{before['targeted']} people meant" in said.out and "广州市 4401" in said.out
    order = device.order("Meet at nine.")
    assert order.msg_type == "update" and order.status == "exercise" and order.answers == ("here",)
    assert ids.to_text(order.refs or b"") == before["id"]
    states = {line["order"]["id"]: line["state"] for line in tier.ask("orders")["orders"]}
    assert (states[before["id"]], states[ids.to_text(order.id)]) == ("replaced", "open")
    again = tier.cli("update", before["id"], "--text", "Meet at ten.")
    assert again.code == 1 and again.err == "That order was already cancelled or replaced.\n"


def test_a_cancel_tells_exactly_those_who_were_told(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    told, late = handset(flood[0]["number"]), flood[1]["number"]
    name = call(tier, "Go to the dyke.", "--exercise")["id"]
    order = told.order("Go to the dyke.")
    until(lambda: tier.ask("watch", name, "--once")["total"]["received"] or None)
    issued = tier.ask("cancel", name, "--text", "Go home.")
    assert issued["targeted"] == 1
    ended = told.order("Go home.")
    assert ended.msg_type == "cancel" and ended.refs == order.id
    assert not {"Go to the dyke.", "Go home."} & set(handset(late).orders_by_now())
    lines = tier.cli("orders").lines
    assert "cancel" in lines[1] and "Go home." in lines[1] and "cancelled" in lines[2]


def test_who_was_away_and_still_shows_it_hears_of_the_cancel_on_coming_back(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    name = call(tier, "Hold the line.", "--exercise")["id"]
    with handset(flood[0]["number"]) as device:
        order = device.order("Hold the line.")
        until(lambda: tier.ask("watch", name, "--once")["total"]["received"] or None)
    tier.ask("cancel", name, "--text", "Let it go.")
    again = handset(flood[0]["number"], held=(order.id,))
    assert again.order("Let it go.").refs == order.id


def test_whoever_comes_late_gets_what_is_open_and_nothing_twice(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    call(tier, "Still open.", "--exercise")
    with handset(flood[0]["number"]) as device:
        order = device.order("Still open.")
    again = handset(flood[0]["number"], held=(order.id,))
    assert "Still open." not in again.orders_by_now()


@pytest.mark.parametrize(("lang", "exercise", "actual"), [("en", "EXERCISE", "ACTUAL"), ("zh", "演练", "实战")])
def test_an_exercise_and_the_real_thing_are_told_apart_in_words_everywhere(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make, monkeypatch: pytest.MonkeyPatch, lang: str,
    exercise: str, actual: str,
) -> None:  # fmt: skip
    speak(monkeypatch, lang)
    device = handset(flood[0]["number"])
    for options, word, other in ((("--exercise",), exercise, actual), ((), actual, exercise)):
        text = f"Which is it, {lang} {word}?"
        said = tier.here("call", "--to", "4401", "--role", "flood", "--text", text, *options)
        assert said.code == 0 and word in said.lines[0]
        name = said.lines[0].split()[-1]
        assert device.order(text).status == ("exercise" if options else "actual")
        for command in (("watch", name, "--once"), ("watch", name, "--until-settled", "0.1"), ("report", name)):
            shown = tier.here(*command)
            assert shown.code == 0 and word in shown.lines[0].split(text)[0]
            assert other not in shown.out.replace(text, "")
        listed = next(line for line in tier.here("orders").lines if text in line)
        assert listed.split()[0] == word
        ended = tier.here("cancel", name)
        assert word in ended.lines[0] and other not in ended.out.replace(text, "")
        assert device.order("指令取消。" if lang == "zh" else "Cancelled.").status == (
            "exercise" if options else "actual"
        )
    assert not [frame for frame in device.said if isinstance(frame, Deliver) and text.encode() in frame.sealed]
