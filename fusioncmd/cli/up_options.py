"""The options of `fusioncmd up`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fusioncmd import limits
from fusioncmd.cli.completion import complete_place
from fusioncmd.words import say


def _option(metavar: str, en: str, zh: str, complete: Callable[..., Any] | None = None) -> Any:
    return typer.Option(metavar=metavar, help=say(en, zh), autocompletion=complete)


def _port(en: str, zh: str) -> Any:
    return typer.Option(min=1, max=65_535, metavar="PORT", help=say(en, zh))


def _flag(name: str, en: str, zh: str) -> Any:
    return typer.Option(name, help=say(en, zh))


NodeOption = Annotated[
    str,
    _option(
        "PLACE", "The tier node's place (default: the province).", "本节点所在地点（默认为省级）。", complete_place
    ),
]
DataOption = Annotated[
    Path | None,
    _option(
        "FOLDER",
        "Where its files are kept (default: FUSIONCMD_DATA, else ~/.fusioncmd/CODE).",
        "数据目录（默认为 FUSIONCMD_DATA，否则 ~/.fusioncmd/代码）。",
    ),
]
NatsOption = Annotated[
    str | None,
    _option(
        "URL", "Join this NATS server; of a cluster: URL,URL,URL.", "加入已运行的 NATS 服务器；集群：URL,URL,URL。"
    ),
]
BusKeyOption = Annotated[
    Path | None, _option("FOLDER", "With --nats: the keys of its users.", "与 --nats 同用：总线密钥目录。")
]
OpenBusOption = Annotated[
    bool,
    _flag(
        "--open-bus", "With --nats: that server lets everyone in, which is meant.", "与 --nats 同用：该服务器不设限。"
    ),
]
NatsHostOption = Annotated[
    str, _option("ADDRESS", "Where the own NATS server listens; beyond loopback with TLS only.",
                 "自带 NATS 服务器监听地址；非本机地址须用 TLS。")
]  # fmt: skip
NatsPortOption = Annotated[int, _port("Port of the own NATS server.", "自带 NATS 服务器端口。")]
NatsServerOption = Annotated[str | None, _option("FILE", "Another nats-server program.", "指定 nats-server 程序。")]
TlsCertOption = Annotated[Path | None, _option("FILE", "The NATS server's certificate.", "NATS 服务器证书。")]
TlsKeyOption = Annotated[Path | None, _option("FILE", "Its private key.", "证书私钥。")]
TlsCaOption = Annotated[Path | None, _option("FILE", "Who vouches for the certificate.", "签发该证书的 CA 证书。")]
HostOption = Annotated[str, _option("ADDRESS", "Where terminals connect.", "终端接入地址。")]
PortOption = Annotated[int, _port("Port for terminals.", "终端接入端口。")]
GatewaysOption = Annotated[
    int, typer.Option(min=1, max=64, metavar="NUMBER", help=say("Gateway processes.", "网关进程数。"))
]
ProxiedOption = Annotated[
    bool,
    _flag(
        "--proxied",
        "Terminals come through proxies that speak the PROXY protocol.",
        "终端经由支持 PROXY 协议的代理接入。",
    ),
]
TrustOption = Annotated[
    list[str] | None,
    _option("NETWORK", "A proxy's address or network (default: loopback).", "代理的地址或网段（默认为本机）。"),
]
ConsolePortOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=65_535,
        metavar="PORT",
        help=say("Port of the commander's console; 0: none.", "指挥台端口；0 为不启用。"),
    ),
]
ConsoleHostOption = Annotated[
    str, _option("ADDRESS", "Where the console listens; beyond loopback with --console-proxied only.",
                 "指挥台监听地址；非本机地址须加 --console-proxied。")
]  # fmt: skip
ConsoleProxiedOption = Annotated[
    bool, _flag("--console-proxied", "A proxy with TLS is in front of the console.", "指挥台前置了终结 TLS 的代理。")
]
_second = say("An actual order to more needs two persons.", "实战指令对象超过此人数须两人签署。")
ParentOption = Annotated[
    str | None,
    _option("HOST:PORT", "Where the node above takes links in (see `nodes`).", "上级节点的链路接入地址（见 nodes）。"),
]
ParentCaOption = Annotated[
    Path | None,
    _option(
        "FILE", "Who vouches for the node above (default: as --tls-ca).", "签发上级节点证书的 CA（默认同 --tls-ca）。"
    ),
]
LinksPortOption = Annotated[
    int | None, _port("Port for nodes below; without it none can link.", "供下级节点接入的端口；不指定则不接受。")
]
LinksHostOption = Annotated[
    str, _option("ADDRESS", "Where nodes below come in; beyond loopback with TLS only.",
                 "供下级节点接入的地址；非本机地址须用 TLS。")
]  # fmt: skip
SatelliteOption = Annotated[
    str | None, _option("HOST:PORT", "Where the node above takes kits in over a satellite, in place of --parent.",
                        "上级节点的卫星链路接入地址，代替 --parent。")
]  # fmt: skip
SatelliteRateOption = Annotated[
    str, _option("RATE", "What the satellite link takes, bits/s, such as 64k.", "卫星链路速率（比特/秒），例如 64k。")
]
SatelliteWaysOption = Annotated[
    str | None, _option("WAYS", "Ways to the node above, best first: satellite=192.168.1.2@64k,4g=10.0.0.5@2M.",
                        "至上级的多条通路，优先者在前：satellite=192.168.1.2@64k,4g=10.0.0.5@2M。")
]  # fmt: skip
SatellitePortOption = Annotated[
    int | None, _port("Port for kits over satellites (UDP); without it none can come in.",
                      "供便携站经卫星接入的端口（UDP）；不指定则不接受。")
]  # fmt: skip
SatelliteHostOption = Annotated[str, _option("ADDRESS", "Where kits come in.", "便携站接入地址。")]
RadioOption = Annotated[
    int | None, _port("Port for radios (SIP by UDP and TCP); without it there are none.",
                      "电台接入端口（SIP，UDP 与 TCP）；不指定则不启用。")
]  # fmt: skip
RadioHostOption = Annotated[str, _option("ADDRESS", "Where radios come in.", "电台接入地址。")]
RadioTlsOption = Annotated[
    int | None, _port("Port for radios by TLS, with the server's certificate.", "电台 TLS 接入端口，使用服务器证书。")
]
VoiceOption = Annotated[
    bool,
    typer.Option(
        "--voice",
        help=say("Arbitrate and record talkgroups, also without radios here.", "无本地电台时也裁决并录制通话组。"),
    ),
]
VideoOption = Annotated[
    int | None, _port("Port where browsers join talkgroups (HTTP; sound by UDP); without it they cannot.",
                      "浏览器加入通话组的端口（HTTP，语音走 UDP）；不指定则不启用。")
]  # fmt: skip
VideoHostOption = Annotated[
    str, _option("ADDRESS", "Where browsers' sound comes in: an address of this machine.", "浏览器语音接入地址。")
]  # fmt: skip
VideoUrlOption = Annotated[
    str | None, _option("URL", "What pages reach that port by, where a proxy with TLS is in front.",
                        "前置 TLS 代理时，页面访问该端口所用的地址。")
]  # fmt: skip
CamerasOption = Annotated[
    str | None, _option("PORTS", "Take in cameras; ports that drones push to, such as 8710-8719, or 0.",
                        "接入摄像头；供无人机推流的端口，例如 8710-8719，无则为 0。")
]  # fmt: skip
CameraHostOption = Annotated[str, _option("ADDRESS", "Where drones push to: an address of this machine.", "推流地址。")]
TracksOption = Annotated[
    str | None, _option("WAYS", "Where units come in with their positions: mavlink=PORT (UDP), cot=PORT (TAK; TCP and "
                        "UDP), host=ADDRESS, from=NETWORK, by commas.",
                        "位置接入：mavlink=端口（UDP）、cot=端口（TAK，TCP/UDP）、host=地址、from=网段，以逗号分隔。")
]  # fmt: skip
AlarmsOption = Annotated[
    str | None, _option("WAYS", "Take in alarms: http=PORT (CAP, hooks), mqtt=PORT (sensors), host=ADDRESS; or feeds.",
                        "接收预警：http=端口（CAP、推送）、mqtt=端口（传感器）、host=地址；或 feeds（仅轮询）。")
]  # fmt: skip
SeenOption = Annotated[
    str | None, _option("SOURCES", "Look for smoke and fire on these sources; all: cameras that are pulled.",
                        "在这些视频源上识别烟火，以逗号分隔；all 为全部拉流摄像头。")
]  # fmt: skip
KeepGibOption = Annotated[
    int, typer.Option(min=0, max=1 << 20, metavar="GIB", help=say("With --video: record so much at most; 0: nothing.",
                                                                 "与 --video 同用：录像上限；0 为不录像。"))
]  # fmt: skip
KeepDaysOption = Annotated[
    int, typer.Option(min=1, max=3_650, metavar="DAYS", help=say("And so long.", "录像保存天数。"))
]
SecondAboveOption = Annotated[
    int, typer.Option(min=0, max=limits.SECOND_PERSON_PEOPLE_MAX, metavar="PEOPLE", help=_second)
]  # fmt: skip
ModemOption = Annotated[
    str | None, _option("DEVICE", "The last line: a BeiDou terminal at this serial port, such as /dev/ttyUSB0.",
                        "末级链路：接北斗短报文终端的串口，例如 /dev/ttyUSB0。")
]  # fmt: skip
PlaintextOption = Annotated[
    bool, _flag("--plaintext", "Terminals may come from elsewhere without TLS.", "允许其他机器上的终端不加密接入。")
]
