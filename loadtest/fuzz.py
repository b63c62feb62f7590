"""`python -m loadtest fuzz`: what strangers send, invented and bent by libFuzzer, and no parser may fail over it.

Coverage-guided (atheris, a development extra), from the torture messages of RFC 4475 on: `--what` is one of sip (a
whole agent, which believes every claim), sdp, stream, rtp, rtcp, floor; of video rtcp-video, h264, vp8 (frames put
together), forward (from a publisher over the bus to a viewer); of alarms cap, cap-feed, hook, mqtt, alarm (as stored).
An exception that is not the parser's own, an input that takes 2 s, or 1 GiB of memory, is a failure; its input is kept
in the folder of `--keep`.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path

from fusioncmd.supervisor import die_with_parent
from loadtest import harness, measure
from loadtest.fuzz_targets import TARGETS, seeds
from loadtest.output import Result, show

INPUT_S_MAX, MEMORY_MIB_MAX = 2, 1_024
INPUT_BYTES_MAX = 4_096
_DONE = re.compile(r"^Done (\d+) runs", re.MULTILINE)
_COVERED = re.compile(r"cov: (\d+)")


async def run(given: argparse.Namespace) -> Result:
    result = Result("fuzz", measure.conditions() | {name: getattr(given, name) for name in ("what", "seconds", "seed")})
    with harness.scratch() as folder:
        for i, seed in enumerate(seeds(given.what)):
            (folder / f"seed-{i}").write_bytes(seed)
        keep = given.keep or folder
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "loadtest.fuzz_process", given.what, str(folder),
            f"-max_total_time={given.seconds}", f"-seed={given.seed}", f"-max_len={INPUT_BYTES_MAX}",
            f"-timeout={INPUT_S_MAX}", f"-rss_limit_mb={MEMORY_MIB_MAX}", f"-artifact_prefix={keep}/",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, preexec_fn=die_with_parent,
        )  # fmt: skip
        out, _ = await process.communicate()
    said = out.decode("utf-8", "replace")
    if (done := _DONE.search(said)) is not None:
        result.add("inputs", int(done[1]))
    if covered := _COVERED.findall(said):
        result.add("branches reached", int(covered[-1]))
    if process.returncode != 0 or done is None:
        result.failures.append(f"It failed, or could not run:\n{said[-3_000:]}")
    return result


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--what", choices=sorted(TARGETS), default="sip")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for an input that fails")
