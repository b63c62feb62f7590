"""The province calls the flood people of Guangzhou; towns answer; the commander sees who did and who did not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from fusioncmd import ids
from fusioncmd.terminal import SendReport, Stored
from tests.smoke.handset import Handset
from tests.tier_process import TierProcess, until

ANSWERS = ("--answer", "here", "--answer", "on my way", "--answer", "need help")
Make = Callable[..., Handset]


def call(tier: TierProcess, text: str, *more: str) -> dict[str, Any]:
    issued: dict[str, Any] = tier.ask("call", "--to", "广州市", "--role", "flood", "--text", text, *ANSWERS, *more)
    return issued


def test_the_province_calls_the_flood_people_of_guangzhou_and_a_town_answers(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    first, second, third = (person["number"] for person in flood[:3])
    one, two = handset(first), handset(second)
    text = "The river rises: who is at the dyke?"
    # Two gateway processes: each tells who is there on its own.
    until(lambda: all(tier.ask("roster", "find", who["id"])["people"][0]["reachable"] for who in flood[:2]))

    said = tier.cli("call", "--to", "广州市", "--role", "flood", "--text", text, *ANSWERS, "--exercise")
    assert said.code == 0 and said.err == ""
    assert "EXERCISE" in said.lines[0] and f"call: {text}" in said.out
    assert "广州市 4401; only flood" in said.out
    assert f"{len(flood)} people meant, 2 reachable now" in said.out

    order = one.order(text)
    assert order.status == "exercise" and two.order(text) == order
    counted = one.answer(order, "here")
    assert (counted.order, counted.answer) == (order.id, 0)
    assert two.answer(order, "need help").answer == 2

    name = ids.to_text(order.id)
    total = until(lambda: now if (now := tier.ask("watch", name, "--once")["total"])["answered"] == 2 else None)
    assert (total["targeted"], total["sent"], total["received"]) == (len(flood), 2, 2)
    assert (total["by_answer"], total["silent"], total["unreachable"]) == ([1, 0, 1], 0, len(flood) - 2)

    seen = tier.cli("watch", name[-6:], "--once")
    assert seen.code == 0 and seen.lines[0].startswith(" EXERCISE  " + text)
    assert "open" in seen.lines[1] and "by 广东省" in seen.out and "01 广州市" in seen.out
    assert "█ 1 here 1" in seen.out and "█ 3 need help 1" in seen.out
    assert third not in {p["number"] for p in tier.ask("who", name, "--answered")["people"]}


def test_who_is_silent_has_a_name_and_a_phone_and_who_answered_is_not_among_them(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    quick, slow, away = flood[:3]
    one, two = handset(quick["number"]), handset(slow["number"])
    name = call(tier, "Who is quick?", "--exercise")["id"]
    two.order("Who is quick?")
    one.answer(one.order("Who is quick?"), "on my way")

    until(lambda: tier.ask("watch", name, "--once")["total"]["received"] == 2)
    silent = tier.ask("who", name, "--silent")["people"]
    assert [(p["id"], p["stage"]) for p in silent] == [(slow["id"], "received")]
    shown = tier.cli("who", name, "--silent")
    assert shown.code == 0 and "1 of 1" in shown.out
    assert slow["name"] in shown.out and slow["phone"] in shown.out and quick["phone"] not in shown.out

    for words in ("on my way", "2"):
        assert [p["id"] for p in tier.ask("who", name, "--answer", words)["people"]] == [quick["id"]]
    assert away["id"] in {p["id"] for p in tier.ask("who", name, "--unreachable")["people"]}
    assert tier.ask("who", name, "--waiting")["total"] == len(flood) - 1
    assert len(tier.ask("who", name, "--all", "--limit", 5)["people"]) == 5


def test_a_person_has_one_answer_and_it_is_the_one_listed_last(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    device = handset(flood[0]["number"])
    name = call(tier, "Change your mind.", "--exercise")["id"]
    order = device.order("Change your mind.")
    for words in ("here", "need help", "here"):
        device.answer(order, words)
    total = until(lambda: now if (now := tier.ask("watch", name, "--once")["total"])["answered"] else None)
    assert total["answered"] == 1 and total["by_answer"] == [0, 0, 1]


def test_what_people_write_is_read_and_everyone_meant_is_a_line_of_a_spreadsheet(
    tier: TierProcess, flood: list[dict[str, Any]], handset: Make
) -> None:
    device = handset(flood[0]["number"])
    name = call(tier, "Report the level.", "--exercise")["id"]
    order = device.order("Report the level.")
    device.answer(order, "here")
    device.say(SendReport(order.id, ids.make(order.issued_ms, b"0123456789"), "=水深一米", 23.1291, 113.2644))
    assert device.hear(Stored).order == order.id

    assert until(lambda: tier.ask("reports", name)["total"]) == 1
    read = tier.cli("reports", name)
    assert "=水深一米" in read.out and flood[0]["name"] in read.out and "23.12910, 113.26440" in read.out
    whole = tier.cli("report", name)
    assert "1 reported" in whole.out and "1 report\n" in whole.out and whole.code == 0

    table = tier.cli("report", name, "--csv")
    rows = list(csv.DictReader(io.StringIO(table.out.removeprefix("\ufeff"))))
    assert len(rows) == len(flood) and table.err == ""
    mine = next(row for row in rows if row["id"] == flood[0]["id"])
    assert (mine["answer"], mine["stage"], mine["name"]) == ("here", "answered", flood[0]["name"])
    assert {row["stage"] for row in rows} == {"answered", "unreachable"}

    file = tier.data / "out.csv"
    assert tier.ask("report", name, "--csv", "--out", file)["rows"] == len(flood)
    assert file.read_text("utf-8") == table.out


def test_an_order_is_for_nobody_but_its_audience(
    tier: TierProcess, tickets: dict[int, bytes], flood: list[dict[str, Any]], handset: Make
) -> None:
    meant = {person["number"] for person in flood}
    other = handset(next(number for number in tickets if number not in meant))
    one = handset(flood[0]["number"])
    call(tier, "For flood people.", "--exercise")
    one.order("For flood people.")
    assert "For flood people." not in other.orders_by_now()


def test_a_dry_run_counts_and_sends_nothing(tier: TierProcess, flood: list[dict[str, Any]]) -> None:
    before = len(tier.ask("orders")["orders"])
    said = tier.cli("call", "--to", "4401", "--role", "flood", "--text", "Nothing.", "--dry-run")
    assert said.code == 0 and "not sent, only counted" in said.out and f"{len(flood)} people meant" in said.out
    assert "ACTUAL" in said.out
    assert tier.ask("call", "--to", "4401", "--role", "flood", "--text", "x", "--dry-run")["targeted"] == len(flood)
    assert len(tier.ask("orders")["orders"]) == before
