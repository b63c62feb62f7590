"""`python -m loadtest link`: TCP and UDP through a link that delays, loses, is narrow and is cut; counters at the end.

    python -m loadtest link --listen 127.0.0.1:7001 --to 127.0.0.1:4222 --delay 300ms --loss 1% --rate 256kbit
    python -m loadtest link … --cut 10s+5s --cut up@20s+3s --cut 30s+300ms*10     (a cut, one way, a flap)
    python -m loadtest link … --draw-cuts 60s --seed 7                            (cuts drawn from the seed)
    python -m loadtest link --check                                               (measures the link itself)

*Up* is from who connects to who listens; --down-… is for the other way, where that differs. It runs until --for is
over, or it is interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from random import Random

from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.words import reason, say
from loadtest.link import check
from loadtest.link.link import Link
from loadtest.link.packets import QUEUE_BYTES, Counters, Profile
from loadtest.link.quantities import S, address, rate_bps, share, size_bytes, time_ns
from loadtest.link.schedule import Cut, cut_from, drawn
from loadtest.output import Result, note, show

PROFILE = {  # option, and what it is
    "delay": "one way, such as 300ms",
    "jitter": "above and below the delay; UDP may overtake",
    "loss": "share of packets, such as 1%%; TCP stands until it has gone again",
    "rate": "payload a second, such as 256kbit",
    "burst": "bytes that go at once after a rest",
    "queue": f"bytes that wait for the line ({QUEUE_BYTES // 1024} KiB): UDP beyond is dropped, TCP waits",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:0")
    parser.add_argument("--to", metavar="HOST:PORT")
    parser.add_argument("--carry", choices=("tcp", "udp", "both"), default="tcp")
    for name, what in PROFILE.items():
        parser.add_argument(f"--{name}", help=what)
        parser.add_argument(f"--down-{name}", help=argparse.SUPPRESS)
    parser.add_argument("--cut", action="append", default=[], metavar="[up@|down@]AT+LENGTH[*TIMES[/BETWEEN]]")
    parser.add_argument("--draw-cuts", metavar="TIME", help="cuts drawn from the seed, all healed by then")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cut-resets", action="store_true", help="a cut resets TCP connections")
    parser.add_argument("--cut-refuses", action="store_true", help="who connects while it is cut is reset, not left")
    parser.add_argument("--retry-max", default="120s", help="so long at most TCP stands before it tries again")
    parser.add_argument("--for", dest="length", metavar="TIME")
    parser.add_argument("--check", action="store_true", help="measure delay, rate, loss and cuts of the link itself")


async def main(given: argparse.Namespace) -> int:
    if given.check:
        return show(await check.measured(given.seed), given.json)
    if given.to is None:
        raise BadInput("Say where the link leads: --to 127.0.0.1:4222.", "请指定链路通向何处：--to 127.0.0.1:4222。")
    length_s = None if given.length is None else time_ns(given.length) / S
    listen, cuts = address(given.listen), planned(given)
    up = profile(given, "")
    link = Link(
        address(given.to), up, profile(given, "down_", up), listen=listen, carries=given.carry, cuts=cuts,
        seed=given.seed, cut_resets=given.cut_resets, cut_refuses=given.cut_refuses,
        retry_ns_max=time_ns(given.retry_max),
    )  # fmt: skip
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    try:
        await link.open()
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(
            f"No link could be opened at {given.listen}: {en}.", f"无法在 {given.listen} 建立链路：{zh}。"
        ) from None
    try:
        note(say(f"{listen[0]}:{link.port} → {given.to}", f"{listen[0]}:{link.port} → {given.to}（Ctrl-C 结束）"))
        for cut in cuts:
            note(f"--cut {cut}")
        try:
            await asyncio.wait_for(interrupted.wait(), length_s)
        except TimeoutError:
            note(say("The time is over.", "时间到。"))
        return show(_told(link, given, cuts), given.json)
    finally:
        await link.close()


def profile(given: argparse.Namespace, prefix: str, otherwise: Profile | None = None) -> Profile:
    """From the options; what is not said is as in `otherwise`. Raises BadInput."""
    said = {name: getattr(given, prefix + name) for name in PROFILE}
    was = otherwise or Profile()
    delay_ns = was.delay_ns if said["delay"] is None else time_ns(said["delay"])
    jitter_ns = was.jitter_ns if said["jitter"] is None else time_ns(said["jitter"])
    if jitter_ns > delay_ns:
        raise BadInput("Jitter is above the delay: packets would come before they went.", "抖动不能大于时延。")
    return Profile(
        delay_ns,
        jitter_ns,
        was.loss if said["loss"] is None else share(said["loss"]),
        was.rate_bps if said["rate"] is None else rate_bps(said["rate"]),
        was.burst_bytes if said["burst"] is None else size_bytes(said["burst"]),
        was.queue_bytes if said["queue"] is None else size_bytes(said["queue"]),
    )


def planned(given: argparse.Namespace) -> list[Cut]:
    cuts = [cut_from(text) for text in given.cut]
    if given.draw_cuts is not None:
        cuts += drawn(Random(f"cuts/{given.seed}").random, time_ns(given.draw_cuts))
    return cuts


def _told(link: Link, given: argparse.Namespace, cuts: list[Cut]) -> Result:
    result = Result(
        "link", {"to": given.to, "carry": given.carry, "seed": given.seed, "cuts": " ".join(map(str, cuts))}
    )
    for direction, counters in (("up", link.counters("up")), ("down", link.counters("down"))):
        _count(result, direction, counters)
    if link.tcp is not None:
        result.add("connections", link.tcp.connections)
        result.add("connections refused", link.tcp.refusals)
    if link.udp is not None:
        result.add("UDP peers", link.udp.peers)
        result.add("datagrams that the kernel did not take", link.udp.unsent)
    return result


def _count(result: Result, direction: str, counters: Counters) -> None:
    result.add(f"{direction}: offered", counters.bytes, "B")
    result.add(f"{direction}: carried", counters.carried_bytes, "B")
    result.add(f"{direction}: packets offered", counters.packets)
    result.add(f"{direction}: packets carried", counters.carried_packets)
    result.add(f"{direction}: lost", counters.lost)
    result.add(f"{direction}: lost in a cut", counters.cut_off)
    result.add(f"{direction}: dropped, queue full", counters.overflowed)
    result.add(f"{direction}: sent in vain and again", counters.repeated)
    result.add(f"{direction}: waiting at most", counters.waiting_bytes_max, "B")
    result.add(f"{direction}: cuts", counters.cuts)
