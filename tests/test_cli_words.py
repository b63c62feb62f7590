"""What people type becomes lengths of time, drafts, standings and orders, or one sentence that says what is wrong."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import api, ids, limits
from fusioncmd.cli.asking import chosen
from fusioncmd.cli.durations import clock, seconds, within
from fusioncmd.cli.rows import HEADINGS, answer_index, csv_head, csv_lines, neutral, standing
from fusioncmd.cli.usage import wrong_use
from fusioncmd.errors import BadInput, NotFound, Problem
from fusioncmd.words import either, reason, sentence
from tests.tier_process import speak
from tests.worlds import make_id, make_order


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), (" 10m ", 600), ("2H", 7_200), ("1d", 86_400), ("10分钟", 600), ("2 小时", 7_200),
     ("３分", 180)],
)  # fmt: skip
def test_a_length_of_time_is_read_as_people_write_it(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0m", "-5", "1.5h", "10x", "m", "1 2", "9999999999", "ten", "1m30s"])
def test_what_is_no_length_of_time_is_one_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="is not a length of time; write 90s, 10m, 2h or 1d"):
        seconds(text)


def test_a_length_beyond_the_bound_names_the_option() -> None:
    assert within("7d", "--open-for", limits.ORDER_OPEN_S_MAX) == limits.ORDER_OPEN_S_MAX
    with pytest.raises(BadInput, match="--open-for may be 7 days at most"):
        within("169h", "--open-for", limits.ORDER_OPEN_S_MAX)


@given(st.integers(1, 10**9 - 1), st.sampled_from("smhd"))
def test_every_number_with_a_unit_is_read(number: int, unit: str) -> None:
    assert seconds(f"{number}{unit}") == number * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[unit]


def test_a_clock_is_short_and_becomes_days_when_hours_say_little(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, "en")
    said = [clock(s) for s in (0, 187, 3_600, 47 * 3_600 + 59, 48 * 3_600, 51 * 3_600)]
    assert said == ["0:00", "3:07", "1:00:00", "47:00:59", "2d 0h", "2d 3h"]
    speak(monkeypatch, "zh")
    assert clock(51 * 3_600) == "2天3小时"


def line(n: int, msg_type: str = "alert", at_ms: int = 1_790_000_000_000) -> api.OrderLine:
    return api.OrderLine(make_order(id=make_id(n, at_ms), msg_type=msg_type), "open", None, 1, 0)


LINES = [line(3, "cancel", 1_790_000_200_000), line(2, at_ms=1_790_000_100_000), line(1)]


def test_last_is_the_newest_order_that_is_no_cancel() -> None:
    assert chosen("last", LINES) is LINES[1] and chosen(" LAST ", LINES) is LINES[1]
    with pytest.raises(NotFound, match="`fusioncmd orders` lists them"):
        chosen("last", LINES[:1])


def test_an_order_is_named_by_its_beginning_or_end_in_either_case_as_it_is_shown() -> None:
    name = ids.to_text(LINES[0].order.id)
    misread = name.replace("0", "O").replace("1", "l")
    for part in (name[-6:], name[-6:].lower(), f"…{name[-6:]}", name[:12], name, misread):
        assert chosen(part, LINES) is LINES[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [("01M", "is too short"), ("", "is too short"), ("01M3", "3 orders match 01M3"), ("ZZZZ", "no recent order ZZZZ")],
)
def test_a_part_that_names_no_order_or_several_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        chosen(text, LINES)


@given(st.integers(0, 2), st.integers(4, 26))
def test_the_end_of_an_id_never_names_another_order(which: int, length: int) -> None:
    end = ids.to_text(LINES[which].order.id)[-length:]
    try:
        assert chosen(end, LINES) is LINES[which]
    except BadInput:
        assert sum(ids.to_text(other.order.id).endswith(end) for other in LINES) > 1


def flags(*given_flags: api.Standing) -> dict[api.Standing, bool]:
    names: tuple[api.Standing, ...] = ("silent", "unreachable", "waiting", "sent", "received", "answered", "reported")
    return {name: name in given_flags for name in names}


def test_one_standing_at_a_time_and_an_answer_belongs_to_those_who_answered() -> None:
    assert standing(flags(), False, "") == "targeted" == standing(flags(), True, "")
    assert standing(flags("silent"), False, "") == "silent"
    assert standing(flags(), False, "here") == "answered" == standing(flags("answered"), False, "here")
    for wrong in ((flags("silent", "sent"), False, ""), (flags("sent"), True, ""), (flags("sent"), False, "here"),
                  (flags(), True, "here")):  # fmt: skip
        with pytest.raises(BadInput, match="Choose one standing"):
            standing(*wrong)


def test_an_answer_is_named_by_its_words_or_its_number_and_words_come_first() -> None:
    assert [answer_index(text, ("yes", "1", "no")) for text in ("yes", "1", "2", "3")] == [0, 1, 1, 2]
    for text in ("0", "4", "maybe", "１", ""):
        with pytest.raises(BadInput, match="the answers are: 1 yes, 2 1, 3 no"):
            answer_index(text, ("yes", "1", "no"))
    with pytest.raises(BadInput, match="offers no answers"):
        answer_index("yes", ())


def test_a_csv_file_opens_in_a_spreadsheet_and_runs_nothing() -> None:
    person = api.Person(7, "=1+1", "陈,伟", "+86", "44", '"村"', ("flood", "geology"), True, "answered", "＝here")
    assert csv_head() == "\ufeff" + ",".join(HEADINGS) + "\n"
    assert csv_lines([person]) == """7,'=1+1,"陈,伟",'+86,44,\"""村\""",flood;geology,answered,'＝here,\n"""
    assert [neutral(cell) for cell in ("-1", "@x", "\tx", "a=b", "")] == ["'-1", "'@x", "'\tx", "a=b", ""]


@pytest.mark.parametrize(
    ("typer_says", "en", "zh"),
    [
        ("Missing option '--to'.", "Missing option '--to'. See", "缺少选项 --to。详见"),
        ("Missing argument 'ORDER'.", "Missing argument 'ORDER'. See", "缺少参数 ORDER。详见"),
        ("No such option: --foo", "No such option: --foo. See", "没有选项 --foo。详见"),
        ("No such option: --jsn (Possible options: --json)", "No such option: --jsn", "没有选项 --jsn，可用：--json。"),
        ("Option '--limit' requires an argument.", "Option '--limit'", "选项 --limit 需要一个值。"),
        ("Got unexpected extra argument(s) (foo bar)", "Got unexpected", "多余的参数：foo bar。"),
        ("Invalid value for '--limit': Input should be greater than or equal to 1", "Invalid", "--limit 不得小于 1。"),
        ("Something\n new", "Something new. See `fusioncmd x --help`.", "Something new详见"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_sentence_in_both_languages(typer_says: str, en: str, zh: str) -> None:
    problem = wrong_use(typer_says, "fusioncmd x")
    assert problem.en.startswith(en) and problem.zh.startswith(zh)
    assert problem.en.endswith("See `fusioncmd x --help`.") and problem.zh.endswith("详见 fusioncmd x --help。")


def test_a_refusal_of_the_system_is_told_in_both_languages_where_it_is_known() -> None:
    assert reason(OSError(errno.EACCES, "Permission denied")) == ("Permission denied", "没有权限")
    assert reason(OSError(errno.EXDEV, "Invalid cross-device link"))[1] == "Invalid cross-device link"
    assert reason(OSError("just words")) == ("just words", "just words")


def test_a_problem_is_said_in_the_language_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("It is late.", "太晚了。")
    for lang, words in (("en", "It is late."), ("zh", "太晚了。")):
        speak(monkeypatch, lang)
        assert sentence(problem) == words


@pytest.mark.parametrize(("lang", "zh", "shown"), [("zh", ("坏",), "坏"), ("en", ("坏",), "bad"), ("zh", (), "bad")])
def test_what_a_node_says_is_shown_in_ones_language_and_in_english_where_it_has_no_other(
    monkeypatch: pytest.MonkeyPatch, lang: str, zh: tuple[str, ...], shown: str
) -> None:
    speak(monkeypatch, lang)
    assert list(either(("bad",), zh)) == [shown]
