"""`python -m loadtest dictionary`: what the dictionary of satellite links saves; with --out FILE, a new one is trained.

It is trained from one seed and weighed with letters of another. A new version is a new file in
`gateways/satellite/dictionaries`; those before it stay, for kits that have no newer.
"""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path

from fusioncmd.words import say
from gateways.satellite import dictionary
from loadtest import measure
from loadtest.letters import letters
from loadtest.output import Result, note, show

DICTIONARY_BYTES = 8 * 1024  # twice as much saves 0.3 % more
SAMPLES, WEIGHED = 3_000, 800
ORDER_BYTES_MIN = 1_000  # letters so long have an order in them
AIM_PERCENT = 50


async def main(given: argparse.Namespace) -> int:
    result = Result("dictionary", measure.conditions() | {"seed": given.seed, "version": dictionary.newest()})
    if given.out is not None:
        note(say("letters are made …", "生成样本 …"))
        made = dictionary.train([body for _, body in letters(given.seed, SAMPLES)], DICTIONARY_BYTES)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_bytes(made)
        result.add(say("trained", "已训练"), len(made), "B")
        return show(result, given.json)
    weighed = list(letters(given.seed + 1, WEIGHED))
    rows = {
        say("all", "全部"): [body for _, body in weighed],
        say("those with an order", "含指令"): [body for _, body in weighed if len(body) >= ORDER_BYTES_MIN],
        say("what ends tell", "状态"): [body for kind, body in weighed if kind == "beat"],
    }
    for name, bodies in rows.items():
        plain = sum(map(len, bodies))
        began_s = time.process_time()
        squeezed = sum(min(len(body), len(dictionary.squeeze(body, dictionary.newest()))) for body in bodies)
        each_us = (time.process_time() - began_s) / len(bodies) * 1e6
        result.add(f"{name}: {say('each', '每封')}", plain / len(bodies), "B")
        result.add(f"{name}: {say('squeezed', '压缩后')}", squeezed / len(bodies), "B")
        result.add(f"{name}: zlib", sum(min(len(b), len(zlib.compress(b, 9))) for b in bodies) / len(bodies), "B")
        result.add(f"{name}: CPU", each_us, "µs")
        if bodies is rows[say("all", "全部")] and squeezed * 100 > plain * AIM_PERCENT:
            result.failures.append(f"Squeezed, {squeezed * 100 // plain} % are left: more than {AIM_PERCENT} %.")
    return show(result, given.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, help="train a new one, and write it there")
    parser.add_argument("--seed", type=int, default=1)
