"""What `fusioncmd kit` is told and remembers, what it says, and the time that it goes by; without starting one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random

import msgspec
import pytest
from typer.testing import CliRunner

from fusioncmd import api
from fusioncmd.cli import kit_clock, kit_plan, kit_screen
from fusioncmd.cli.__main__ import app
from fusioncmd.cli.keys import make_keys
from fusioncmd.cli.kit_front import PATH, Front
from fusioncmd.cli.kit_plan import Settings
from fusioncmd.divisions import guangdong
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.steady import VARIABLE
from loadtest.kept_world import Simulated, World
from loadtest.kit import Clips
from tests.tier_process import Ran, speak

KIT = "440106001"
DAY_S = 86_400.0


def kit(*arguments: object, env: dict[str, str] | None = None) -> Ran:
    done = CliRunner().invoke(app, ["kit", *map(str, arguments)], env={"FUSIONCMD_LANG": "en"} | (env or {}))
    return Ran(done.exit_code, done.stdout, done.stderr)


def prepare(data: Path, *more: object) -> Ran:
    return kit("prepare", "--node", KIT, "--data", data, "--out", data.parent / "asked.json", *more)


def test_what_a_kit_is_told_once_it_knows_at_the_next_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert prepare(data, "--hub", "10.0.0.1:7000", "--site", "10.0.0.2", "--disk-gib", 40).code == 0
    assert kit_plan.read(data) == Settings(KIT, "10.0.0.1:7000", site="10.0.0.2", disk_gib=40)
    assert prepare(data, "--disk-gib", 20).code == 0
    assert kit_plan.read(data) == Settings(KIT, "10.0.0.1:7000", site="10.0.0.2", disk_gib=20)
    assert prepare(data, "--modem", "/dev/ttyUSB0", "--no-media").code == 0
    assert kit_plan.read(data) == Settings(
        KIT, "10.0.0.1:7000", site="10.0.0.2", disk_gib=20, modem="/dev/ttyUSB0", media=False
    )
    first = (tmp_path / "asked.json").read_bytes()
    assert prepare(data).code == 0 and (tmp_path / "asked.json").read_bytes() == first, "the same keys are asked for"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--hub", "10.0.0.1"), "--satellite is HOST:PORT"),
        (("--hub", "10.0.0.1:7000", "--parent", "10.0.0.1:7001"), "--hub and --parent exclude each other"),
        (("--hub", "10.0.0.1:7000", "--rate", "fast"), "--satellite-rate"),
        (("--site", "0.0.0.0"), "one address of this machine"),
        (("--site", "kit.local"), "--site is an address"),
        (("--node", "44"), "nothing above a province"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_is_not_kept(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    data = tmp_path / "data"
    ran = prepare(data, *options)
    assert ran.code == 1 and words in ran.err and len(ran.err.splitlines()) == 1, ran
    assert "--node" in options or not (data / kit_plan.FILE).exists()


def test_a_machine_that_is_no_kit_and_one_that_nobody_let_join_say_what_to_do(tmp_path: Path) -> None:
    nothing = kit(env={"HOME": str(tmp_path), "FUSIONCMD_DATA": ""})
    assert nothing.code == 1 and "fusioncmd kit prepare --node PLACE --hub HOST:PORT" in nothing.err
    data = tmp_path / "data"
    assert (
        "fusioncmd kit prepare. To work under nobody: fusioncmd kit --alone" in kit("--node", KIT, "--data", data).err
    )
    prepare(data)
    assert "fusioncmd kit --joined FILE" in kit("--data", data).err
    (tmp_path / "other.json").write_bytes(b"{}")
    assert "does not say that a node may join" in kit("--data", data, "--joined", tmp_path / "other.json").err
    with pytest.raises(NotFound, match="is no kit yet"):
        raise kit_plan.no_kit()


def test_a_damaged_file_of_settings_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / kit_plan.FILE).write_text('{"node": "440106001", "first_port": 0}')
    with pytest.raises(BadInput, match=r"kit\.json cannot be used"):
        kit_plan.read(tmp_path)


@pytest.mark.skipif(not subprocess.run(["which", "haproxy"], env={"PATH": PATH}, capture_output=True).stdout,
                    reason="haproxy is not installed here")  # fmt: skip
def test_the_front_of_those_on_site_is_one_that_haproxy_takes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = Settings(KIT, site="127.0.0.2")
    from fusioncmd.cli.kit import _secure

    _secure(settings, data)
    front = kit_plan.front_of(settings, data)
    assert isinstance(front, Front)
    done = subprocess.run([*front.argv(), "-c"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "server own 127.0.0.1:8701 send-proxy-v2" in front.text() and "bind 127.0.0.2:8704 ssl" in front.text()
    assert (data / "front" / "tls.pem").stat().st_mode & 0o077 == 0


def test_on_site_everything_that_others_reach_is_tls_but_drones_and_sound(tmp_path: Path) -> None:
    settings = Settings(KIT, site="127.0.0.2", alone=True, radio=True)
    tier = kit_plan.tier_of(settings, tmp_path, None)
    assert (tier.host, tier.way.host, tier.console and tier.console.host) == ("127.0.0.1",) * 3
    assert tier.proxies and tier.console is not None and tier.console.proxied and tier.gateways == 1
    assert tier.video is not None and tier.video.at == "https://127.0.0.2:8705/"
    assert [name for name, _ in tier.commands()] == [
        "nats", "node", "responder-1", "console", "talk", "keep", "radio", "video", "camera", "track", "front",
    ]  # fmt: skip
    assert tier.disk_bytes == 0 and tier.tracks is not None and tier.tracks.peers == ("127.0.0.0/24",)


def test_the_screen_has_a_line_for_each_kind_of_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(KIT, hub="10.0.0.1:7000", alone=True)
    tier = kit_plan.tier_of(msgspec.structs.replace(settings, hub=""), tmp_path, None)
    speak(monkeypatch, "zh")
    lines = kit_screen.screen(tier, settings, "五山街道", "rtmp://127.0.0.1:8710/live/x")
    assert [line.split()[0] for line in lines[1:8]] == [
        "责任人", "为每部手机生成登记码：fusioncmd", "对讲", "位置", "无人机", "指挥台", "链路",
    ]  # fmt: skip


def test_a_link_that_is_another_and_a_new_problem_are_each_told_once() -> None:
    def health(state: str, *problems: str) -> api.HealthReply:
        return api.HealthReply(
            node=KIT, version="", people=0, towns=0, orders=0, reachable=0, gateways=(), ready_s=1.0, caught_up=True,
            now_ms=0, problems=problems, links=(api.LinkLine("440106", state, 0, 620),), problems_zh=problems,  # type: ignore[arg-type]
        )  # fmt: skip

    now, lines = kit_screen.seen(health("up"), "440106", kit_screen.Seen())
    assert lines == ["link to 440106: up (620 ms)"]
    now, lines = kit_screen.seen(health("cut", "It carries nothing, for 11 s"), "440106", now)
    assert lines == ["link to 440106: cut", "problem: It carries nothing, for 11 s"]
    now, lines = kit_screen.seen(health("cut", "It carries nothing, for 12 s"), "440106", now)
    assert lines == []
    assert kit_screen.seen(health("up"), "440106", now)[1] == ["link to 440106: up (620 ms)"]


def test_a_clock_from_before_the_kit_was_made_is_not_believed_and_any_later_one_is(tmp_path: Path) -> None:
    make_keys(tmp_path, KIT, guangdong())
    made_s = kit_clock._granted_s(tmp_path)
    env: dict[str, str] = {}
    assert kit_clock.begin(tmp_path, env, lambda: made_s + 800 * DAY_S, lambda: 100.0) == "" and env == {}
    assert "clock is wrong" in kit_clock.begin(tmp_path, env, lambda: made_s - DAY_S, lambda: 100.0)
    assert float(env[VARIABLE]) == made_s - 100.0, "nothing later is known"
    (tmp_path / kit_clock.FILE).write_text(str(made_s + 5 * DAY_S))
    kit_clock.begin(tmp_path, env, lambda: 0.0, lambda: 100.0)
    assert float(env[VARIABLE]) == made_s + 5 * DAY_S - 100.0
    assert kit_clock.begin(tmp_path, {}, lambda: made_s + DAY_S, lambda: 0.0) == "", "set right, it is not held back"
    assert kit_clock.begin(tmp_path / "new", {}, lambda: 0.0) == "", "it has no key yet"


def test_the_check_of_a_killed_kit_finds_a_segment_that_is_gone_and_one_that_is_another(tmp_path: Path) -> None:
    world = World(tmp_path, "4401", 1_795_000_000_000, 1 << 30)
    source = Simulated(KIT, "p1", Random(1), [], 2, 5_000)
    keeper = world.start()
    for _ in range(60):
        world.turn([source], 1_000)
    keeper.end(world.now_ms)
    clips = Clips(tmp_path)
    clips.look()
    assert len(clips.accepted) >= 4 and clips.lost() == [] and clips.unstated_ms() == 0
    first, second, *_ = clips.accepted.values()
    world.store.file(first).unlink()
    world.store.file(second).write_bytes(b"another")
    assert clips.lost() == [first.id, second.id]
    (index,) = tmp_path.rglob("index")
    lines = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(b"".join(line for line in lines if second.id.encode() not in line))
    assert clips.unstated_ms() > 5_000
    assert json.loads((tmp_path / "video" / "wanted.json").read_text())["chosen"] == ["4401"]
