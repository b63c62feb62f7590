"""Other agencies: what they say becomes alarms, what concerns them reaches them, and their duty desks answer orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fusioncmd.alarm import cap_out, cap_xml
from fusioncmd.bus import users
from fusioncmd.departments import folder
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from gateways.alarm import feeds
from tests.alerts import ABROAD, alert
from tests.nats_server import free_port
from tests.smoke.alarm_tier import Tier
from tests.smoke.conftest import filled
from tests.smoke.department_ends import ByHttp, ByNats, order_of
from tests.tier_process import until


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tier]:
    home = tmp_path_factory.mktemp("departments")
    tier = Tier(home)
    with filled(home, "--gateways", 1, "--alarms", f"http={tier.http}") as tier.process:
        yield tier


def departments(tier: Tier, *arguments: object) -> Any:
    return tier.process.ask("departments", *arguments, "--data", tier.process.data)


@pytest.fixture(scope="module")
def weather(tier: Tier) -> Iterator[ByNats]:
    added = departments(
        tier, "add", "weather", "--title", "气象局", "--takes", "*", "--gives", "rainstorm=暴雨", "--at", "440106",
        "--desk", "440106001",
    )  # fmt: skip
    assert added["running"]
    key = folder.seed_file(users.folder_of(tier.process.data), "weather")
    until(lambda: line(tier, "weather"))
    end = until(lambda: connected(tier, key))
    with end:
        until(lambda: line(tier, "weather")["here"])
        yield end


@pytest.fixture(scope="module")
def water(tier: Tier) -> Iterator[ByHttp]:
    port = free_port()
    end = ByHttp(port)
    added = departments(
        tier, "add", "water", "--title", "水务局", "--takes", "rainstorm", "--severity", "severe",
        "--desk", "440106002", "--url", f"http://127.0.0.1:{port}/cap", "--gives", "flood",
    )  # fmt: skip
    end.token = added["token"]
    until(lambda: line(tier, "water").get("here"))
    yield end
    end.close()


def connected(tier: Tier, key: Any) -> ByNats | None:
    """The server reads who may come in."""
    try:
        with ByNats(tier.process.nats, key):
            return ByNats(tier.process.nats, key)
    except Exception:  # noqa: BLE001  # whatever nats-py makes of a refusal
        return None


def line(tier: Tier, name: str) -> dict[str, Any]:
    return next((each for each in tier.process.ask("departments", "list")["lines"] if each["name"] == name), {})


def share(tier: Tier, name: str, subject: str) -> tuple[int, int]:
    found = next(each for each in line(tier, name)["shares"] if each["subject"].endswith(subject))
    return found["count"], found["refused"]


def test_what_a_department_says_is_an_alarm_and_reaches_the_other_once_it_is_confirmed(
    tier: Tier, weather: ByNats, water: ByHttp
) -> None:
    assert until(lambda: weather.say("say.alarm", alert("D1"))) == {"taken": 1}
    found = tier.alarm("rainstorm")
    ident = found["alarm"]["id"]
    assert (found["alarm"]["source"], found["standing"]) == ("department.weather", "open")
    assert not water.heard
    tier.process.ask("alarms", "confirm", ident)
    told = until(lambda: water.heard and water.heard[-1])
    assert (told.msg_type, told.infos[0].event, told.addresses) == ("Alert", "rainstorm", "water")
    assert {code for _, code in told.infos[0].areas[0].geocodes} == {"440106001", "440106002"}
    sent = told.sent_ms  # the department ends what it said: who was told of it is told that
    ended = alert("D2", kind="Cancel", refs="<references>cma@gd.cn,D1,2026-01-01T00:00:00-00:00</references>")
    assert weather.say("say.alarm", ended) == {"taken": 1}
    over = until(lambda: next((each for each in water.heard if each.msg_type == "Cancel"), None))
    assert [each.identifier for each in over.references] == [told.identifier] and over.sent_ms >= sent
    assert not weather.heard["take.alarm"]  # it is not told what it said itself
    whats = [each["what"] for each in tier.process.ask("alarms", "show", ident)["line"]["decided"]]
    assert whats == ["confirmed", "told", "told"]


def test_an_alarm_of_others_reaches_it_and_waits_while_it_does_not_take_it(tier: Tier, weather: ByNats) -> None:
    weather.deaf = True
    assert tier.cap("R7")[0] == 202
    ident = until(lambda: next((each for each in tier.process.ask("alarms", "list")["lines"]
                                if each["alarm"]["source"] == "cap.weather"), None))["alarm"]["id"]  # fmt: skip
    tier.process.ask("alarms", "confirm", ident)
    until(lambda: line(tier, "weather")["waiting"] == 1 and line(tier, "weather")["problem_en"] == "busy")
    assert "1 messages wait for department weather" in tier.process.cli("health").err
    weather.deaf = False
    assert weather.alarm("rainstorm").infos[0].severity == "Extreme"
    tier.process.ask("alarms", "dismiss", ident)
    assert weather.alarm("rainstorm", "Cancel").references


def test_a_duty_desk_is_in_the_audience_and_its_answer_in_the_figures(
    tier: Tier, weather: ByNats, water: ByHttp
) -> None:
    def sits() -> Any:
        found = tier.process.ask("roster", "find", "气象局值班室")["people"]
        return found and found[0]["reachable"] and found[0]

    desk = until(sits)
    assert (desk["place"], desk["roles"]) == ("440106001", ["dept-weather"])
    until(lambda: tier.process.ask("roster", "find", "水务局值班室")["people"])
    issued = tier.process.ask(
        "call", "--to", "440103001", "--role", "flood", "--department", "weather", "--department", "water",
        "--text", "请会商", "--answer", "在岗", "--answer", "需要支援", "--exercise",
    )  # fmt: skip
    got = weather.order("请会商")
    assert order_of(got) == issued["id"] and got.status == "Exercise"
    keys = ring.folder_of(tier.process.data)
    judged = Judge(ring.anchors(keys), lambda: got.sent_ms / 1000).fresh(cap_out.sealed_of(got))
    assert judged.order.text == "请会商" and judged.order.audience.desks == ("44.weather", "44.water")
    assert weather.say("say.answer", {"order": issued["id"], "answer": "在岗"}) == {"taken": 1}
    other = until(lambda: next((each for each in water.heard if each.infos[0].description == "请会商"), None))
    posted = f'{{"order": "{order_of(other)}", "answer": 1}}'.encode()
    assert tier.post("/departments/water/answer", posted, Authorization=f"Bearer {water.token}") == (202, {"taken": 1})
    names = ("received", "answered")
    total = until(lambda: (found := tier.process.ask("watch", issued["id"], "--once")["total"])
                  and found["by_answer"] == [1, 1] and found)  # fmt: skip
    assert [total[name] for name in names] == [2, 2]
    answered = tier.process.ask("who", issued["id"], "--answered")["people"]
    assert {each["name"]: each["answer"] for each in answered} == {"气象局值班室": "在岗", "水务局值班室": "需要支援"}
    page = tier.process.cli("departments", "list").out
    assert (
        "leaves →  take.order" in page
        and "POST /departments/water/answer" in page
        and "气象局值班室  440106001" in page
    )
    tier.process.ask("cancel", issued["id"], "--text", "取消")
    cancel = until(lambda: next((each for each in weather.heard["take.order"] if each.msg_type == "Cancel"), None))
    assert [each.identifier for each in cancel.references] == [issued["id"]]
    assert "has ended" in weather.say("say.answer", {"order": issued["id"], "answer": 0})["refused"]["en"]


def test_who_only_fetches_finds_what_concerns_it_in_a_feed(tier: Tier, weather: ByNats) -> None:
    token = departments(tier, "add", "fire", "--title", "消防", "--takes", "rainstorm", "--at-once", "--feed")["token"]
    assert weather.say("say.alarm", alert("F1")) == {"taken": 1}
    at = f"http://127.0.0.1:{tier.http}/departments/fire/feed.atom"

    def fetched() -> list[feeds.Entry]:
        found = httpx.get(at, auth=("fire", token), trust_env=False)
        return [*feeds.read(found.content, at).entries] if found.status_code == 200 else []

    entry = until(fetched)[0]
    got = cap_xml.read(httpx.get(entry.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False).content)
    assert (got.addresses, got.infos[0].event) == ("fire", "rainstorm")
    for strange in (at, entry.url):
        assert httpx.get(strange, auth=("fire", "x"), trust_env=False).status_code == 401


def test_what_is_not_theirs_is_refused_with_a_sentence_and_counted(tier: Tier, weather: ByNats, water: ByHttp) -> None:
    issued = tier.process.ask("call", "--to", "440103001", "--department", "water", "--text", "仅水务", "--exercise")
    before = share(tier, "weather", "say.alarm")[1]
    for subject, said, why in (
        ("say.alarm", alert("B1", ABROAD), "no place of this tier"),
        ("say.alarm", alert("B2", "23.11,113.23 23.13,113.23 23.13,113.25 23.11,113.23"), "lies beyond"),
        ("say.alarm", alert("B3").replace("暴雨".encode(), b"hail"), "weather gives rainstorm; this is met"),
        ("say.alarm", b"<alert/>", "Not an alert"),
        ("say.alarm", {"about": "x", "headline": "y", "at": "440103001", "event": "rainstorm"}, "lies beyond"),
        ("say.answer", {"order": issued["id"], "answer": 0}, "no order"),
        ("say.answer", {"order": "x"}, "Not an answer"),
    ):
        assert why in weather.say(subject, said)["refused"]["en"], why
    until(lambda: share(tier, "weather", "say.alarm")[1] == before + 5)
    assert share(tier, "weather", "say.answer")[1] >= 2
    flood = [weather.say("say.alarm", b"{}")["refused"]["en"] for _ in range(120)]
    assert "more than 5 a second" in flood[-1]
    body = alert("H1").replace("暴雨".encode(), b"flood")
    assert tier.post("/departments/water/alarm", body, Authorization="Bearer x")[0] == 401
    assert tier.post("/departments/weather/alarm", body, Authorization=f"Bearer {water.token}")[0] == 401
    assert tier.post("/departments/water/alarm", body, Authorization=f"Bearer {water.token}")[0] == 202
    assert tier.alarm("flood")["alarm"]["source"] == "department.water"


def test_a_department_that_is_removed_is_put_out_and_its_desk_leaves(tier: Tier, weather: ByNats) -> None:
    departments(tier, "remove", "weather")
    assert weather.out.wait(10)
    until(lambda: not tier.process.ask("roster", "find", "气象局值班室")["people"])
    refused = tier.process.here("call", "--to", "440103001", "--department", "weather", "--text", "x", "--exercise")
    assert refused.code and "no duty desk of a department weather" in refused.err
    assert not line(tier, "weather")
