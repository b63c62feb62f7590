"""`fusioncmd up`: a tier's NATS server, node and gateways, in one command and one terminal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from fusioncmd import limits
from fusioncmd.cli import shell
from fusioncmd.cli import up_options as options
from fusioncmd.cli.alarm_way import alarms_line, alarms_of
from fusioncmd.cli.at_tier import at_tier
from fusioncmd.cli.bus_way import way_of
from fusioncmd.cli.camera_way import cameras_of
from fusioncmd.cli.entrance import address, console_of, page_line, proxies_of, way_in
from fusioncmd.cli.keys import root_key_words
from fusioncmd.cli.linked import linked_way
from fusioncmd.cli.radio_way import radio_of
from fusioncmd.cli.satellite_way import DEFAULT_RATE, satellite_of
from fusioncmd.cli.seen_way import seen_line, seen_of
from fusioncmd.cli.tier import Tier as Tier
from fusioncmd.cli.tier import run_tier as run_tier
from fusioncmd.cli.track_way import tracks_line, tracks_of
from fusioncmd.cli.video_way import video_of
from fusioncmd.errors import Unavailable
from fusioncmd.video.keeping_bounds import KEPT_BYTES_MAX, KEPT_DAYS_MAX
from fusioncmd.words import reason, say


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """One `up` per data folder, which its owner alone may read: it holds keys, names and phones."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data / "lock").open("w")
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{data} cannot be written: {en}.", f"无法写入 {data}：{zh}。") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable(f"Another fusioncmd runs on {data}.", f"已有 fusioncmd 在使用 {data}。") from None
        yield


def up(
    node: options.NodeOption = "", data: options.DataOption = None, divisions: shell.DivisionsOption = None,
    nats: options.NatsOption = None, bus_key: options.BusKeyOption = None, open_bus: options.OpenBusOption = False,
    nats_host: options.NatsHostOption = "127.0.0.1", nats_port: options.NatsPortOption = 4222,
    nats_server: options.NatsServerOption = None, tls_cert: options.TlsCertOption = None,
    tls_key: options.TlsKeyOption = None, tls_ca: options.TlsCaOption = None, host: options.HostOption = "127.0.0.1",
    port: options.PortOption = 8701, gateways: options.GatewaysOption = 2, proxied: options.ProxiedOption = False,
    trust: options.TrustOption = None, plaintext: options.PlaintextOption = False,
    console_port: options.ConsolePortOption = 8702, console_host: options.ConsoleHostOption = "127.0.0.1",
    console_proxied: options.ConsoleProxiedOption = False,
    second_person_above: options.SecondAboveOption = limits.SECOND_PERSON_PEOPLE,
    parent: options.ParentOption = None, parent_ca: options.ParentCaOption = None,
    links_port: options.LinksPortOption = None, links_host: options.LinksHostOption = "127.0.0.1",
    radio: options.RadioOption = None, radio_host: options.RadioHostOption = "127.0.0.1",
    radio_tls: options.RadioTlsOption = None, voice: options.VoiceOption = False, video: options.VideoOption = None,
    video_host: options.VideoHostOption = "127.0.0.1", video_url: options.VideoUrlOption = None,
    cameras: options.CamerasOption = None, camera_host: options.CameraHostOption = "127.0.0.1",
    tracks: options.TracksOption = None, alarms: options.AlarmsOption = None,
    seen: options.SeenOption = None,
    keep_gib: options.KeepGibOption = KEPT_BYTES_MAX // 1024**3, keep_days: options.KeepDaysOption = KEPT_DAYS_MAX,
    satellite: options.SatelliteOption = None, satellite_rate: options.SatelliteRateOption = DEFAULT_RATE,
    satellite_ways: options.SatelliteWaysOption = None, satellite_port: options.SatellitePortOption = None,
    satellite_host: options.SatelliteHostOption = "0.0.0.0", modem: options.ModemOption = None,
    as_json: shell.JsonOption = False,
) -> None:  # fmt: skip
    """Run a tier: NATS server, node, responder gateways and console, until Ctrl-C."""

    async def go() -> None:
        places, path, folder = at_tier(node, data, divisions)
        proxies = proxies_of(host, proxied, trust or (), plaintext)
        way = way_of(nats is not None, folder, nats_host, tls_cert, tls_key, tls_ca, bus_key, open_bus)
        linked = linked_way(
            folder, way, nats is not None, parent, links_host, links_port, parent_ca, satellite is not None,
            satellite_port,
        )  # fmt: skip
        tier = Tier(
            path.code, folder, divisions, nats, nats_port, nats_server, host, port, gateways, proxies,
            second_person_above, way, linked, console_of(console_host, console_port, console_proxied),
            radio_of(folder, radio_host, radio, radio_tls, tls_cert, tls_key), voice,
            video_of(video_host, video, video_url), cameras_of(camera_host, cameras), (keep_gib, keep_days),
            satellite_of(satellite, linked.above, satellite_rate, satellite_ways, satellite_host, satellite_port),
            tracks=tracks_of(tracks), alarms=alarms_of(alarms, folder, plaintext, way.cert is not None),
            seen=seen_of(seen), modem=modem,
        )  # fmt: skip
        name = places.full_name(path)
        await until_stopped(tier, as_json, lambda: _tell_ready(tier, name, as_json))

    shell.run(go(), as_json)


async def until_stopped(
    tier: Tier, as_json: bool, ready: Callable[[], object], beside: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Runs `tier` until a signal comes; when it is ready, `ready` says so, and `beside` runs until the end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with only_one(tier.data):
        starting = asyncio.create_task(run_tier(tier, _tell_err if as_json else _tell))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        supervisor = starting.result()
        told = asyncio.ensure_future(beside()) if beside is not None else None
        try:
            ready()
            await waiting
        finally:
            if told is not None:
                told.cancel()
            await supervisor.stop()


def _tell_ready(tier: Tier, name: str, as_json: bool) -> None:
    if as_json:
        shell.print_json(
            {
                "ready": True, "node": tier.node, "nats": tier.nats_url, "terminals": address(tier),
                "proxied": bool(tier.proxies), "data": tier.data, "console": tier.console.url if tier.console else None,
                "talk": tier.video.url if tier.video else None,
            }
        )  # fmt: skip
        return
    shell.say_line(say(f"{name} ({tier.node}) is ready.", f"{name}（{tier.node}）已就绪。"))
    shell.say_line(way_in(tier))
    if page := page_line(tier):
        shell.say_line(page)
    if tier.console:
        shell.say_line(say(f"  console    {tier.console.url}", f"  指挥台  {tier.console.url}"))
    if tier.radio:
        shell.say_line(say(f"  radios     {tier.radio.url}", f"  电台  {tier.radio.url}"))
    if tier.video:
        shell.say_line(say(f"  talk       {tier.video.url} (browsers)", f"  通话  {tier.video.url}（浏览器）"))
    if tier.cameras:
        shell.say_line(say(f"  cameras    {tier.cameras.words}", f"  摄像头  {tier.cameras.words}"))
    if tier.satellite and tier.satellite.words:
        shell.say_line(say(f"  kits       {tier.satellite.words} (satellite, UDP)",
                           f"  便携站  {tier.satellite.words}（卫星，UDP）"))  # fmt: skip
    if tier.alarms:
        shell.say_line(alarms_line(tier.alarms))
    if tier.seen:
        shell.say_line(seen_line(tier.seen))
    if tier.tracks:
        shell.say_line(tracks_line(tier.tracks))
    shell.say_line(say(f"  bus        {tier.nats_url}", f"  总线  {tier.nats_url}"))
    shell.say_line(say(f"  files      {tier.data}", f"  数据  {tier.data}"))
    if root := root_key_words(tier.data):
        shell.say_line(root)
    shell.say_line(say("Ctrl-C stops everything.", "按 Ctrl-C 停止全部。"))


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # whoever read us is gone; the tier goes on
        shell.say_line(line)


def _tell_err(line: str) -> None:
    with contextlib.suppress(OSError):
        shell.err.print(line, soft_wrap=True)
