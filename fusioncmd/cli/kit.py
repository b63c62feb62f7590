"""`kit`: a tier node for a unit in the field, all of it on one small computer, by one command.

It begins where it was: what it was told at the first start lies beside its data. It needs no link to start. Joined once
to a tier above it commands its own place for as long as that grant lasts, whether it hears of anybody or not.
"""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fusioncmd import keys, tls
from fusioncmd.bus import users
from fusioncmd.cli import kit_clock, kit_plan, kit_screen, shell
from fusioncmd.cli.at_tier import DataOption
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.key_options import now_ms, read_file, write_file
from fusioncmd.cli.kit_plan import Settings
from fusioncmd.cli.up import until_stopped
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.trust import joining, requests, ring
from fusioncmd.words import say

REQUEST = "join.json"  # in the folder: what was asked for

app = typer.Typer(
    rich_markup_mode=None,
    help=say("A field kit: all of a tier on one small computer.", "四合一装备：单机运行本级全部功能。"),
)
_kit = say("The kit's place: code or name.", "装备所属地点：代码或名称。")
NodeOption = Annotated[str, typer.Option("--node", metavar="PLACE", autocompletion=complete_place, help=_kit)]
_hub = say("Where the node above takes kits in over a satellite.", "上级节点的卫星接入地址。")
HubOption = Annotated[str | None, typer.Option("--hub", metavar="HOST:PORT", help=_hub)]
_rate = say("What the satellite link takes, bits/s (64k).", "卫星链路速率（比特/秒，默认 64k）。")
RateOption = Annotated[str | None, typer.Option("--rate", metavar="RATE", help=_rate)]
_ways = say(
    "Ways to it, best first: satellite=192.168.1.2@64k,4g=10.0.0.5@2M.",
    "多条通路，优先者在前：satellite=192.168.1.2@64k,4g=10.0.0.5@2M。",
)
WaysOption = Annotated[str | None, typer.Option("--ways", metavar="WAYS", help=_ways)]
_parent = say("The node above, on an ordinary network.", "上级节点（普通网络）。")
ParentOption = Annotated[str | None, typer.Option("--parent", metavar="HOST:PORT", help=_parent)]
_site = say(
    "Its address on the network of those on site; they come by TLS.", "装备在现场网络中的地址；现场人员经 TLS 接入。"
)
SiteOption = Annotated[str | None, typer.Option("--site", metavar="ADDRESS", help=_site)]
_disk = say("For all that it keeps (default: most of the disk).", "全部数据的磁盘配额（默认占用大部分空间）。")
DiskOption = Annotated[int | None, typer.Option("--disk-gib", min=0, max=1 << 20, metavar="GIB", help=_disk)]
RadioOption = Annotated[bool | None, typer.Option("--radio/--no-radio", help=say("Radios, by SIP.", "电台（SIP）。"))]
_modem = say("The serial line of a terminal for short messages.", "短报文终端的串口。")
ModemOption = Annotated[str | None, typer.Option("--modem", metavar="LINE", help=_modem)]
_media = say("Voice, video and the drone.", "语音、视频与无人机。")
MediaOption = Annotated[bool | None, typer.Option("--media/--no-media", help=_media)]
_alone = say("Under nobody: with a root key of its own.", "不隶属任何上级，使用自己的根密钥。")
AloneOption = Annotated[bool | None, typer.Option("--alone/--joined-above", help=_alone)]
_port = say("The first of its ports.", "端口段起始端口。")
FirstPortOption = Annotated[int | None, typer.Option("--first-port", min=1, max=65_000, metavar="PORT", help=_port)]
NatsPortOption = Annotated[
    int | None,
    typer.Option(
        "--nats-port", min=1, max=65_535, metavar="PORT", help=say("Of its own NATS server.", "自带 NATS 端口。")
    ),
]
_joined = say("What the tier above granted.", "上级的批复文件。")
JoinedOption = Annotated[Path | None, typer.Option("--joined", metavar="FILE", help=_joined)]


@app.callback(invoke_without_command=True)
def kit(
    context: typer.Context,
    node: NodeOption = "",
    data: DataOption = None,
    hub: HubOption = None,
    rate: RateOption = None,
    ways: WaysOption = None,
    parent: ParentOption = None,
    site: SiteOption = None,
    disk_gib: DiskOption = None,
    radio: RadioOption = None,
    modem: ModemOption = None,
    media: MediaOption = None,
    alone: AloneOption = None,
    joined: JoinedOption = None,
    first_port: FirstPortOption = None,
    nats_port: NatsPortOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Run the kit, until Ctrl-C. What is given is kept for the next start."""
    if context.invoked_subcommand is not None:
        return
    given = {
        "hub": hub, "rate": rate, "ways": ways, "parent": parent, "site": site, "disk_gib": disk_gib,
        "radio": radio, "modem": modem, "media": media, "alone": alone,
        "first_port": first_port, "nats_port": nats_port,
    }  # fmt: skip

    async def go() -> None:
        home, settings = _settled(node, data, divisions, given)
        keys.claim(home, settings.node)
        kit_plan.check_disk(settings, home)
        if joined is not None:
            _take(home, settings, joined)
        elif not settings.alone and not joining.above(home):
            raise _not_joined(home, settings)
        tell = kit_screen.teller(as_json)
        if wrong := kit_clock.begin(home):
            tell(wrong)
        _secure(settings, home)
        kit_plan.write(home, settings)
        tier = kit_plan.tier_of(settings, home, divisions)
        places = shell.load_divisions(divisions)
        name = places.full_name(places.find(settings.node))

        async def beside() -> None:
            await kit_screen.tell_ready(tier, settings, name, as_json, tell)
            await asyncio.gather(kit_screen.follow(tier, tell), kit_clock.keep(home))

        await until_stopped(tier, as_json, lambda: None, beside)

    shell.run(go(), as_json)


@app.command(help=say("On the kit, once: make its keys, and ask the tier above to let it join.",
                      "在装备上执行一次：生成密钥并申请加入上级。"))  # fmt: skip
def prepare(
    node: NodeOption = "",
    data: DataOption = None,
    hub: HubOption = None,
    rate: RateOption = None,
    ways: WaysOption = None,
    parent: ParentOption = None,
    site: SiteOption = None,
    disk_gib: DiskOption = None,
    radio: RadioOption = None,
    modem: ModemOption = None,
    media: MediaOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help=say("Where to write it.", "输出文件。"))
    ] = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        given = {
            "hub": hub, "rate": rate, "ways": ways, "parent": parent, "site": site, "disk_gib": disk_gib,
            "radio": radio, "modem": modem, "media": media, "alone": False,
        }  # fmt: skip
        home, settings = _settled(node, data, divisions, given)
        keys.claim(home, settings.node)
        _secure(settings, home)  # while somebody is there who knows the time
        kit_plan.write(home, settings)
        places = shell.load_divisions(divisions)
        path = places.find(settings.node)
        if path == places.root:
            raise BadInput("There is nothing above a province to join.", "省级之上没有可加入的节点。")
        asked = home / REQUEST
        if not asked.exists():
            found = joining.ask(ring.folder_of(home), users.folder_of(home), path.code, places.name(path))
            write_file(asked, msgspec.json.encode(found))
        file = out or Path(f"{path.code}.join.json")
        write_file(file, asked.read_bytes())
        if as_json:
            shell.print_json({"request": file, "node": path.code, "data": home})
            return
        for en, zh in (
            (f"Keys were made in {home}; they stay there. Bring {file} to the tier above, and its answer back here:",
             f"已在 {home} 生成密钥，密钥不离开此处。请将 {file} 交给上级，并取回批复："),
            (f"  there:  fusioncmd nodes approve {file.name}", f"  上级：fusioncmd nodes approve {file.name}"),
            (f"  here:   fusioncmd kit --joined {path.code}.joined.json   from then on only: fusioncmd kit",
             f"  本机：fusioncmd kit --joined {path.code}.joined.json   此后只需：fusioncmd kit"),
        ):  # fmt: skip
            shell.say_line(say(en, zh))

    shell.run(go(), as_json)


def _settled(
    node: str, data: Path | None, divisions: Path | None, given: dict[str, str | int | bool | None]
) -> tuple[Path, Settings]:
    """The folder, and the settings as they were with what is given now."""
    if node:
        code = shell.load_divisions(divisions).find(node).code
        home = data or keys.data_folder(code)
    else:
        home, code = data or kit_plan.only_kit(), ""
    known = kit_plan.read(home)
    if known is None:
        if not code:
            raise kit_plan.no_kit()
        known = Settings(code)
    settings = msgspec.structs.replace(known, **{name: value for name, value in given.items() if value is not None})
    if code:
        settings = msgspec.structs.replace(settings, node=code)
    kit_plan.check(settings)
    return home, settings


def _take(home: Path, settings: Settings, file: Path) -> None:
    granted = joining.read_joined(read_file(file))
    if granted.code != settings.node:
        raise BadInput(f"{file} is for {granted.code}, and this kit is {settings.node}.",
                       f"{file} 属于 {granted.code}，而本装备为 {settings.node}。")  # fmt: skip
    if joining.above(home):
        return  # it was taken before
    joining.take(home, granted, now_ms())
    root = requests.root_name(granted.granted)
    shell.err.print(say(f"This root key is trusted here from now on; is it the one that you were told? {root}",
                        f"自此信任以下根密钥，请核对：{root}"), soft_wrap=True)  # fmt: skip


def _not_joined(home: Path, settings: Settings) -> NotFound:
    asked = (home / REQUEST).exists()
    en = "bring the tier above's answer: fusioncmd kit --joined FILE" if asked else "fusioncmd kit prepare"
    zh = "请取回上级批复后执行 fusioncmd kit --joined 文件" if asked else "请执行 fusioncmd kit prepare"
    return NotFound(
        f"No tier above has approved the kit {settings.node} yet: {en}. To work under nobody: fusioncmd kit --alone",
        f"上级尚未批准本装备 {settings.node}：{zh}。如不隶属上级：fusioncmd kit --alone",
    )


def _secure(settings: Settings, home: Path) -> None:
    """A certificate for its address on site, where nobody put one there."""
    if not settings.site:
        return
    if not (home / "tls" / tls.SERVER).exists():
        tls.make(home / "tls", (settings.site,), datetime.datetime.now(datetime.UTC))
    front = kit_plan.front_of(settings, home)
    assert front is not None
    front.write()
