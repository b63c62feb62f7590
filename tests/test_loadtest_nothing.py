"""Load tests that measured nothing do not pass: no clips, pictures that nobody saw, points on another map."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from loadtest import alarms
from loadtest.output import Result
from loadtest.smoke.scenario import Told, _sum, watch

NOTHING = Told(lasted_s=80.0, pictures=80)


def test_smoke_without_clips_or_of_which_nothing_decodes_is_a_failure() -> None:
    for found, said in (([NOTHING], []), ([], ["There are no clips."]), ([Told(pictures=9, undecoded=2)], ["2 pict"])):
        result = Result("smoke", {})
        _sum(result, [((), "nothing", each) for each in found])
        assert [line[: len(words)] for line, words in zip(result.failures, said, strict=True)] == said


def test_a_clip_that_does_not_decode_is_no_quiet_clip() -> None:
    told = watch((float(n), b"no keyframe") for n in range(5))
    assert (told.pictures, told.undecoded, told.blind) == (5, 5, 5) and not told.first_s


@pytest.mark.parametrize(("west", "fails"), [(None, False), (-120.0, True)])
def test_points_that_lie_on_no_map_are_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, west: float | None, fails: bool
) -> None:
    monkeypatch.setattr(alarms, "LOOKUPS", 200)
    given, result = argparse.Namespace(counties=None, towns=None, seed=1), Result("alarms", {})
    if west is not None:
        ring = [[west, 40.0], [west + 1, 40.0], [west + 1, 41.0], [west, 41.0], [west, 40.0]]
        square = {"type": "Polygon", "coordinates": [ring]}
        feature = {"type": "Feature", "properties": {"code": "440106"}, "geometry": square}
        given.counties = tmp_path / "far.json"
        given.counties.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    alarms._lookups(result, tmp_path / "map", given)
    assert bool(result.failures) == fails
