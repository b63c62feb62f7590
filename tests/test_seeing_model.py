"""The slot for a detector that was learned: ONNX models that really run, and sentences for what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusioncmd.cli import seen_way
from fusioncmd.cli.seen_way import Seen, seen_of
from fusioncmd.errors import BadInput
from gateways.seeing.__main__ import _arguments
from gateways.seeing.detector import LIKELY, POSSIBLE
from gateways.seeing.model import KEPT, read_model
from gateways.seeing.onnx_shape import input_shape
from tests.onnx_files import boxes, mean_colour


def plain(*colour: int) -> np.ndarray:
    return np.full((24, 48, 3), colour, np.uint8)


def test_a_model_that_classifies_says_what_it_learned_after_several_pictures() -> None:
    detector = read_model(mean_colour())()
    assert detector.size(640, 320) == (48, 24)
    scores = [{each.event: each.score for each in detector.look(n, plain(250, 20, 20))} for n in range(KEPT)]
    assert scores[0]["fire"] < POSSIBLE and scores[-1]["fire"] > LIKELY and scores[-1]["smoke"] < 0.1
    for n in range(KEPT):
        seen = detector.look(KEPT + n, plain(20, 20, 250))
    assert seen[0].event == "smoke" and seen[0].score > LIKELY and seen[0].box == (0.0, 0.0, 1.0, 1.0)


def test_a_model_that_finds_says_where() -> None:
    detector = read_model(boxes())()
    for n in range(KEPT):
        seen = detector.look(n, plain(9, 9, 9))
    found = {each.event: each for each in seen}
    assert found["smoke"].score == pytest.approx(1.0) and found["fire"].score == pytest.approx(0.9)
    assert found["smoke"].box == (0.0, 0.0, 0.5, pytest.approx(16 / 24))
    assert found["fire"].box == (0.5, pytest.approx(16 / 24), 1.0, 1.0)


def test_each_source_has_its_own_memory_of_one_model() -> None:
    make = read_model(mean_colour())
    one, other = make(), make()
    for n in range(KEPT):
        one.look(n, plain(250, 20, 20))
    assert max(each.score for each in other.look(0, plain(20, 20, 250))) < POSSIBLE


def test_a_picture_of_which_a_model_says_nonsense_is_not_looked_at_and_ends_nobody() -> None:
    detector = read_model(mean_colour(weights=((0, 2), (0, 0), (0, 0)), sigmoid=False))()
    for n in range(KEPT):
        seen = detector.look(n, plain(80, 0, 0))
    assert seen and seen[0].event == "fire" and 0.5 < seen[0].score < 1
    assert detector.look(KEPT, plain(250, 0, 0)) is None  # 1.7 is no probability
    assert detector.look(KEPT + 1, plain(80, 0, 0)) == seen


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no ONNX model"), (b"\x00" * 64, "no ONNX model"), (b"GIF89a" * 9, "no ONNX model"),
        (mean_colour()[:40], "no ONNX model"), (mean_colour((1, 3, 0, 48)), "1 × 3 × 0 × 48"),
        (mean_colour((1, 1, 32, 32)), "1 × 1 × 32 × 32"), (mean_colour((1, 3, 4_000, 4_000)), "4000"),
        (mean_colour(weights=((1, 0, 0), (0, 1, 0), (0, 0, 1))), r"\(1, 3\)"),
    ],
)  # fmt: skip
def test_what_is_no_such_model_is_refused_with_what_it_is(data: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_model(data)


def test_no_bytes_of_a_torn_file_do_more_than_be_refused() -> None:
    whole = mean_colour()
    for at in range(0, len(whole), 7):
        for torn in (whole[:at], whole[:at] + b"\xff" + whole[at + 1 :]):
            try:
                assert len(input_shape(torn)) <= 4
            except BadInput as problem:
                assert problem.en == "This is no ONNX model."


def test_a_model_in_the_data_folder_is_taken_and_a_bad_one_ends_the_gateway_with_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "seeing.onnx"
    assert _arguments(file) == ()
    file.write_bytes(mean_colour())
    assert _arguments(file) == ("--model", str(file))
    file.write_bytes(b"GIF89a")
    with pytest.raises(BadInput, match="no ONNX model"):
        _arguments(file)


def test_what_is_looked_at_is_named_or_all_and_needs_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen_of(None) is None and seen_of("all") == Seen(())
    assert seen_of("440106001.gate-1, 44.01.06.001.gate-2") == Seen(("44.01.06.001.gate-1", "44.01.06.001.gate-2"))
    for wrong in ("gate-1", "", "all,all", "440106001.g ate"):
        with pytest.raises(BadInput):
            seen_of(wrong)
    with pytest.raises(BadInput, match="64 sources at most"):
        seen_of(",".join(["440106001.g"] * 65))
    monkeypatch.setattr(seen_way, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="OpenCV, which is not installed"):
        seen_of("all")
