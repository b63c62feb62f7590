"""What the console decides itself: how ids and drafts cross, and whose sentence gets which status."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import get_args

import pytest
from msgspec import structs

from fusioncmd import api, ids
from fusioncmd.alarm.alarm import Alarm, Evidence
from fusioncmd.api.alarms import AlarmLine, AlarmsReply
from fusioncmd.api.experts import DrawExperts
from fusioncmd.api.tracks import TrackLine, TracksReply
from fusioncmd.audit.entries import Deed
from fusioncmd.errors import BadInput, Forbidden, NoReply, NoSession, NotFound, Problem, Unsure
from fusioncmd.experts.draw import Need
from fusioncmd.ladder.steps import NAMED
from fusioncmd.messages import Selector
from fusioncmd.track.datum import to_gcj02, to_wgs84
from fusioncmd.track.position import Track, degrees
from fusioncmd.trust.refusals import refusal
from gateways.console.__main__ import with_counties
from gateways.console.alarm_shapes import DrawForm, alarms_shown
from gateways.console.http.pages import Files
from gateways.console.shapes import DraftForm, TooLarge, bytes_of, draft_of, encoded, shown_in, status_of, trouble_of
from tests.web_engines import WEB


def test_a_draft_crosses_with_its_ids_as_text() -> None:
    ident, before = ids.make(1, b"x" * 10), ids.make(0, b"y" * 10)
    form = DraftForm(
        id=ids.to_text(ident), status="exercise", issuer="One", node="44", text="Report.", msg_type="update",
        refs=ids.to_text(before), audience=Selector(("44",)),
    )  # fmt: skip
    made = draft_of(form)
    assert (made.id, made.refs, made.text, made.audience) == (ident, before, "Report.", Selector(("44",)))
    assert json.loads(encoded(made))["id"] == form.id
    assert json.loads(encoded(api.LoggedOut("Zoë"))) == {"name": "Zoë"}
    assert json.loads(encoded(api.Point(500, 2, 1))) == [500, 2, 1]
    assert bytes_of(b64encode(ident).decode()) == ident
    for text in ("*", "A", "中"):
        with pytest.raises(BadInput):
            bytes_of(text)


def test_the_page_offers_the_ladders_that_have_a_name() -> None:
    page = (WEB / "console" / "draft.ts").read_text("utf-8")
    assert all(f'"{name}", "{ladder}"' in page for name, ladder in NAMED.items())


def test_the_page_offers_each_deed_of_the_audit_and_has_a_word_for_it() -> None:
    page = (WEB / "console" / "words.ts").read_text("utf-8")
    (offered,) = re.findall(r"DEEDS = (\[.*?\]);", page)
    assert sorted(json.loads(offered)) == sorted(get_args(Deed))
    words = page.partition("deedWord")[2].partition("[deed]")[0]
    assert all(f"{deed}: say(" in words for deed in get_args(Deed))


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (NoSession("a", "b"), 401), (Forbidden("a", "b"), 403), (NotFound("a", "b"), 404), (TooLarge("a", "b"), 413),
        (BadInput("a", "b"), 400), (NoReply("a", "b"), 503), (Unsure("a", "b"), 504), (Problem("a", "b"), 500),
        (refusal("second_person"), 400),
    ],
)  # fmt: skip
def test_each_problem_has_a_status_and_says_itself_in_both_languages(problem: Problem, status: int) -> None:
    assert status_of(problem) == status
    assert json.loads(trouble_of(problem)) == {"code": problem.code, "en": problem.en, "zh": problem.zh}


def test_pages_that_are_built_later_are_served_once_they_are_there() -> None:
    built: dict[str, bytes] = {}
    files = Files(lambda: dict(built))
    files.look()
    assert files.data == {}
    built["console.html"] = b"page"
    files.look()
    assert files.data == {"console.html": b"page"} and files.tags.keys() == files.data.keys()
    built["console.html"] = b"another"
    files.look()
    assert files.data == {"console.html": b"page"}  # a console that runs serves one build


def test_the_operators_own_counties_take_the_place_of_ours_and_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    ours = {"console.html": b"page", "counties.geojson": b"ours", "counties.geojson.gz": b"packed"}
    assert with_counties(ours, None) is ours
    file = tmp_path / "counties.geojson"
    county = {"code": "440106", "name": "天河区", "city": "4401", "lon": 113.3, "lat": 23.1}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [{"properties": county, "geometry": {}}]}))
    assert with_counties(ours, file) == {"console.html": b"page", "counties.geojson": file.read_bytes()}
    for text in ("", "{}", '{"features": []}', '{"features": [{"properties": {"code": 1}, "geometry": {}}]}'):
        file.write_text(text)
        with pytest.raises(BadInput, match="no GeoJSON"):
            with_counties(ours, file)
    with pytest.raises(BadInput, match="cannot be read"):
        with_counties(ours, tmp_path / "absent")


def test_positions_are_shown_in_the_datum_of_the_map_and_said_in_wgs84() -> None:
    unit = Track("440106", "mav-1", "drone", "mav-1", *degrees(23.1291, 113.3644), 1_795_000_000_000, "mavlink")
    line = TrackLine(
        unit.address, unit.node, unit.unit, unit.kind, unit.title, 23.1291, 113.3644, unit.at_ms, unit.at_ms, "mavlink",
        *[None] * 5, "", None, "", ((23.1, 113.3, 1), (23.1291, 113.3644, 2)),
    )  # fmt: skip
    told = TracksReply(unit.at_ms, 5, True, (line,), 1)
    plain, moved = shown_in(told, "wgs84"), shown_in(told, "gcj02")
    assert plain.shown == (((23.1291, 113.3644), (23.1291, 113.3644), (23.1, 113.3)),)
    assert moved.shown[0][0] == to_gcj02(23.1291, 113.3644) != (23.1291, 113.3644)
    assert moved.lines == plain.lines and (moved.lines[0].lat, moved.lines[0].trail) == (23.1291, ())
    kept = json.loads((WEB / "console" / "public" / "counties.geojson").read_text("utf-8"))
    assert kept["datum"] == "gcj02"  # or the page shows units half a kilometre off


@pytest.mark.parametrize(
    ("lat", "lon"), [(23.1291, 113.3644), (18.2, 109.5), (53.4, 122.3), (39.5, 73.6), (35.0, 139.0)]
)
def test_a_point_touched_on_a_map_is_where_it_is_to_a_centimetre(lat: float, lon: float) -> None:
    assert to_wgs84(*to_gcj02(lat, lon)) == pytest.approx((lat, lon), abs=1e-7)


def test_alarms_are_told_once_where_nothing_is_new_and_shown_where_the_map_has_them() -> None:
    about = Alarm(
        b"a" * 16, "hook.t", "t1", "new", "smoke", "exercise", "severe", "likely", "immediate", 1, 2, ("440106",),
        "Smoke", where=(23.1291, 113.3644), evidence=(Evidence("reading", "0.9"),),
    )  # fmt: skip
    lines = (
        AlarmLine(about, "open", 1, 1, "severe"),
        AlarmLine(structs.replace(about, where=None), "open", 1, 1, "severe"),
    )
    told = alarms_shown(AlarmsReply(lines, 2), "gcj02", 9, "")
    assert told.shown == (to_gcj02(23.1291, 113.3644), None) and told.lines == lines
    assert lines[0].alarm.where == (23.1291, 113.3644)
    again = alarms_shown(AlarmsReply(lines, 2), "gcj02", 10, told.ident)
    assert (again.lines, again.shown, again.ident) == (None, None, told.ident)
    more = AlarmsReply((structs.replace(lines[0], times=2), lines[1]), 2)
    assert alarms_shown(more, "wgs84", 11, told.ident).shown == ((23.1291, 113.3644), None)
    said = json.loads(encoded(told))["lines"][0]["alarm"]
    assert said["id"] == ids.to_text(b"a" * 16) and said["evidence"] == [{"kind": "reading", "what": "0.9"}]


def test_a_draw_is_asked_with_its_ids_as_text() -> None:
    ident, order = ids.make(1, b"x" * 10), ids.make(0, b"y" * 10)
    form = DrawForm(ids.to_text(ident), (Need("gas", 2),), at=(23.1, 113.3), order=ids.to_text(order))
    assert form.asked == DrawExperts(ident, (Need("gas", 2),), at=(23.1, 113.3), order=order)
    assert DrawForm(ids.to_text(ident), (Need("gas", 1),), "4401").asked.order is None
