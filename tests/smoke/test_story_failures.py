"""What goes wrong is said in one clear sentence, in the language of the person, with a status that is not 0."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tier_process import Ran, TierProcess, free_port, run, speak

CALL = ("call", "--to", "4401", "--text", "x", "--dry-run")
NOWHERE = f"nats://127.0.0.1:{free_port()}"
ULID = "01M3250V00000G40R40M30E209"
# What is typed, and how the sentence begins in English and in Chinese.
WRONG = [
    (("watch", ULID, "--once"), f"There is no order {ULID}.", f"没有编号为 {ULID} 的指令。"),
    (("cancel", "ABCDEF"), "There is no recent order ABCDEF;", "近期没有指令 ABCDEF；"),
    (("who", "AB"), "'AB' is too short;", "“AB”太短，"),
    (("who", "last", "--silent", "--sent"), "Choose one standing;", "只能选择一种状态；"),
    (("who", "last", "--node", "4499"), "There is no place with the code 4499.", "没有代码为 4499 的地点。"),
    ((*CALL, "--to", "火星镇"), "There is no place called 火星镇.", "没有名为“火星镇”的地点。"),
    ((*CALL, "--to", "东山街道"), "3 places are called 东山街道:", "有 3 个地点名为东山街道："),
    ((*CALL, "--to", "12345"), "'12345' is not an administrative code", "“12345”不是行政区划代码"),
    ((*CALL, "--role", "pilot"), "Nobody has the role 'pilot'; known:", "没有职责“pilot”；已有："),
    ((*CALL[:-1], "--not-to", "4401"), "Nobody is meant: the audience is empty.", "对象为空："),
    ((*CALL, "--answer-within", "soon"), "'soon' is not a length of time;", "“soon”不是时长，"),
    ((*CALL, "--open-for", "8d"), "--open-for may be 7 days at most.", "--open-for 最长为 7 天。"),
    ((*CALL, "--receive-within", "2h", "--answer-within", "1h"), "--receive-within may not exceed", "须满足："),
    ((*CALL, "--severity", "grim"), "'grim' is no severity;", "“grim”不是严重程度，"),
    (
        ("call", "--to", "4401", "--text", " "),
        "--text must have 1 to 2000 characters;",
        "--text 须为 1 至 2000 个字符，",
    ),
    ((*CALL, "--answer", "yes", "--answer", "yes"), "Two answers read the same.", "答复选项重复。"),
    (
        (*CALL[:-1], "--exercise", "--keys", "nowhere"),
        "There is no key for exercise orders in nowhere; ",
        "nowhere 中没有演练指令的密钥；",
    ),
    (("report", "last", "--out", "x.csv"), "--out goes with --csv.", "--out 须与 --csv 连用。"),
    (("ticket", "--id", "nobody"), "There is no person with the id nobody.", "没有编号为 nobody 的人员。"),
    (("ticket", "--node", "4401"), "Say for whom:", "请指明对象："),
    (
        ("roster", "import", "none.csv"),
        "none.csv cannot be read: No such file",
        "无法读取 none.csv：没有该文件或目录。",
    ),
    (("watch",), "Missing argument 'ORDER'. See `fusioncmd watch --help`.", "缺少参数 ORDER。"),
    (("wach", "last"), "No such command 'wach'. Did you mean 'watch'?", "没有命令 wach。是否要用 watch？"),
]

LANGS = ("en", "zh")
NO_NODE = ("orders", "--nats", NOWHERE)
USAGE = (("watch",), ("wach", "last"))  # said by what is around the commands
IN_PROCESSES = [typed for typed, _, _ in WRONG[::4] if typed not in USAGE]


@pytest.fixture(scope="module")
def ran(tier: TierProcess) -> dict[tuple[str, ...], dict[str, Ran]]:
    """Some of what is wrong as somebody types it, side by side, in the one language and the other by turns."""
    tier.ask("call", "--to", "4401", "--role", "flood", "--text", "Any.", "--exercise")
    with ThreadPoolExecutor(4) as pool:
        runs = {
            typed: {lang: pool.submit(tier.cli, *typed, lang=lang) for lang in langs}
            for typed, langs in (
                *((typed, LANGS) for typed in (NO_NODE, *USAGE)),
                *zip(IN_PROCESSES, itertools.cycle(LANGS)),
            )
        }
    return {typed: {lang: run.result() for lang, run in found.items()} for typed, found in runs.items()}


def check(ran: Ran, sentence: str) -> None:
    assert ran.code in (1, 2) and ran.out == ""
    assert ran.err.startswith(sentence), ran.err
    assert ran.err.count("\n") == 1 and ran.err.endswith(("。\n", ".\n", "?\n", "？\n")), ran.err
    assert "Traceback" not in ran.err and not re.search(r"[A-Z]\w+Error", ran.err)


@pytest.mark.parametrize(("typed", "en", "zh"), WRONG, ids=[" ".join(typed)[:60] for typed, _, _ in WRONG])
def test_a_mistake_is_one_sentence_in_either_language(
    tier: TierProcess, ran: dict[tuple[str, ...], dict[str, Ran]], monkeypatch: pytest.MonkeyPatch,
    typed: tuple[str, ...], en: str, zh: str,
) -> None:  # fmt: skip
    for lang, sentence in (("en", en), ("zh", zh)):
        speak(monkeypatch, lang)
        typed_there = ran.get(typed, {})
        check(typed_there[lang] if lang in typed_there else tier.here(*typed), sentence)


def test_a_program_is_told_in_json_what_went_wrong(tier: TierProcess) -> None:
    for typed, code in ((("watch", ULID, "--once"), "NotFound"), (("orders", "--limit", "0"), "BadInput")):
        said = tier.cli(*typed, "--json")
        assert said.code in (1, 2) and said.err == ""
        assert said.json["error"]["code"] == code and said.json["error"]["sentence"].endswith(".")


def test_no_node_there_is_one_sentence(ran: dict[tuple[str, ...], dict[str, Ran]]) -> None:
    runs = ran[NO_NODE]
    check(runs["en"], f"No NATS server answers at {NOWHERE}. Is `fusioncmd up` running?")
    check(runs["zh"], f"{NOWHERE} 没有 NATS 服务器应答。是否已运行 fusioncmd up？")


def test_a_tier_that_cannot_start_says_why_and_leaves_nothing(
    tier: TierProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = ("--port", free_port(), "--nats-port", free_port())
    gone, broken = tmp_path / "nats-server", tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho out of order. >&2\nexit 3\n")
    broken.chmod(0o700)
    tries = (
        (("--port", tier.port), f"Port {tier.port} on 127.0.0.1 cannot be used: Address",
         f"无法使用 127.0.0.1 的端口 {tier.port}：地址已被占用。"),
        (("--data", tier.data), f"Another fusioncmd runs on {tier.data}.",
         f"已有 fusioncmd 在使用 {tier.data}。"),
        (("--nats-server", gone), f"There is no nats-server at {gone}.",
         f"{gone} 处没有 nats-server。"),
        (("--nats", NOWHERE, "--open-bus"), "No NATS server with JetStream answers at ",
         f"{NOWHERE} 没有启用 JetStream"),
        (("--data", "/proc/none"), "/proc/none cannot be written: ", "无法写入 /proc/none：没有该文件或目录。"),
        (("--nats-server", broken), "nats does not start: out of order.", "nats 无法启动：out of order."),
        (("--node", "99"), "There is no place with the code 99.",
         "没有代码为 99 的地点。"),
    )  # fmt: skip
    runs: dict[Future[Ran], str] = {}
    with ThreadPoolExecutor(4) as pool:
        for i, (typed, *sentences) in enumerate(tries):
            lang = LANGS[i % 2]  # by turns; in the other one here, where it takes no process
            up = (run, "up", *ports, *typed)
            runs[pool.submit(*up, lang=lang, FUSIONCMD_DATA=str(tmp_path / f"{lang}{i}"))] = sentences[i % 2]
    for ran, sentence in runs.items():
        check(ran.result(), sentence)
    for i, (typed, *sentences) in enumerate(tries):
        speak(monkeypatch, LANGS[1 - i % 2])
        data = () if "--data" in typed else ("--data", tmp_path / f"here{i}")
        check(tier.here("up", *ports, *data, *typed), sentences[1 - i % 2])
