"""The names of a floor and of a voice on the bus: one talkgroup of one place, and never a place below."""

from __future__ import annotations

import pytest

from fusioncmd.codes import parse
from fusioncmd.errors import BadInput
from fusioncmd.voice import subjects


def test_a_floor_and_a_voice_are_named_by_place_and_talkgroup() -> None:
    assert subjects.floor(parse("440106"), "main") == "fc.floor.44.01.06.main"
    assert subjects.voice(parse("440106001"), "flood-7") == "fc.voice.44.01.06.001.flood-7"


@pytest.mark.parametrize("name", ["", "07", "a.b", "*", ">", "a b", "a" * 33, "村", "main\n"])
def test_a_name_that_would_be_a_place_or_a_wildcard_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        subjects.floor(parse("44"), name)
