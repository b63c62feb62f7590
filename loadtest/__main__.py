"""`python -m loadtest <scenario>`: what shows that the system holds what it promises.

Every scenario exits 0 only when its own checks hold, prints a table, and with --json one JSON object.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

import uvloop

from fusioncmd.errors import Problem
from fusioncmd.logs import configure_logs
from fusioncmd.words import sentence
from loadtest import namespace

INTERRUPTED = 130  # 128 + SIGINT
SCENARIOS = {  # and the module of each, which is loaded when it is named, or all for --help
    "demo": "loadtest.demo",
    "dictionary": "loadtest.dictionary",
    "calldown": "loadtest.calldown",
    "chaos": "loadtest.chaos",
    "satellite": "loadtest.satellite.scenario",
    "storm": "loadtest.storm",
    "slow": "loadtest.slow",
    "flap": "loadtest.flap",
    "console": "loadtest.console",
    "costs": "loadtest.costs",
    "compare": "loadtest.compare.scenario",
    "exchange": "loadtest.exchange",
    "floor": "loadtest.floor_races",
    "floor-thin": "loadtest.floor_thin_races",
    "forge": "loadtest.forge",
    "fuzz": "loadtest.fuzz",
    "badauth": "loadtest.badauth",
    "link": "loadtest.link.scenario",
    "chain": "loadtest.chain",
    "cut": "loadtest.cut",
    "away": "loadtest.away",
    "cluster": "loadtest.cluster",
    "disk": "loadtest.disk",
    "kept": "loadtest.kept",
    "kit": "loadtest.kit",
    "ladder": "loadtest.ladder",
    "voice": "loadtest.voice",
    "video": "loadtest.video.scenario",
    "registrations": "loadtest.registrations",
    "alarms": "loadtest.alarms",
    "smoke": "loadtest.smoke.scenario",
    "draws": "loadtest.draws",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__.split("\n")[2] if __doc__ else "")
    scenarios = parser.add_subparsers(dest="scenario", required=True)
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    for name in (asked,) if asked in SCENARIOS else SCENARIOS:
        module = import_module(SCENARIOS[name])
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
    namespace.make_room(2 * getattr(given, "terminals", 0))  # both ends of each connection are here
    try:
        sys.exit(uvloop.run(given.run(given)))
    except Problem as problem:
        sys.exit(sentence(problem))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
