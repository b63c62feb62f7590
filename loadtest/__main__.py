"""`python -m loadtest <scenario>`: what shows that the system holds what it promises.

Every scenario exits 0 only when its own checks hold, prints a table, and with --json one JSON object.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from fusioncmd.errors import Problem
from fusioncmd.logs import configure_logs
from fusioncmd.words import sentence
from loadtest import (
    away,
    badauth,
    calldown,
    chain,
    chaos,
    cluster,
    console,
    costs,
    cut,
    demo,
    dictionary,
    disk,
    exchange,
    flap,
    floor_races,
    floor_thin_races,
    forge,
    fuzz,
    kept,
    kit,
    ladder,
    registrations,
    slow,
    storm,
    voice,
)  # fmt: skip
from loadtest.compare import scenario as compare
from loadtest.link import scenario as link
from loadtest.video import scenario as video

INTERRUPTED = 130  # 128 + SIGINT
Scenario = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]
SCENARIOS = {
    "demo": demo,
    "dictionary": dictionary,
    "calldown": calldown,
    "chaos": chaos,
    "storm": storm,
    "slow": slow,
    "flap": flap,
    "console": console,
    "costs": costs,
    "compare": compare,
    "exchange": exchange,
    "floor": floor_races,
    "floor-thin": floor_thin_races,
    "forge": forge,
    "fuzz": fuzz,
    "badauth": badauth,
    "link": link,
    "chain": chain,
    "cut": cut,
    "away": away,
    "cluster": cluster,
    "disk": disk,
    "kept": kept,
    "kit": kit,
    "ladder": ladder,
    "voice": voice,
    "video": video,
    "registrations": registrations,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__.split("\n")[2] if __doc__ else "")
    scenarios = parser.add_subparsers(dest="scenario", required=True)
    for name, module in SCENARIOS.items():
        promise = (module.__doc__ or "").partition(": ")[2].partition("\n")[0]
        scenario = scenarios.add_parser(name, help=promise, description=module.__doc__)
        module.add_arguments(scenario)
        scenario.add_argument(
            "--json", nargs="?", const=True, default=False, metavar="FILE",
            help="one JSON object on standard output, or in FILE",
        )  # fmt: skip
        scenario.set_defaults(run=module.main)
    given = parser.parse_args()
    configure_logs()
    try:
        sys.exit(uvloop.run(given.run(given)))
    except Problem as problem:
        sys.exit(sentence(problem))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
