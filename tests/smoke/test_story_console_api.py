"""A duty officer's browser asks the console: logs in, composes, signs, issues, watches, and is told what is wrong."""

from __future__ import annotations

import os
import signal
from base64 import b64decode, b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from fusioncmd.trust import seals
from gateways.console import bounds
from loadtest.deputies import make_deputy
from tests.console import Visitor, key_of
from tests.smoke.conftest import filled, tickets_of
from tests.smoke.handset import Handset
from tests.tier_process import TierProcess, run, until

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    folder = tmp_path_factory.mktemp("console")
    with filled(folder, "--gateways", 1, "--second-person-above", 50, console=True) as tier:
        yield tier


@pytest.fixture
def officer(tier: TierProcess) -> Visitor:
    visitor = Visitor(tier.console_port)
    visitor.log_in_by_key(key_of(tier.data / "keys"))
    return visitor


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def issue(officer: Visitor, tier: TierProcess, place: str = "440106", text: str = "Drill: report.") -> str:
    ident, sealed = officer.compose(key_of(tier.data / "keys"), text, place)
    assert officer.post("/api/orders", {"sealed": b64(sealed)}, 201)["order"]["id"] == ident
    return ident


def test_nobody_is_told_anything_before_a_login_and_a_cookie_is_out_of_reach_for_scripts(tier: TierProcess) -> None:
    visitor = Visitor(tier.console_port)
    for path in ("/api/whoami", "/api/orders", "/api/people?query=1", "/api/audit", "/api/proposals"):
        said = visitor.ask("GET", path)
        assert said.status == 401 and said.json["code"] == "NoSession" and said.json["zh"], path
    assert visitor.get("/api/health")["people"] is None
    own = tier.env | {"FUSIONCMD_PASSWORD": PASSWORD}
    assert run("accounts", "add", "chen", "--place", "4401", "--role", "commander", **own).code == 0
    wrong = visitor.ask("POST", "/api/login", {"name": "chen", "password": "something else"})
    assert wrong.status == 403 and "wrong" in wrong.json["en"] and not visitor.cookie
    right = {"name": "chen", "password": PASSWORD}  # and heard a second after the wrong one
    said = until(lambda: ((found := visitor.ask("POST", "/api/login", right)).status == 200 and found) or None)
    assert (said.json["name"], said.json["path"]) == ("chen", "4401")
    cookie = said.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/api" in cookie
    assert visitor.get("/api/whoami")["name"] == "chen"
    beyond = visitor.ask("POST", "/api/preview", {"audience": {"nodes": ["4403"]}, "status": "exercise"})
    assert beyond.status == 403 and "beyond" in beyond.json["en"]
    kept = visitor.cookie
    assert visitor.ask("POST", "/api/logout").status == 200
    visitor.cookie = kept
    assert visitor.ask("GET", "/api/whoami").status == 401  # ended at the node, not only in the browser


def test_an_order_is_composed_signed_issued_answered_watched_and_cancelled(tier: TierProcess, officer: Visitor) -> None:
    tickets = tickets_of(tier, "440106", 2)
    (first, ticket), *_ = tickets.items()
    shown = officer.post("/api/preview", {"audience": {"nodes": ["440106"]}, "status": "exercise"})
    assert shown["targeted"] > 0 and shown["needs_second"] is False
    ident = issue(officer, tier)
    assert officer.get(f"/api/orders/{ident}")["state"] == "open"
    assert ident in [line["order"]["id"] for line in officer.get("/api/orders")["lines"]]
    events = officer.events(f"/api/orders/{ident}/live?node=440106&node=44")
    begin = [next(events) for _ in range(2)]
    assert sorted((kind, data["node"]) for kind, _, data in begin) == [("tally", "44"), ("tally", "440106")]
    with Handset(tier.terminals, ticket) as phone:
        phone.answer(phone.order("Drill: report."), "here")
        counted = next(data for kind, _, data in events if kind == "tally" and data["tally"]["total"]["answered"])
    assert counted["tally"]["total"]["by_answer"] == [1, 0]
    course = officer.get(f"/api/orders/{ident}/course?node=44&past=3")
    assert course["points"][-1][1:] == [1, 1] and course["rows"][1]["code"] == "4401"
    assert officer.get(f"/api/orders/{ident}/ladder")["steps"] == []
    assert "flood" in [line["name"] for line in officer.get("/api/roles?node=4401&query=flo")["lines"]]
    found = officer.get(f"/api/orders/{ident}/people?standing=answered")
    assert (found["total"], found["people"][0]["number"], found["people"][0]["answer"]) == (1, first, "here")
    name = found["people"][0]["name"]
    assert first in [p["number"] for p in officer.get(f"/api/people?query={quote(name[:2])}&limit=500")["people"]]
    cancel, sealed = officer.compose(
        key_of(tier.data / "keys"), "Over.", "", msg_type="cancel", refs=ident, audience=None, answers=[]
    )
    officer.post("/api/orders", {"sealed": b64(sealed)}, 201)
    ended = next(data for kind, _, data in events if kind == "tally" and data["tally"]["line"]["state"] != "open")
    assert ended["tally"]["line"]["state"] == "cancelled" and ended["tally"]["line"]["successor"] == cancel


def test_two_commanders_who_issue_at_once_both_do_and_one_who_asks_twice_issues_one_order(
    tier: TierProcess, officer: Visitor
) -> None:
    other = Visitor(tier.console_port)
    other.log_in_by_key(key_of(tier.data / "keys"))
    made = [(who, *who.compose(key_of(tier.data / "keys"), "At once.", "440106")) for who in (officer, other)]
    asked = [*made, made[0]]  # the same signed order again, as after a reply that was lost
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda one: one[0].ask("POST", "/api/orders", {"sealed": b64(one[2])}), asked))
    assert [one.status for one in said] == [201, 201, 201], said
    listed = [line["order"]["id"] for line in officer.get("/api/orders")["lines"]]
    assert [listed.count(ident) for _, ident, _ in made] == [1, 1]


def test_a_stream_that_was_cut_goes_on_with_what_is_new(tier: TierProcess, officer: Visitor) -> None:
    ident = issue(officer, tier)
    path = f"/api/orders/{ident}/live"

    def told_two() -> str | None:
        """The id that two newcomers are told alike, once the new order's tally has come to rest."""
        (kind, heard, _), (_, again, _) = (next(officer.events(path)) for _ in range(2))
        assert kind == "tally"
        return heard if again == heard else None

    heard = until(told_two)  # who heard nothing is told what is so
    over, sealed = officer.compose(
        key_of(tier.data / "keys"), "Over.", "", msg_type="cancel", refs=ident, audience=None, answers=[]
    )
    officer.post("/api/orders", {"sealed": b64(sealed)}, 201)
    _, new, data = next(officer.events(path, Last_Event_ID=heard))
    assert new != heard and data["tally"]["line"]["successor"] == over


def test_a_stream_ends_with_its_session(tier: TierProcess, officer: Visitor) -> None:
    ident = issue(officer, tier)
    events = officer.events(f"/api/orders/{ident}/live")
    next(events)
    officer.ask("POST", "/api/logout")
    assert [data["code"] for kind, _, data in events if kind == "ended"] == ["NoSession"]


def test_two_commanders_send_an_actual_order_to_many_and_one_alone_does_not(tier: TierProcess, tmp_path: Path) -> None:
    actual, deputy = key_of(tier.data / "keys", "actual"), key_of(make_deputy(tier.data / "keys", tmp_path), "actual")
    one, other = Visitor(tier.console_port), Visitor(tier.console_port)
    one.log_in_by_key(actual)
    other.log_in_by_key(deputy)
    ident, sealed = one.compose(actual, "Flood.", "4401")
    refused = one.ask("POST", "/api/orders", {"sealed": b64(sealed)})
    assert (refused.status, refused.json["code"]) == (400, "SecondNeeded")
    assert one.post("/api/proposals", {"sealed": b64(sealed)}, 201)["order"]["id"] == ident
    waiting = other.get("/api/proposals")["proposals"]
    assert [p["order"]["id"] for p in waiting] == [ident]
    approved = seals.approve(b64decode(waiting[0]["sealed"]), deputy)
    assert other.post("/api/orders", {"sealed": b64(approved)}, 201)["order"]["id"] == ident
    again, sealed = one.compose(actual, "Flood again.", "4401")
    one.post("/api/proposals", {"sealed": b64(sealed)}, 201)
    assert other.ask("DELETE", f"/api/proposals/{again}").json["order"]["id"] == again
    assert other.get("/api/proposals")["proposals"] == []


def test_what_is_too_large_of_a_wrong_kind_or_from_elsewhere_is_refused_in_one_sentence(
    tier: TierProcess, officer: Visitor
) -> None:
    tens = officer.ask("POST", "/api/compose", {
        "id": "0" * 26, "status": "exercise", "issuer": "x", "node": "44", "text": "水" * 12_000,
        "audience": {"nodes": ["44"]},
    })  # fmt: skip
    assert tens.status in (400, 413) and tens.json["zh"] and len(tens.json["en"]) < 200, tens
    picture = Visitor(tier.console_port, officer.cookie, {"Content-Length": str(50 * 1024**2)})
    assert (said := picture.ask("POST", "/api/orders", b"\x89PNG")).status == 413 and "64 KB" in said.json["en"]
    wrong = officer.ask("POST", "/api/orders", b"\x89PNG", Content_Type="image/png")
    assert wrong.status == 400 and "image/png" in wrong.json["en"]
    elsewhere = officer.ask("POST", "/api/logout", None, Origin="https://evil.example")
    assert elsewhere.status == 403 and officer.ask("GET", "/api/whoami").status == 200
    for path, status in (("/api/orders/nonsense", 400), (f"/api/orders/{'0' * 26}", 404), ("/api/nothing", 404),
                         ("/api/people?limit=99999", 400), ("/api/people?node=abc", 400)):  # fmt: skip
        said = officer.ask("GET", path)
        assert said.status == status and said.json["en"] and said.json["zh"], (path, said)
    many = "&".join(f"node=44{i:02}" for i in range(bounds.WATCHED_NODES_MAX + 1))
    assert officer.ask("GET", f"/api/orders/{'0' * 26}/live?{many}").status == 400


def test_pages_and_answers_carry_a_policy_and_the_vocabulary_is_described(tier: TierProcess, officer: Visitor) -> None:
    said = officer.ask("GET", "/api/health")
    assert "script-src 'self';" in said.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in said.headers["content-security-policy"]
    assert said.headers["x-content-type-options"] == "nosniff"
    schema = officer.get("/schema/openapi.json")
    described = {"/api/orders", "/api/login", "/api/orders/{order}/tally", "/api/video", "/api/video/rolls/{roll}"}
    assert described <= set(schema["paths"])
    assert not officer.get("/api/video")["carried"] and officer.get("/api/video/rolls")["lines"] == []
    assert officer.ask("POST", "/api/video/rolls", {"places": ["x"]}).status == 400
    tree = officer.ask("GET", "/api/divisions.csv").body.decode().splitlines()
    assert len(tree) > 28_000 and tree[0].startswith("44,")
    assert [place["code"] for place in officer.get("/api/divisions?node=440106")][:1] == ["440106001"]


def test_an_order_is_exported_as_lines_and_on_paper(tier: TierProcess, officer: Visitor) -> None:
    ident = issue(officer, tier, "4401")
    lines = officer.ask("GET", f"/api/orders/{ident}/people.csv")
    meant = officer.get(f"/api/orders/{ident}")["targeted"]
    assert lines.body.startswith(b"\xef\xbb\xbfnumber,id,name") and lines.body.count(b"\n") == meant + 1
    after = officer.get(f"/api/orders/{ident}/after")
    assert after["silent"]["total"] == meant and sum(row["targeted"] for row in after["tally"]["below"]) == meant
    paper = officer.ask("GET", f"/api/orders/{ident}/after.pdf")
    assert paper.headers["content-type"] == "application/pdf" and paper.body.startswith(b"%PDF-")
    assert b"/FontFile2" in paper.body or b"STSong" in paper.body  # as this machine has a Chinese font, or none


def test_an_auditor_reads_what_was_decided_and_is_told_that_the_chain_holds(tier: TierProcess) -> None:
    assert run(
        "accounts", "add", "lin", "--place", "44", "--role", "auditor",
        **tier.env | {"FUSIONCMD_PASSWORD": PASSWORD},
    ).code == 0  # fmt: skip
    auditor = Visitor(tier.console_port)
    auditor.post("/api/login", {"name": "lin", "password": PASSWORD})
    newest = auditor.get("/api/audit/entries?deed=login&limit=1")["lines"][0]
    assert newest["entry"]["actor"] == "lin"
    assert {line["entry"]["deed"] for line in auditor.get("/api/audit/entries?deed=account")["lines"]} == {"account"}
    proof = until(lambda: (found := auditor.get("/api/audit/proof"))["whole"] and found)
    assert proof["broken"] is None and proof["entries"] >= newest["number"] and proof["pages"]
    assert auditor.ask("POST", "/api/preview", {"audience": {"nodes": ["44"]}, "status": "exercise"}).status == 403


def test_the_console_is_started_again_and_goes_on(tier: TierProcess, officer: Visitor) -> None:
    ident = issue(officer, tier, text="Still there?")
    with Handset(tier.terminals, next(iter(tickets_of(tier, "440106", 1).values()))) as phone:
        phone.answer(phone.order("Still there?"), "here")
    path = f"/api/orders/{ident}/course"
    before = until(lambda: officer.get(path)["points"])
    os.kill(tier.child("gateways.console"), signal.SIGKILL)

    def back() -> bool:
        try:
            return officer.ask("GET", "/api/whoami").status == 200  # the session is the node's, and outlives it
        except OSError:
            return False

    assert until(back, 20.0)
    assert officer.get(path)["points"][: len(before)] == before  # the node keeps them
